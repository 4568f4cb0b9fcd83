import { beforeAll, describe, expect, it } from 'vitest';
import type { GoBinary, GoFunction } from '#gobin';
import type { Capture, ProcessTracepoint } from '#model';
import { instructionText, openGoFile } from '../../testing/ebpf/index.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { type Compilation, compileTarget } from './compile.ts';
import { describeCompilation } from './describe.ts';

let binary: GoBinary;

beforeAll(async () => {
  binary = openGoFile(await goFixture({ source: 'values' }));
}, 120_000);

const options = { filter: { tgid: 3 }, features: { attachCookie: true }, targetIndex: 0, instructionText };
const span = { start: 10, end: 20, line: 2, column: 5 };
const argument = (text: string): Capture => ({ kind: 'argument', text, span });
const result = (text: string): Capture => ({ kind: 'result', text });

/** A tracepoint with one probe a function, all with the same columns `c0`, `c1`, … */
function tracepoint(functions: string | readonly string[], ...captures: Capture[]): ProcessTracepoint {
  const columns = captures.map((capture, i) => ({ name: `c${i}`, capture }));
  return {
    name: 'test',
    table: 'test',
    target: { kind: 'upid', upid: { agentId: 1, pid: 3, startTicks: 5n } },
    ttlNs: 300_000_000_000n,
    probes: [functions].flat().map((fn) => ({ function: fn, columns, span })),
  };
}

function compiled(logical: ProcessTracepoint): Compilation {
  const found = compileTarget(logical, binary, options);
  if (!found.ok) throw new Error(JSON.stringify(found.diagnostics, null, 1));
  return found.value;
}

function refused(...args: Parameters<typeof tracepoint>) {
  const found = compileTarget(tracepoint(...args), binary, options);
  if (found.ok) throw new Error('it was compiled');
  return found.diagnostics;
}

/** `type` or `not captured: …`, a column each. */
function forms(compilation: Compilation): string[] {
  return compilation.planned[0]!.plan.columns.map(({ column, source }) => {
    const type = `${column.unsigned === true ? 'unsigned ' : ''}${column.type}${column.semantic === 'ST_NONE' ? '' : ` ${column.semantic}`}`;
    if ((source.kind === 'entry' || source.kind === 'return') && source.shape.kind === 'missing') {
      return `${type}, not captured: ${source.shape.reason}`;
    }
    return type;
  });
}

function stage(logical: ProcessTracepoint, name: string): string[] {
  return describeCompilation(logical, compiled(logical), binary)
    .find((each) => each.name === name)!
    .text.split('\n');
}

