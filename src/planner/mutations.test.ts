import { describe, expect, it } from 'vitest';
import { type Catalog, compileMutations } from './index.ts';

const now = 1_700_000_000_000_000_000n;
const upid = '00000003-0024-844a-0000-000008caa618';

const script = (
  body: string,
  upsert = "pxtrace.UpsertTracepoint('t', 'tab', f, px.uint128(upid), '5m')",
) => `import pxtrace
import px
upid = '${upid}'
@pxtrace.probe('main.f')
def f():
    ${body}
${upsert}
`;

function faults(source: string): string[] {
  const compiled = compileMutations(source, { now });
  if (compiled.ok) return [];
  return compiled.diagnostics.map(
    ({ id, message, span, hints }) =>
      `${span?.line}:${span?.column} ${id} ${message}${hints ? ` [${hints.join('; ')}]` : ''}`,
  );
}

function mutations(source: string) {
  const compiled = compileMutations(source, { now });
  if (!compiled.ok) throw new Error(faults(source).join('\n'));
  return compiled.value;
}

describe('compileMutations', () => {
  it('keeps a declared signature, a debug file and the wish to go beyond the budget', () => {
    const probe = "pxtrace.probe('main.f', signature='func(n int) error')";
    const upsert = "pxtrace.UpsertTracepoint('t', 'tab', f, px.uint128(upid), '5m', no_budget=True, debug_file='/d')";
    const source = script("return [{'n': pxtrace.ArgExpr('n')}]", upsert).replace("pxtrace.probe('main.f')", probe);
    const [tracepoint] = mutations(source).upserts;
    expect(tracepoint).toMatchObject({
      noBudget: true,
      debugFile: '/d',
      probes: [{ signature: { text: 'func(n int) error' } }],
    });
    expect(faults(source.replace('n int)', 'n +int)'))).toEqual([
      "4:36 goexpr.signature a type is expected, not '+' (at character 8 of 'func(n +int) error') [signature='func(n int, s string) (float64, error)', 'func (p *T) M(n int) error']",
    ]);
    const limited = source.replace("signature='func(n int) error'", 'depth=8, string_bytes=4096, wait_for_pages=True');
    expect(mutations(limited).upserts[0]!.waitForPages).toBe(true);
    expect(mutations(`#px:set capture_depth=3\n#px:set capture_elements=9\n${limited}`).upserts[0]!.limits).toEqual({
      depth: 8,
      elements: 9,
      stringBytes: 4096,
    });
    expect(faults(source.replace("'/d'", "'d'"))[0]).toMatch(/no absolute path/);
    expect(faults(source.replace('True', '1'))[0]).toMatch(/Expected arg 'no_budget' as type 'Bool', received 'Int'/);
  });

  it.each(['pxtrace', 'px'])('%s knows the selectors of pods', (module) => {
    const target = (selector: string) => {
      const upsert = `pxtrace.UpsertTracepoint('t', 'tab', f, ${module}.${selector}, '5m')`;
      return mutations(script("return [{'n': pxtrace.ArgExpr('n')}]", upsert)).upserts[0]!.target;
    };
    expect(target("PodProcess('shop/cart', 'app', 'serve')")).toMatchObject({
      kind: 'pods',
      pods: { namespace: 'shop', pod: 'cart', container: 'app', process: 'serve' },
    });
    expect(target("LabelSelector({'app': 'cart'}, 'shop')")).toMatchObject({
      kind: 'pods',
      pods: { namespace: 'shop', labels: { app: 'cart' } },
    });
  });

  it('gives what a script wants, spans aside', () => {
    const source = script(
      "return [{'n': pxtrace.ArgExpr('n'), 'r': pxtrace.RetExpr('$0')}, {'latency': pxtrace.FunctionLatency(), 'how': pxtrace.Outcome()}]",
    );
    const plain = JSON.parse(
      JSON.stringify(mutations(source), (key, value) =>
        key === 'span' ? undefined : typeof value === 'bigint' ? `${value}` : value,
      ),
    );
    expect(plain).toEqual({
      upserts: [
        {
          name: 't',
          table: 'tab',
          target: { kind: 'upid', upid: { agentId: 3, pid: 0x24844a, startTicks: '147498520' } },
          ttlNs: '300000000000',
          probes: [
            {
              function: 'main.f',
              columns: [
                { name: 'n', capture: { kind: 'argument', text: 'n' } },
                { name: 'r', capture: { kind: 'result', text: '$0' } },
                { name: 'latency', capture: { kind: 'latency' } },
                { name: 'how', capture: { kind: 'outcome' } },
              ],
            },
          ],
        },
      ],
      deletes: [],
    });
  });

  it('takes every way of saying it', () => {
    const plain = mutations(script("return {'n': pxtrace.ArgExpr('n')}")).upserts[0]!;
    const others = [
      `import px as p, pxtrace as t\n@t.probe(fn_name='main.f')\ndef f():\n  return [{'n': t.ArgExpr(expr='n')}]\nt.UpsertTracepoint(ttl='300s', target=p.uint128('${upid}'), probe_fn=f, table_name='tab', name='t')`,
      `from pxtrace import probe, ArgExpr as A, UpsertTracepoint\nimport px\ncolumn = 'n'\ndef trace(name, ttl='5m'):\n  @probe('main.' + name)\n  def g():\n    return ({column: A(column)},)\n  UpsertTracepoint('t', 'tab', g, px.make_upid(3, 0x24844a, 147498520), ttl)\ntrace('f')`,
    ];
    for (const source of others) {
      const found = mutations(source).upserts[0]!;
      const bare = (each: typeof found) =>
        JSON.stringify(each, (key, value) =>
          key === 'span' ? undefined : typeof value === 'bigint' ? `${value}` : value,
        );
      expect(bare(found)).toBe(bare(plain));
    }
  });

  it('deletes', () => {
    expect(
      mutations("import pxtrace\npxtrace.DeleteTracepoint('a')\npxtrace.DeleteTracepoint(name='b')").deletes.map(
        ({ name, span }) => [name, span.line],
      ),
    ).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
  });

  it('looks at no table', () => {
    const source = `import px\ndf = px.DataFrame('no_such', start_time='-5m')\ndf.a = px.bin(df.b, 5) + 1\ndf = df[df.a > 1 and not df.c].groupby('x').agg(n=('y', px.count))\npx.display(df.head(3), 'z')`;
    expect(mutations(source)).toEqual({ upserts: [], deletes: [] });
  });

  it('with a catalog finds what is wrong elsewhere before anything is deployed', () => {
    const columns = [{ name: 'n', type: 'INT64', semantic: 'ST_NONE' } as const];
    const catalog: Catalog = {
      table: (name) => (name === 'other' || name === 'tab' ? { columns } : undefined),
      tables: () => ['other', 'tab'],
      tableFunction: () => undefined,
      tableFunctions: () => [],
    };
    const upsert = script("return [{'m': pxtrace.ArgExpr('m')}]");
    const compiled = (more: string) => {
      const result = compileMutations(`${upsert}${more}`, { now, catalog });
      return result.ok ? result.value.upserts.length : result.diagnostics.map((each) => each.message);
    };
    // The table of the script's own tracepoint is about to change: nothing is said of it yet.
    expect(compiled("px.display(px.DataFrame('tab')[['m']])")).toBe(1);
    expect(compiled('')).toBe(1);
    expect(compiled("df = px.DataFrame('other')\ndf.k = df.nn")).toEqual(["Column 'nn' not found in parent dataframe"]);
    expect(compiled("px.display(px.DataFrame('ather'))")).toEqual(["Table 'ather' not found"]);
    const none = compileMutations('import px', { now, catalog });
    expect(none.ok ? [] : none.diagnostics.map((each) => each.id)).toEqual(['pxl.no-output']);
  });

  it('a definition alone deploys nothing', () => {
    expect(mutations(script("return [{'n': pxtrace.ArgExpr('n')}]", '')).upserts).toEqual([]);
  });

  it.each([
    [
      'malformed UPID, at the string',
      script("return [{'n': pxtrace.ArgExpr('n')}]").replace(upid, 'replace-me'),
      [
        "3:8 pxl.upid 'replace-me' is not a valid UUID [a UPID looks like 00000003-0024-844a-0000-000008caa618; `px run px/upids` lists those of the Go processes]",
      ],
    ],
    [
      'half a TTL',
      script("return [{'n': pxtrace.ArgExpr('n')}]").replace("'5m'", "'10minutes'"),
      [
        "7:59 pxl.ttl Time string is in wrong format: '10minutes' [for instance '5m', '1h30m' or '90s'; units: ms s m h d]",
      ],
    ],
    [
      'negative TTL',
      script("return [{'n': pxtrace.ArgExpr('n')}]").replace("'5m'", "'-5m'"),
      [
        "7:59 pxl.ttl the TTL '-5m' is not longer than nothing [for instance '5m', '1h30m' or '90s'; units: ms s m h d]",
      ],
    ],
    [
      'TTL as a number',
      script("return [{'n': pxtrace.ArgExpr('n')}]").replace("'5m'", '300'),
      ["7:59 pxl.type Expected arg 'ttl' as type 'String', received 'Int'"],
    ],
    [
      'no return',
      script('x = 1'),
      [
        "5:5 pxl.probe Improper probe definition: missing output spec of probe, add a return statement [return [{'name': pxtrace.ArgExpr('name')}]]",
      ],
    ],
    [
      'a string',
      script("return 'x'"),
      ['5:5 pxl.probe Unable to parse probe output definition. Expected Collection, received String'],
    ],
    ['no dict', script("return [pxtrace.ArgExpr('n')]"), ['6:13 pxl.probe Expected Dict, got TracingVariable']],
    [
      'no capture',
      script("return [{'n': 'n'}]"),
      [
        "6:19 pxl.probe Expected TracingVariable, got String [pxtrace.ArgExpr('x'), pxtrace.RetExpr('$0'), pxtrace.FunctionLatency() or pxtrace.Outcome()]",
      ],
    ],
    [
      'key is no string',
      script("return [{1: pxtrace.ArgExpr('n')}]"),
      ["6:14 pxl.type Expected 'String' in arg 'key', got 'int'"],
    ],
    [
      'nothing',
      script('return []'),
      ["5:5 pxl.probe the probe captures nothing [return [{'latency': pxtrace.FunctionLatency()}]]"],
    ],
    [
      'twice',
      script("return [{'n': pxtrace.ArgExpr('n')}, {'n': pxtrace.ArgExpr('m')}]"),
      ["6:43 pxl.probe there are two columns 'n'"],
    ],
    [
      'twice but for case',
      script("return [{'n': pxtrace.ArgExpr('n'), 'N': pxtrace.ArgExpr('m')}]"),
      ["6:41 pxl.probe the columns 'n' and 'N' differ only in case"],
    ],
    [
      'implicit',
      script("return [{'time_': pxtrace.ArgExpr('n')}]"),
      ["6:14 pxl.probe 'time_' is the name of a column that every table has [choose another name]"],
    ],
    [
      'empty expression',
      script("return [{'n': pxtrace.ArgExpr(' ')}]"),
      ["6:35 pxl.probe the expression of ArgExpr() is empty [ArgExpr('name') or ArgExpr('r.URL.Path')]"],
    ],
    ['no Go expression', script("return [{'n': pxtrace.ArgExpr('a b')}]"), ['6:35 goexpr.syntax ']],
    ['a Go expression for later', script("return [{'n': pxtrace.ArgExpr('&a')}]"), ['6:35 goexpr.unsupported ']],
    [
      'outside a probe',
      'import pxtrace\nx = pxtrace.FunctionLatency()',
      [
        "2:5 pxl.probe Missing current probe: FunctionLatency() has a meaning only inside a probe function [put @pxtrace.probe('main.f') above the function, and give the function to UpsertTracepoint]",
      ],
    ],
    [
      'no probe',
      script('return 1').replace("@pxtrace.probe('main.f')\n", ''),
      ["6:38 pxl.probe 'f' is not a probe [put @pxtrace.probe('main.f') above `def f` on line 4]"],
    ],
    [
      'target is a string',
      script("return [{'n': pxtrace.ArgExpr('n')}]").replace('px.uint128(upid)', 'upid'),
      [
        "7:41 pxl.type Unexpected type 'String' for arg 'target' [px.uint128('00000003-0024-844a-0000-000008caa618'): a UPID, as `px run px/upids` prints it]",
      ],
    ],
    [
      'too few arguments',
      "import pxtrace\npxtrace.UpsertTracepoint('a', ttl='5m')",
      ["2:1 pxl.arguments UpsertTracepoint() missing 3 required positional arguments 'table_name','probe_fn','target'"],
    ],
    [
      'too many',
      "import pxtrace\npxtrace.DeleteTracepoint('a', 'b')",
      ['2:31 pxl.arguments DeleteTracepoint() takes 1 argument but 2 were given. [DeleteTracepoint(name)]'],
    ],
    [
      'unknown keyword',
      "import pxtrace\npxtrace.DeleteTracepoint(nam='b')",
      ["2:30 pxl.arguments DeleteTracepoint() got an unexpected keyword argument 'nam' [its arguments: name]"],
    ],
    [
      'used twice',
      `${script("return [{'n': pxtrace.ArgExpr('n')}]")}pxtrace.UpsertTracepoint('t', 'tab2', f, px.uint128(upid), '5m')`,
      ["8:26 pxl.value tracepoint with name 't', already used"],
    ],
    [
      'limits out of range',
      "import pxtrace\n@pxtrace.probe('main.f', depth=33)\ndef f():\n  return []",
      ['2:32 pxl.value depth=33: it is a number from 1 to 32'],
    ],
    [
      'a pod without a namespace',
      "import pxtrace\np = pxtrace.PodProcess('pod')",
      ["2:24 pxl.value Invalid Pod name, expect '<namespace>/<name>', got 'pod' [kubectl get pods -A lists them]"],
    ],
    [
      'bpftrace',
      'import pxtrace\np = pxtrace.kprobe()',
      [
        '2:13 pxl.unsupported pxtrace.kprobe is not supported [Sonde runs no bpftrace programs and traces no kernel functions: it traces functions of Go programs, with pxtrace.probe]',
      ],
    ],
    [
      'a pattern that is none',
      "import pxtrace\np = pxtrace.PodProcess('ns/pod', process_name='(')",
      ["2:47 pxl.value '(' is no regular expression: Invalid regular expression: /(/u: Unterminated group"],
    ],
    [
      'labels that are none',
      "import pxtrace\np = pxtrace.LabelSelector('app=x', 'ns')",
      ['2:27 pxl.type Expected labels to be a dictionary, received String'],
    ],
    [
      'misspelt',
      "import pxtrace\n@pxtrace.prob('x')\ndef f():\n  return 1\npxtrace.UpsertTracepoint('t', 'tab', f, 1, '5m')",
      [
        "2:10 pxl.attribute 'pxtrace' object has no attribute 'prob' [did you mean `probe`?; it has: probe, ArgExpr, RetExpr, FunctionLatency, Outcome, Arguments, Results, Caller, Stack, CPU, ThreadID, ParentGoroutineID, GoStatement, Labels, Error, PanicValue, CallID, ParentCallID, OwnTime, Log, Count, Function, TypeArguments, InlinedInto, Sum, Min, Max, Histogram, TopKeys, PodProcess, Process, LabelSelector, UpsertTracepoint, DeleteTracepoint]",
        "5:41 pxl.type Unexpected type 'Int' for arg 'target' [px.uint128('00000003-0024-844a-0000-000008caa618'): a UPID, as `px run px/upids` prints it]",
      ],
    ],
    [
      'not imported',
      "pxtrace.DeleteTracepoint('a')",
      ["1:1 pxl.unknown-name name 'pxtrace' is not defined [add `import pxtrace` at the top]"],
    ],
    [
      'other module',
      'import numpy as np\nnp.array(1)',
      ["1:8 pxl.import ModuleNotFoundError: No module named 'numpy' [modules: px, pxtrace, pxviews]"],
    ],
    [
      'several faults in one run',
      'import px\na = px.nothing()\nb = a + 1\nc = undefined_name\nd = px.uint128("x")\n',
      [
        "2:8 pxl.attribute 'px' object has no attribute 'nothing' [",
        "4:5 pxl.unknown-name name 'undefined_name' is not defined",
        "5:16 pxl.upid 'x' is not a valid UUID",
      ],
    ],
  ])('%s', (_, source, expected) => {
    const found = faults(source);
    expect(
      found.map((each, i) =>
        /[[ ]$/.test(expected[i] ?? '')
          ? each.slice(0, expected[i]?.length)
          : each.startsWith(`${expected[i]} [a UPID`)
            ? expected[i]
            : each,
      ),
    ).toEqual(expected);
  });

  it('ends on scripts that would not', () => {
    const doubling = Array.from({ length: 40 }, (_, i) => `def f${i + 1}():\n  f${i}()\n  f${i}()\n`).join('');
    const sources = [
      'def f():\n  return f()\nf()',
      `def f0():\n  return 1\n${doubling}f40()`,
      `a = 'xxxxxxxxxx'\n${'a = a + a\n'.repeat(60)}`,
      `a = 3\n${'a = a * a\n'.repeat(60)}`,
      `import px\n@px.f\n${'def g():\n'.repeat(1)}  return 1\n`,
    ];
    for (const source of sources) expect(faults(source), source.slice(0, 30)).toHaveLength(1);
  });
});
