import { type Catalog, compileMutations, compileQuery, tableFunctionRelations } from '#planner';
import { format, parse, scriptFunctions, scriptParameters, withParameters } from '#pxl';
import { generator } from './random.ts';

const samples = [
  `import pxtrace as t, px
upid = '00000003-0024-844a-0000-000008caa618'
@t.probe("main.f")
def f():
    return [{'n': t.ArgExpr("n"), 'r': t.RetExpr('$0')}, {'latency': t.FunctionLatency()}]
t.UpsertTracepoint('a', 'tab', f, px.uint128(upid), "1h30m")
px.display(px.DataFrame(table='tab'))
`,
  `import px
def top(n: int, since: str):
  ''' doc '''
  df = px.DataFrame('tab', select=['time_', 'n', 's'], start_time=since)
  df.x = (df.n + 1) * 2 / 3 - px.bin(df.n, 10) % 4
  df = df[df.x > 1.5 and not df.s == 'it\\'s' or df.n <= -0x1F]
  return df.groupby(['s']).agg(n=('n', px.count), q=('x', px.quantiles))
df = top(5, '-5m')
df['y'] = px.select(df.n > 3, 'a' + "b", """c
d""")
px.display(df[['y', 'n']].head(3), 'out')
px.display(px.GetSchemas())
`,
  `import px
def near(df, least=0, most=9):
    return df[least <= df.n <= most and df.s in ['a', f'b{most:.2f}']]
for name, most in {'n': 5, 's': 7}.items():
    if most > 6 or name is None:
        df = near(px.DataFrame('tab'), most=most)
    elif not name:
        pass
    else:
        df = px.DataFrame('tab').window(by='s', order_by='time_', before=('n', px.lag))[['n', 's']][:3]
df.k = df.s[1:3] + (lambda a: a + 'x')(df.s) if most else df.s
df = df.merge(df, how='outer', left_on=['n'], right_on=['n'], suffixes=['', '_y']).sort('n', ascending=False).tail(2)
df.n //= 2
px.display(df.append([df, df]).distinct('n').rolling('10s', on='n').agg(n=('n', px.p99)), [x ** 2 for x in range(3) if x][0])
`,
];
const pieces = [
  ...[
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '=',
    '.',
    '\n',
    '\r\n',
    '  ',
    '\t',
    "'",
    '"',
    "'''",
    '\\',
    '#',
    '@',
    '*',
    '-',
    '0',
    '1e9',
  ],
  ...[
    'df',
    'df.n',
    'px',
    'px.',
    't.',
    'def f():\n ',
    'return ',
    'for ',
    'lambda ',
    'not ',
    'and ',
    'None',
    'f()',
    "df['n']",
    'px.count',
    '\ud800',
    '\0',
  ],
];
const catalog: Catalog = {
  table: (name) =>
    name === 'tab'
      ? {
          columns: [
            { name: 'time_', type: 'TIME64NS', semantic: 'ST_NONE' },
            { name: 'n', type: 'INT64', semantic: 'ST_NONE' },
            { name: 's', type: 'STRING', semantic: 'ST_NONE' },
          ],
        }
      : undefined,
  tables: () => ['tab'],
  tableFunction: (name) => tableFunctionRelations[name],
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

/** Damaged scripts must give a tree, a plan or diagnostics, soon: never an exception. */
export function run(options: { milliseconds: number; seed?: number }): number {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    let text = samples[inputs % samples.length]!;
    for (let i = random(6); i >= 0; i--) {
      const at = random(text.length + 1);
      const end = random(3) === 0 ? Math.min(text.length, at + random(12)) : at;
      const put =
        random(4) === 0 ? text.slice(random(text.length + 1)).slice(0, random(200)) : pieces[random(pieces.length)]!;
      text = text.slice(0, at) + put + text.slice(end);
    }
    const start = performance.now();
    try {
      check(text);
    } catch (cause) {
      throw new Error(`seed ${seed}, input ${inputs}: ${JSON.stringify(text)}`, { cause });
    }
    const took = performance.now() - start;
    if (took > 1_000)
      throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms: ${JSON.stringify(text)}`);
  }
  return inputs;
}

/** The tree without its places. */
function shape(source: string): string {
  return JSON.stringify(parse(source).tree, (key, value: unknown) =>
    /span$/i.test(key) ? undefined : typeof value === 'bigint' ? `${value}n` : value,
  );
}

function check(text: string): void {
  const parsed = parse(text);
  const laid = format(text);
  if (laid.ok) {
    const again = format(laid.source);
    if (!again.ok || shape(laid.source) !== shape(text))
      throw new Error(`px fmt changes it: ${JSON.stringify(laid.source)}`);
  }
  scriptFunctions(parsed.tree);
  const values = new Map(
    scriptParameters(parsed.tree)
      .filter(({ value }) => typeof value !== 'number' || Number.isFinite(value))
      .map(({ name, value }) => [name, `${value}`]),
  );
  const replaced = withParameters(text, parsed.tree, values);
  if (!replaced.ok) throw new Error(`its own values refused: ${replaced.diagnostics[0]?.message}`);
  const calls = [{ name: 'top', outputName: 'x', arguments: [{ name: 'n', value: '5' }] }];
  for (const options of [{ now: 0n }, { now: 0n, calls }]) {
    const results = [compileMutations(parsed, options), compileQuery(parsed, catalog, options)];
    for (const result of results) {
      if (!result.ok && result.diagnostics.length === 0) throw new Error('refused without a reason');
    }
  }
}