describe('declared types', () => {
  const declared = (text: string) => {
    const logical = tracepoint('main.touch', { kind: 'arguments' });
    const found = compileTarget(
      { ...logical, probes: logical.probes.map((probe) => ({ ...probe, signature: { text } })) },
      binary,
      options,
    );
    return found.ok ? 'taken' : found.diagnostics[0]!.message.replace(/ \(at character.*/, '');
  };

  it.each([
    ['type q q; func(x []q)', 'a main.q has itself in it'],
    ['type a b; type b a; func(x []a)', 'a main.a has itself in it'],
    ['type a struct { B [2]b }; type b struct { A a }; func(x []*a)', 'a main.a has itself in it'],
    ['type q[T any] struct { Next *q[[]T] }; func(x []q[int])', 'the declaration makes too many types'],
    ['type q[T any] struct { Next *q[map[T]T] }; func(x []q[int])', 'the declaration makes too many types'],
    ['type q[T any] struct { Next q[[]T] }; func(x []q[int])', 'the types have too many others in them'],
  ])('without an end are refused: %s', (text, message) => {
    expect(declared(text)).toContain(message);
  });

  it.each([
    'type q []q; func(x q)',
    'type t struct { By map[string]struct { In t }; Two *[2]t; F func(t) }; func(x []t)',
    'type pair[K, V any] struct { Key K; Value V; Swapped *pair[V, K] }; func(x []pair[string, pair[int, bool]])',
    `${Array.from({ length: 199 }, (_, i) => `type t${i} struct { Next *t${i + 1} }`).join('; ')}; type t199 int; func(x []t0)`,
  ])('may refer to themselves: %.60s', (text) => {
    expect(declared(text)).toBe('taken');
  });
});

describe('columns', () => {
  it('of bytes compared with text are refused, with what to write instead', () => {
    const [diagnostic] = refused('main.touch', argument('b == "x"'));
    expect(diagnostic).toMatchObject({ message: expect.stringMatching(/'b' is of type \[\]uint8/) });
    expect(diagnostic!.hints).toContain('as text: string(b)');
  });

  it('of values that only a log line shows have their types', () => {
    for (const text of ['{s}', '{m} {e}', '{last} {len(s)} {latency}']) {
      const { planned } = compiled(tracepoint('main.mixed', { kind: 'log', text }));
      const { graph, entry } = planned[0]!.plan;
      expect(graph === undefined).toBe(entry?.walk === undefined);
      expect(graph === undefined).toBe(!entry!.slots.some(({ kind }) => kind === 'graph'));
    }
  });

  it('have the types of Go integers, bool, time.Duration, pointers, strings', () => {
    const names = ['a', 'd', 'e', 'f', 'h', 'i', 'j'];
    expect(forms(compiled(tracepoint('main.ints', ...names.map(argument))))).toEqual([
      'INT64',
      'INT64',
      'INT64',
      'INT64',
      'INT64',
      'unsigned INT64',
      'unsigned INT64',
    ]);
    expect(
      forms(compiled(tracepoint('main.named', ...['t', 'on', 'l', 'd', 'p', '*p'].map(argument), result('cold')))),
    ).toEqual(['INT64', 'BOOLEAN', 'STRING', 'INT64 ST_DURATION_NS', 'STRING', 'INT64', 'INT64']);
    const whole: Capture[] = [{ kind: 'latency' }, { kind: 'outcome' }, { kind: 'arguments' }, { kind: 'results' }];
    expect(forms(compiled(tracepoint('main.named', ...whole)))).toEqual([
      'INT64 ST_DURATION_NS',
      'STRING',
      'STRING',
      'STRING',
    ]);
  });

  it('begin with upid, time_, goid_', () => {
    const { relation } = compiled(tracepoint('main.ints', argument('a')));
    expect(relation.columns.map((column) => column.name)).toEqual(['upid', 'time_', 'goid_', 'c0']);
  });

  it('say why a value is not captured, and keep its type; structured ones are JSON', () => {
    const names = ['x', 'm', 's', 'z', 'f', 'c', 'e', 'a', 'last'];
    expect(forms(compiled(tracepoint('main.mixed', ...names.map(argument), result('$0'))))).toEqual([
      'FLOAT64, not captured: in a float register: nothing is known of this kernel',
      'STRING',
      'STRING',
      'STRING, not captured: type complex128: in a float register: nothing is known of this kernel',
      'STRING',
      'STRING',
      'STRING',
      'STRING',
      'INT64',
      'FLOAT64, not captured: in a float register: nothing is known of this kernel',
    ]);
    expect(
      forms(compiled(tracepoint('main.(*Node).visit', argument('*n'), argument('n.Score'), argument('pair')))),
    ).toEqual(['STRING', 'FLOAT64', 'STRING']);
  });

  it('reach fields: promoted, through embedded pointers, of structs in registers', () => {
    const names = [
      'n.Name',
      'n.Base.ID',
      'n.Owner.Name',
      'n.Meta.Owner.ID',
      'n.Next.Next.Cold',
      'n.On',
      'pair.Key',
      'pair.Value',
      '#1',
      'n',
    ];
    const logical = tracepoint('main.(*Node).visit', ...names.map(argument));
    expect(forms(compiled(logical))).toEqual([
      'STRING',
      'INT64',
      'STRING',
      'INT64',
      'INT64',
      'BOOLEAN',
      'STRING',
      'INT64',
      'INT64',
      'STRING',
    ]);
    expect(stage(logical, 'plan').filter((line) => line.includes('slot') && line.includes('status'))).toEqual(
      [
        '    slot 0: string up to 512 bytes at 72, status at 56 = rax -> +16',
        '    slot 1: uint at 592, status at 57 = rax -> +8',
        '    slot 2: string up to 512 bytes at 600, status at 58 = rax -> +0 -> +24 -> +8',
        '    slot 3: uint at 1120, status at 59 = rax -> +0 -> +24 -> +0',
        '    slot 4: int at 1128, status at 60 = rax -> +56 -> +56 -> +72',
        '    slot 5: bool at 1136, status at 61 = rax -> +74',
        '    slot 6: string up to 512 bytes at 1144, status at 62 = rcx, rdi',
        '    slot 7: int at 1664, status at 63 = rsi',
        '    slot 8: int at 1672, status at 64 = rbx',
        '    slot 9: graph at 2144, status at 65 = +0 rax',
      ].map((line) => line.replace(/at (\d+), status at (\d+)/, (_, at, status) => `at ${at}, status at ${status}`)),
    );
  });

  it('are captured once when two columns want the same', () => {
    const { planned } = compiled(tracepoint('main.ints', argument('a'), argument('#0'), { kind: 'arguments' }));
    expect(planned[0]!.entry!.layout.slots).toHaveLength(10);
  });

  it('of all probes of a tracepoint must be equal', () => {
    expect(compiled(tracepoint(['main.recurse', 'main.fails'], argument('n'))).compiled.plans).toHaveLength(2);
    expect(refused(['main.recurse', 'main.branches'], result('$0'))).toEqual([
      {
        id: 'probe.unequal-columns',
        message: `the probes of 'test' write one table, but their columns differ`,
        hints: ['main.recurse: c0 INT64', 'main.branches: c0 STRING'],
        span,
      },
    ]);
  });

  it('on the stack are found by the ABI', () => {
    // big [4]int64 does not fit into registers: it goes to the stack whole; what follows still gets registers.
    const logical = tracepoint('main.onStack', ...['pair.Value', 'name', 'n'].map(argument));
    expect(stage(logical, 'plan').filter((line) => line.includes('status'))).toEqual([
      expect.stringMatching(/= rcx$/),
      expect.stringMatching(/= rdi, rsi$/),
      expect.stringMatching(/= r8$/),
    ]);
  });

  it('are an object of nothing for a function without results', () => {
    const { planned } = compiled(tracepoint('main.main', { kind: 'arguments' }, { kind: 'results' }));
    expect(planned[0]!.plan.columns.map(({ source }) => source)).toEqual([
      { kind: 'entry', shape: { kind: 'object', fields: [] } },
      { kind: 'return', shape: { kind: 'object', fields: [] } },
    ]);
  });
});

describe('events', () => {
  const kinds = (...args: Parameters<typeof tracepoint>) =>
    compiled(tracepoint(...args)).compiled.programs.map(({ program, sites }) => `${program.name} ${sites.length}`);

  it('are the entry alone for arguments alone', () => {
    expect(kinds('main.branches', argument('n'))).toEqual(['entry_0 1']);
    expect(compiled(tracepoint('main.branches', argument('n'))).compiled.plans[0]).toMatchObject({ rowAtEntry: true });
  });

  it('are the returns alone for results alone', () => {
    expect(kinds('main.recovers', result('r'))).toEqual(['return_0 2']);
  });

  it('are all for anything else, entries attached last', () => {
    expect(kinds(['main.recovers', 'main.quits'], { kind: 'latency' })).toEqual([
      'recovery 1',
      'goexit 1',
      'return_0 2',
      'return_1 1',
      'entry_0 1',
      'entry_1 1',
    ]);
  });
});

describe('inlined copies', () => {
  it('have a probe where their calls end only if that is asked for', () => {
    const ends = (...captures: Capture[]) =>
      compiled(tracepoint('strings.TrimPrefix', ...captures)).sites.reduce(
        (sum, { returns }) => sum + returns.length,
        0,
      );
    expect(ends({ kind: 'aggregate', function: 'count' })).toBe(0);
    expect(ends({ kind: 'latency' })).toBeGreaterThan(0);
  });

  it('share their programs, however much of a frame lies above them', () => {
    const { compiled: target } = compiled(tracepoint('sync.*', { kind: 'latency' }));
    for (const role of ['entry', 'return']) {
      const programs = target.programs.filter(({ program }) => program.name.startsWith(role));
      const frames = programs.map(({ cookies }) => new Set(cookies!.map((cookie) => Math.floor(cookie / 2 ** 32))));
      expect(Math.max(...frames.map(({ size }) => size))).toBeGreaterThan(2);
      // Copies have one, functions one; of these, entries at a stack check test flags, and some of them whether the call began again.
      expect(programs.length).toBeLessThanOrEqual(role === 'entry' ? 4 : 2);
    }
  });
});

it('debug info is not gone through for what closures have captured, where no name is looked for that they may have', () => {
  const asked: string[] = [];
  const watched: GoBinary = Object.create(binary, {
    captured: {
      value: (fn: GoFunction) => {
        asked.push(fn.name);
        return binary.captured(fn);
      },
    },
  });
  const of = (...captures: Capture[]) => {
    asked.length = 0;
    compileTarget(tracepoint('re:^main[.].*func[0-9]+$', ...captures), watched, options);
    return asked.length;
  };
  expect(of({ kind: 'aggregate', function: 'count' }, { kind: 'latency' })).toBe(0);
  expect(of({ kind: 'aggregate', function: 'sum', of: { kind: 'argument', text: 'nowhere' } })).toBeGreaterThan(0);
});

describe('another process of the same binary', () => {
  it('has the programs that it would have been compiled to, and the same plans', () => {
    const logical = tracepoint('strings.TrimPrefix', { kind: 'arguments' }, { kind: 'latency' }, { kind: 'outcome' });
    const other = { filter: { tgid: 4, namespace: { device: 4n, inode: 5n } }, bias: 0x1000, processes: 100 };
    const [first, fresh] = [options, { ...options, ...other }].map((each) => {
      const found = compileTarget(logical, binary, each);
      if (!found.ok) throw new Error(found.diagnostics[0]!.message);
      return found.value;
    });
    const again = first!.forProcess(other);
    expect(again.compiled.programs).toEqual(fresh!.compiled.programs);
    expect(again.compiled.programs).not.toEqual(first!.compiled.programs);
    expect(again.maps).toEqual(fresh!.maps);
    expect(again.warnings).toEqual(fresh!.warnings);
    expect(again.compiled.plans).toBe(first!.compiled.plans);
  });
});

describe('diagnostics', () => {
  it('name what is near a function', () => {
    expect(refused('main.recurs', argument('n'))).toEqual([
      {
        id: 'probe.no-such-function',
        message: `there is no function 'main.recurs' in the binary`,
        span,
        hints: expect.arrayContaining(['did you mean main.recurse?']),
      },
    ]);
  });

  it('list the candidates of an ambiguous name', () => {
    const [found] = refused('String', argument('n'));
    expect(found).toMatchObject({ id: 'probe.ambiguous-function' });
    expect(found!.hints!.length).toBeGreaterThan(2);
  });

  it('are none for a function that was inlined everywhere: its copies are probed', () => {
    const { compiled: target, sites } = compiled(tracepoint('strings.TrimPrefix', argument('s')));
    expect(
      target.plans.every(
        ({ function: fn, nested, names }) =>
          fn === 'strings.TrimPrefix' && nested === true && names!.inlinedInto !== '',
      ),
    ).toBe(true);
    expect(sites.every(({ entry }) => entry !== undefined)).toBe(true);
  });

  it('are none for the stack of a function that was inlined everywhere: it begins where the copy is', () => {
    const { planned } = compiled(tracepoint('strings.TrimPrefix', { kind: 'stack' }));
    expect(planned.length).toBeGreaterThan(0);
    for (const { entry, plan } of planned) {
      expect(entry!.sources).toMatchObject([{ kind: 'stack' }]);
      expect(plan.columns.at(-1)).toMatchObject({
        source: { kind: 'entry', shape: { kind: 'frames', start: { at: expect.any(Number) } } },
      });
    }
  });

  it('report every mistake of every column and probe together', () => {
    expect(
      refused(
        ['main.ints', 'main.(*Node).visit'],
        argument('x'),
        argument('pair.Kay'),
        argument('e.f'),
        result('a'),
      ).map(({ id, message }) => `${id}: ${message}`),
    ).toEqual([
      `probe.no-such-variable: main.ints has no argument 'x'`,
      `probe.no-such-variable: main.ints has no argument 'pair'`,
      `probe.no-fields: 'e.f': e is of type int, which has no fields`,
      `probe.wrong-side: 'a' is an argument of main.ints, not a result`,
      `probe.no-such-variable: main.(*Node).visit has no argument 'x'`,
      `probe.no-such-field: main.Pair has no field 'Kay' (in 'pair.Kay')`,
      `probe.no-such-variable: main.(*Node).visit has no argument 'e'`,
      `probe.no-such-variable: main.(*Node).visit has no result 'a'`,
    ]);
  });

  it('list what there is, with types', () => {
    expect(refused('main.(*Node).visit', argument('pair.Kay'))[0]!.hints).toEqual([
      'did you mean pair.Key?',
      'fields of main.Pair: Key string, Value int32',
    ]);
    expect(refused('main.branches', argument('m'))[0]!.hints).toEqual(['its arguments: n int']);
    expect(refused('main.named', result('$2'))[0]!.hints).toContain('its results: cold main.Celsius, err error');
  });

  it('tell arguments from results', () => {
    expect(refused('main.named', argument('err'))).toMatchObject([
      {
        id: 'probe.wrong-side',
        message: `'err' is a result of main.named: it has no value at the entry`,
        hints: ['use pxtrace.RetExpr("err")'],
        span,
      },
    ]);
  });

  it('explain what has no fields, and ambiguous ones', () => {
    const message = (text: string) => refused('main.mixed', argument(text))[0]!.message;
    expect(message('e.x')).toBe(`'e.x': e is an interface (error): say what it holds, e.(T)`);
    expect(message('m.x')).toBe(`'m.x': m is of type map[string]int, which has no fields`);
    expect(message('*x')).toBe(`'*x': x is of type float64, not a pointer`);
    expect(message('s[0:1:2]')).toBe(`a slice with a capacity is not supported (at character 6 of 's[0:1:2]')`);
  });
});

it('calls that are counted and nothing more are counted once: where hits are', () => {
  const usesMap = (...captures: Capture[]) =>
    compiled(tracepoint('main.ints', ...captures)).compiled.programs.map(({ program }) =>
      program.maps.some(({ map }) => map === 'groups'),
    );
  const count: Capture = { kind: 'aggregate', function: 'count' };
  expect(usesMap(count)).toEqual([false]);
  expect(usesMap(count, { kind: 'cpu' })).toEqual([true]);
});
