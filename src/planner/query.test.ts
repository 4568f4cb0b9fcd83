import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Column, Relation } from '#model';
import { type Catalog, compileQuery, type FunctionCall, type QueryPlan, tableFunctionRelations } from './index.ts';

const now = 1_700_000_000_000_000_000n;
const upid = (3n << 96n) | (42n << 64n) | 1234n;
const column = (
  name: string,
  type: Column['type'],
  semantic: Column['semantic'] = 'ST_NONE',
  unsigned?: true,
): Column => ({
  name,
  type,
  semantic,
  ...(unsigned ? { unsigned } : {}),
});
const relations: Record<string, Relation> = {
  calls: {
    columns: [
      column('upid', 'UINT128', 'ST_UPID'),
      column('time_', 'TIME64NS'),
      column('goid_', 'INT64'),
      column('n', 'INT64'),
      column('u', 'INT64', 'ST_NONE', true),
      column('x', 'FLOAT64'),
      column('s', 'STRING'),
      column('ok', 'BOOLEAN'),
      column('latency', 'INT64', 'ST_DURATION_NS'),
    ],
  },
  'odd "name\'': { columns: [column('a "b\'', 'INT64'), column('select', 'STRING')] },
};
const catalog: Catalog = {
  table: (name) => relations[name],
  tables: () => Object.keys(relations),
  tableFunction: (name) => tableFunctionRelations[name],
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

function plan(source: string, calls?: readonly FunctionCall[]): QueryPlan {
  const compiled = compileQuery(source, catalog, { now, queryId: 'q', ...(calls ? { calls } : {}) });
  if (!compiled.ok)
    throw new Error(
      compiled.diagnostics.map((each) => `${each.span?.line}:${each.span?.column} ${each.message}`).join('\n'),
    );
  return compiled.value;
}

function faults(source: string, calls?: readonly FunctionCall[]): string[] {
  const compiled = compileQuery(source, catalog, { now, queryId: 'q', ...(calls ? { calls } : {}) });
  if (compiled.ok) return [];
  return compiled.diagnostics.map(
    ({ message, span, hints }) =>
      `${span ? `${span.line}:${span.column} ` : ''}${message}${hints ? ` [${hints[0]}]` : ''}`,
  );
}

const frame = (...lines: string[]) =>
  ['import px', "df = px.DataFrame('calls')", ...lines, 'px.display(df)'].join('\n');

let instance: DuckDBInstance;
let connection: Awaited<ReturnType<DuckDBInstance['connect']>>;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { enable_external_access: 'false' });
  connection = await instance.connect();
  await connection.run(
    'CREATE TABLE calls (upid UHUGEINT, time_ BIGINT, goid_ BIGINT, n BIGINT, u UBIGINT, x DOUBLE, s VARCHAR, ok BOOLEAN, latency BIGINT, notes_ VARCHAR, seq_ BIGINT)',
  );
  // Inserted out of order: rows must come by seq_.
  const minute = 60_000_000_000n;
  await connection.run(`INSERT INTO calls VALUES
    (${upid}, ${now - 1n * minute}, 7, 3, 18446744073709551615, 2.5, 'b', true, 1500, NULL, 3),
    (${upid}, ${now - 10n * minute}, 7, 1, 1, 0.5, 'a', false, 500, NULL, 1),
    (${upid}, ${now - 5n * minute}, 8, -2, 2, 'nan', 'a', true, 1000, '{"s":"cut"}', 2),
    (${upid}, ${now}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"n":"unreadable"}', 4)`);
  await connection.run(`CREATE TABLE "odd ""name'" ("a ""b'" BIGINT, "select" VARCHAR, notes_ VARCHAR, seq_ BIGINT)`);
  await connection.run(`INSERT INTO "odd ""name'" VALUES (5, 'it''s', NULL, 1)`);
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const duckdbTypes = {
  BOOLEAN: 'BOOLEAN',
  INT64: 'BIGINT',
  TIME64NS: 'BIGINT',
  FLOAT64: 'DOUBLE',
  STRING: 'VARCHAR',
  UINT128: 'UHUGEINT',
};

/** The rows of the last output, without notes; the columns' types must be those of the relation. */
async function rows(source: string, calls?: readonly FunctionCall[]): Promise<unknown[][]> {
  const output = plan(source, calls).outputs.at(-1)!;
  const reader = await connection.runAndReadAll(output.sql);
  const expected = output.relation.columns.map((each) => (each.unsigned ? 'UBIGINT' : duckdbTypes[each.type]));
  expect(reader.columnTypes().map(String)).toEqual(output.notes ? [...expected, 'VARCHAR'] : expected);
  expect(reader.columnNames()).toEqual([
    ...output.relation.columns.map((each) => each.name),
    ...(output.notes ? ['notes_'] : []),
  ]);
  return reader.getRows().map((row) => (output.notes ? row.slice(0, -1) : row));
}

/** The values of one new column. */
async function values(expression: string): Promise<unknown[]> {
  return (await rows(frame(`df.out = ${expression}`, "df = df[['out']]"))).map((row) => row[0]);
}

describe('rows', () => {
  it('come whole, in order of ingest, with notes', async () => {
    const [output] = plan(frame()).outputs;
    expect(output!.sql).toMatchInlineSnapshot(`
      "SELECT t."upid" AS "upid", t."time_" AS "time_", t."goid_" AS "goid_", t."n" AS "n", t."u" AS "u", t."x" AS "x", t."s" AS "s", t."ok" AS "ok", t."latency" AS "latency", t."notes_" AS "notes_"
      FROM "calls" AS t
      ORDER BY t."seq_""
    `);
    const reader = await connection.runAndReadAll(output!.sql);
    expect(reader.getRows().map((row) => [row[3], row.at(-1)])).toEqual([
      [1n, null],
      [-2n, '{"s":"cut"}'],
      [3n, null],
      [null, '{"n":"unreadable"}'],
    ]);
    expect(output!.relation).toEqual(relations.calls);
  });

  it('filters, projections and limits become one SELECT that reads only what it needs', () => {
    const [output] = plan(
      frame(
        'df.ms = df.latency / 1.0E6',
        "df = df[df.ms > 0.0 and df.s == 'a']",
        "df = df[['time_', 'ms']]",
        'df = df.head(2)',
        'df.twice = df.ms * 2',
      ),
    ).outputs;
    expect(output!.sql).toMatchInlineSnapshot(`
      "SELECT t."time_" AS "time_", (CAST(t."latency" AS DOUBLE) / CAST('1000000' AS DOUBLE)) AS "ms", ((CAST(t."latency" AS DOUBLE) / CAST('1000000' AS DOUBLE)) * CAST(CAST(2 AS BIGINT) AS DOUBLE)) AS "twice", t."notes_" AS "notes_"
      FROM "calls" AS t
      WHERE (((CAST(t."latency" AS DOUBLE) / CAST('1000000' AS DOUBLE)) > CAST('0' AS DOUBLE)) AND (t."s" = 'a'))
      ORDER BY t."seq_"
      LIMIT 2"
    `);
  });

  it('a filter behind a limit stays behind it', async () => {
    expect(await rows(frame('df = df.head(2)', 'df = df[df.n > 0]', "df = df[['n']]"))).toEqual([[1n]]);
    expect(
      plan(frame('df = df.head(2)', 'df = df[df.n > 0]', "df = df[['n']]")).outputs[0]!.sql,
    ).toMatchInlineSnapshot(`
      "SELECT t."n" AS "n", t."notes_" AS "notes_"
      FROM (
        SELECT t."n" AS "n", t."notes_" AS "notes_", t."seq_" AS "seq_"
        FROM "calls" AS t
        ORDER BY t."seq_"
        LIMIT 2
      ) AS t
      WHERE (t."n" > CAST(0 AS BIGINT))
      ORDER BY t."seq_""
    `);
  });

  it('head() is five, the least of two heads counts, head(0) is none', async () => {
    expect(plan(frame('df = df.head()')).outputs[0]!.sql).toContain('LIMIT 5');
    expect(await rows(frame('df = df.head(3).head(1)', "df = df[['n']]"))).toEqual([[1n]]);
    expect(await rows(frame('df = df.head(1).head(n=3)', "df = df[['n']]"))).toEqual([[1n]]);
    expect(await rows(frame('df = df.head(0)'))).toEqual([]);
  });

  it('keep, drop and select', async () => {
    expect(await rows(frame("df = df[['n', 'goid_']]", 'df = df.head(1)'))).toEqual([[1n, 7n]]);
    expect(
      await rows(frame("df = df.drop(['upid', 'time_', 'u', 'x', 's', 'ok', 'latency'])", 'df = df.head(1)')),
    ).toEqual([[7n, 1n]]);
    expect(await rows(frame("df = px.DataFrame(table='calls', select=['s', 'n'])", 'df = df.head(1)'))).toEqual([
      ['a', 1n],
    ]);
  });

  it('start_time and end_time, both inclusive', async () => {
    const count = async (bounds: string) =>
      (await rows(`import px\ndf = px.DataFrame('calls', ${bounds})\npx.display(df)`)).length;
    expect(await count("start_time='-5m'")).toBe(3);
    expect(await count("start_time='-6m' + '+1m'")).toBe(3);
    expect(await count("start_time='-6m', end_time='-1m'")).toBe(2);
    expect(await count('end_time=px.now() - px.minutes(5)')).toBe(2);
    expect(await count(`start_time=${now}`)).toBe(1);
    expect(await count("start_time='2023-11-14 22:12:20 +0000'")).toBe(2);
    expect(await count("start_time='2023-11-14T23:12:20.000000001+01:00'")).toBe(1);
    expect(await count('start_time=None')).toBe(4);
  });

  it('a column named by a keyword or with quotes', async () => {
    const source = `import px\ndf = px.DataFrame('odd "name\\'', start_time='-5m')\ndf['a "b\\''] = df['a "b\\''] + 1\ndf = df[df.select == 'it\\'s']\npx.display(df)`;
    expect(await rows(source)).toEqual([[6n, "it's"]]);
  });

  it('reassigned columns keep their place, and an old expression means the column as it is now', async () => {
    expect(
      await rows(frame("df = df[['n', 's']]", 'df.n = df.n * 10', 'df.n = df.n + 1', 'df = df[df.n > 0]')),
    ).toEqual([
      [11n, 'a'],
      [31n, 'b'],
    ]);
    // An expression knows columns by name, as in Pixie.
    expect(await rows(frame('old = df.n + 1', 'df.n = 5', 'df.m = old', "df = df.head(1)[['m']]"))).toEqual([[6n]]);
    expect(faults(frame('old = df.n + 1', "df.n = 'a'", 'df.m = old'))).toEqual([
      "5:8 the column 'n' in this expression is INT64 in another DataFrame, and STRING in this one [write the expression over the DataFrame as it is now]",
    ]);
    expect(await rows(frame('old = df.n + 1', 'df.k = 5', 'df = df.head(1)', 'df.m = old', "df = df[['m']]"))).toEqual([
      [2n],
    ]);
  });

  it('expressions that would grow beyond measure stay in steps or are refused', async () => {
    const doubled = frame(
      "df = df[['n']]",
      ...Array.from({ length: 30 }, () => 'df.n = df.n + df.n'),
      'df = df.head(1)',
    );
    expect(await rows(doubled)).toEqual([[2n ** 30n]]);
    expect(plan(doubled).outputs[0]!.sql.length).toBeLessThan(50_000);
    expect(faults(frame('e = df.n', ...Array.from({ length: 30 }, () => 'e = e + e')))[0]).toMatch(
      /more than 5000 parts/,
    );
    // What DuckDB's SQL of a function says several times.
    const loops: [string, string, unknown][] = [
      ['df.n * 1.0', 'px.sqrt(x)', 1],
      ['df.s', "px.pluck(x, 'a')", ''],
    ];
    for (const [first, made, expected] of loops) {
      const loop = ['for i in range(40):', `    x = ${made}`];
      const script = frame('df = df[df.n == 1]', `x = ${first}`, ...loop, 'df.x = x', "df = df[['x']]");
      expect(await rows(script)).toEqual([[expected]]);
      expect(plan(script).outputs[0]!.sql.length).toBeLessThan(200_000);
    }
    expect(faults(frame(...Array.from({ length: 600 }, (_, i) => `df.a${i} = 1`)))[0]).toMatch(
      /more than 500 operations/,
    );
  });
});

describe('expressions', () => {
  it.each<[string, unknown[]]>([
    ['df.n + 1', [2n, -1n, 4n, null]],
    ['df.n - df.goid_ * 2', [-13n, -18n, -11n, null]],
    ['df.n / 2', [0.5, -1, 1.5, null]],
    ['df.n / 0', [Infinity, -Infinity, Infinity, null]],
    ['df.n % 2', [1n, 0n, 1n, null]],
    ['df.n % 0', [null, null, null, null]],
    ['-df.n', [-1n, 2n, -3n, null]],
    ['df.x * 2', [1, NaN, 5, null]],
    ['df.u', [1n, 2n, 18446744073709551615n, null]],
    ['df.u / 1', [1, 2, 18446744073709552000, null]],
    ['df.u % 10', [1n, 2n, 5n, null]],
    ['df.u > df.n', [false, true, true, null]],
    ['df.u == 18446744073709551615', [false, false, true, null]],
    ["df.s + '!'", ['a!', 'a!', 'b!', null]],
    ["df.s == 'a' and df.ok", [false, true, false, null]],
    ["df.s == 'a' or df.ok", [true, true, true, null]],
    ['not df.ok', [true, false, false, null]],
    ['df.n != 1', [false, true, true, null]],
    ['df.n >= 1.5', [false, false, true, null]],
    // Beside NaN everything is false but `!=`.
    ['df.x > 1', [false, false, true, null]],
    ['df.x >= df.x', [true, false, true, null]],
    ['df.x < 1', [true, false, false, null]],
    ['1.0 <= df.x', [false, false, true, null]],
    ['0.5 < df.x <= 2.5', [false, false, true, null]],
    ['df.x == df.x', [true, false, true, null]],
    ['df.x != df.x', [false, true, false, null]],
    ['df.x != 0.5', [false, true, true, null]],
    ['df.x > df.n', [false, false, false, null]],
    ['df.n < df.x', [false, false, false, null]],
    ['df.x in [0.5, 2.5]', [true, false, true, null]],
    ['df.time_ - px.now()', [-600_000_000_000n, -300_000_000_000n, -60_000_000_000n, 0n]],
    ['df.time_ > px.now() - px.minutes(2)', [false, false, true, true]],
    ['px.bin(df.latency, 1000)', [0n, 1000n, 1000n, null]],
    ['px.bin(df.u, 10)', [0n, 0n, 18446744073709551610n, null]],
    ['px.upid_to_pid(df.upid)', [42n, 42n, 42n, 42n]],
    ['px.upid_to_asid(df.upid)', [3n, 3n, 3n, 3n]],
    ["df.ctx['pid']", [42n, 42n, 42n, 42n]],
    ['px.upid_to_string(df.upid)', Array(4).fill('3:42:1234')],
    ['px.to_string(df.upid)', Array(4).fill('00000003-0000-002a-0000-0000000004d2')],
    ['px.upid_to_start_ts(df.upid)', Array(4).fill(1234n)],
    ['px.upid(3, 42, df.n) == px.make_upid(3, 42, 1)', [true, null, false, null]],
    ["px.pod_name_to_namespace('shop/' + df.s)", ['shop', 'shop', 'shop', null]],
    ["px.service_name_to_namespace('a/b/c') + px.service_name_to_namespace('a')", Array(4).fill('')],
    ["df.upid == px.uint128('00000003-0000-002a-0000-0000000004d2')", [true, true, true, true]],
    ['px.select(df.ok, df.n, 0)', [0n, -2n, 3n, null]],
    ['px.abs(df.n)', [1n, 2n, 3n, null]],
    ['px.floor(df.x)', [0n, null, 2n, null]],
    ['px.sqrt(df.n)', [1, NaN, Math.sqrt(3), null]],
    ['px.ln(df.n - 1)', [-Infinity, NaN, Math.log(2), null]],
    ["px.contains(df.s, 'a')", [true, true, false, null]],
    ['px.toupper(df.s) + px.itoa(df.n)', ['A1', 'A-2', 'B3', null]],
    ["px.length(df.s + 'é')", [2n, 2n, 2n, null]],
    ["px.find(df.s, 'b')", [-1n, -1n, 0n, null]],
    ["px.substring('wxyz', 1, 2)", Array(4).fill('xy')],
    ["px.regex_match('[ab]', df.s)", [true, true, true, null]],
    ['px.equals_any(df.n, [1, 3])', [true, false, true, null]],
    ['px.pluck_int64(\'{"a/b": 5, "c": "x"}\', \'a/b\')', Array(4).fill(5n)],
    ['px.pluck(\'{"a": {"b": 1}}\', \'a\')', Array(4).fill('{"b":1}')],
    ["px.pluck('no json', 'a')", Array(4).fill('')],
    ['px.DurationNanos(df.n)', [1n, -2n, 3n, null]],
    ['float(df.n)', [1, -2, 3, null]],
    ["'a\\nb\\0c\\'d\"\\\\'", Array(4).fill('a\nb\0c\'d"\\')],
    ['2 + 3 * 4 - 7 % 4', Array(4).fill(11n)],
    ['7 / 2', Array(4).fill(3.5)],
    ["'a' + 'b' == 'ab'", Array(4).fill(true)],
    ['-9223372036854775808', Array(4).fill(-9223372036854775808n)],
    ['1.5', Array(4).fill(1.5)],
    ['0.1 + 0.2', Array(4).fill(0.30000000000000004)],
    ['1.7976931348623157e308', Array(4).fill(Number.MAX_VALUE)],
    ['5e-324', Array(4).fill(5e-324)],
    ['18446744073709551615', Array(4).fill(18446744073709551615n)],
    ["px.uint128('ffffffff-ffff-ffff-ffff-ffffffffffff')", Array(4).fill(2n ** 128n - 1n)],
    ["px.upid_to_asid(px.uint128('ffffffff-0000-002a-0000-0000000004d2'))", Array(4).fill(0xffffffffn)],
    [
      "px.to_string(px.uint128('ffffffff-ffff-ffff-ffff-fffffffffffe'))",
      Array(4).fill('ffffffff-ffff-ffff-ffff-fffffffffffe'),
    ],
    ['px.upid_to_pid(px.make_upid(4294967295, 4294967295, 18446744073709551615))', Array(4).fill(0xffffffffn)],
  ])('%s', async (expression, expected) => {
    expect(await values(expression)).toEqual(expected);
  });

  it('a missing value is in no filter', async () => {
    expect(await rows(frame('df = df[df.n < 2]', "df = df[['n']]"))).toEqual([[1n], [-2n]]);
    expect(await rows(frame('df = df[not df.n < 2]', "df = df[['n']]"))).toEqual([[3n]]);
  });

  it('a result beyond 64 bits is missing, not wrapped, and the other rows have theirs', async () => {
    expect(await values('df.n + 9223372036854775807')).toEqual([null, 9223372036854775805n, null, null]);
    expect(await values('df.u * df.u')).toContain(null);
    expect(await values('-(df.n - 9223372036854775807 - 1)')).toContain(null);
    expect(await rows(frame('df.big = 9223372036854775807', "df = df.agg(sum=('big', px.sum))"))).toEqual([[null]]);
  });

  it('keep units where they hold', () => {
    const semantic = (expression: string) =>
      plan(frame(`df.out = ${expression}`)).outputs[0]!.relation.columns.at(-1)!.semantic;
    expect(semantic('df.latency + 5')).toBe('ST_DURATION_NS');
    expect(semantic('df.latency / 1.0E6')).toBe('ST_NONE');
    expect(semantic('df.time_ - px.now()')).toBe('ST_DURATION_NS');
    expect(semantic('px.bin(df.latency, 10)')).toBe('ST_DURATION_NS');
    expect(semantic('px.Bytes(df.n)')).toBe('ST_BYTES');
  });
});

describe('aggregates', () => {
  it('by group, in order of first appearance, without notes', async () => {
    const source = frame(
      "df = df.groupby('s').agg(calls=('n', px.count), total=('n', px.sum), mean=('latency', px.mean), low=('n', px.min), high=('n', px.max), one=('s', px.any), oks=('ok', px.sum))",
    );
    const [output] = plan(source).outputs;
    expect(output!.notes).toBe(false);
    expect(output!.sql).toMatchInlineSnapshot(`
      "SELECT t."s" AS "s", count(*) AS "calls", TRY_CAST(sum(t."n") AS BIGINT) AS "total", avg(t."latency") AS "mean", min(t."n") AS "low", max(t."n") AS "high", any_value(t."s") AS "one", TRY_CAST(sum(CAST(t."ok" AS BIGINT)) AS BIGINT) AS "oks"
      FROM "calls" AS t
      GROUP BY t."s"
      ORDER BY min(t."seq_")"
    `);
    expect(await rows(source)).toEqual([
      ['a', 2n, -1n, 750, -2n, 1n, 'a', 1n],
      ['b', 1n, 3n, 1500, 3n, 3n, 'b', 1n],
      [null, 1n, null, null, null, null, null, null],
    ]);
    expect(output!.relation.columns.find((each) => each.name === 'mean')!.semantic).toBe('ST_DURATION_NS');
  });

  it('of all rows, also of none', async () => {
    const all = "df = df.agg(n=('n', px.count), total=('n', px.sum), u=('u', px.max), x=('latency', px.mean))";
    expect(await rows(frame(all))).toEqual([[4n, 2n, 18446744073709551615n, 1000]]);
    expect(await rows(frame('df = df[df.n > 1000]', all))).toEqual([[0n, null, null, null]]);
  });

  it('groupby alone gives the distinct groups', async () => {
    expect(await rows(frame("df = df.groupby(['s', 'ok']).agg()"))).toEqual([
      ['a', false],
      ['a', true],
      ['b', true],
      [null, null],
    ]);
  });

  it('quantiles are a JSON text', async () => {
    const source = frame("df = df.groupby('s').agg(q=('latency', px.quantiles))");
    expect(plan(source).outputs[0]!.relation.columns[1]).toEqual({
      name: 'q',
      type: 'STRING',
      semantic: 'ST_DURATION_NS_QUANTILES',
    });
    const found = (await rows(source)).map((row) => (row[1] === null ? null : JSON.parse(row[1] as string)));
    expect(found).toEqual([
      { p01: 500, p10: 500, p25: 500, p50: 750, p75: 1000, p90: 1000, p99: 1000 },
      { p01: 1500, p10: 1500, p25: 1500, p50: 1500, p75: 1500, p90: 1500, p99: 1500 },
      null,
    ]);
    expect(
      (await rows(frame('df = df[df.n == -2]', "df = df.agg(q=('x', px.quantiles))"))).map(
        (row) => JSON.parse(row[0] as string).p50,
      ),
    ).toEqual([null]);
  });

  it('can be worked on further', async () => {
    const source = frame(
      'df.big = df.n > 0',
      "df = df.groupby('big').agg(calls=('time_', px.count), total=('latency', px.sum))",
      'df.each = df.total / df.calls',
      'df = df[df.calls > 0 and df.big]',
      "df = df[['each']].head(3)",
    );
    expect(await rows(source)).toEqual([[1000]]);
    const twice = frame(
      "df = df.groupby('s').agg(n=('n', px.count))",
      "df = df.groupby('n').agg(groups=('s', px.count))",
    );
    expect(await rows(twice)).toEqual([
      [2n, 1n],
      [1n, 2n],
    ]);
    const few = frame('df = df.head(2)', "df = df.agg(n=('n', px.sum))");
    expect(await rows(few)).toEqual([[-1n]]);
  });

  it('a constant as a group', async () => {
    expect(await rows(frame('df.one = 1', "df = df.groupby('one').agg(n=('n', px.count))"))).toEqual([[1n, 4n]]);
  });
});

test('whose an address was at a time', async () => {
  const source = frame("df.pod = px.ip_to_pod_id('10.0.0.7', df.time_)", "df = df[['pod']]");
  const { table } = plan(source).inputs[0]!;
  const entries = [`0:${now - 400_000_000_000n}:old`, `${now - 100_000_000_000n}::new`, `${now + 1n}::next`];
  const values = entries.map((value) => `('ip_at', '10.0.0.7', '${value}', 'shop')`).join(', ');
  await connection.run(
    `CREATE TEMP TABLE "${table}" AS SELECT * FROM (VALUES ${values}) AS v("operation", "key", "value", "namespace")`,
  );
  expect(await rows(source)).toEqual([['old'], [''], ['new'], ['new']]);
});

describe('merges of groups of merges', () => {
  it.each(['inner', 'left', 'right', 'outer'])('%s', async (how) => {
    const on = "left_on='n', right_on='n'";
    const source = frame(
      `m = df.merge(df, how='${how}', ${on}).groupby('n_x').agg(c=('n_y', px.count))`,
      `df = m.merge(px.DataFrame('calls'), how='${how}', left_on='n_x', right_on='n').groupby('n').agg(c=('c', px.sum))`,
    );
    const outer = how === 'left' || how === 'outer' ? [[null, 1n]] : how === 'right' ? [[null, null]] : [];
    expect((await rows(source)).slice(0, 3)).toEqual([
      [1n, 1n],
      [-2n, 1n],
      [3n, 1n],
    ]);
    expect((await rows(source)).slice(3)).toHaveLength(outer.length);
  });
});

describe('outputs', () => {
  it('have names, the same one with a number', () => {
    const source =
      "import px\ndf = px.DataFrame('calls')\npx.display(df)\npx.display(df)\npx.display(df, 'x')\npx.display(df, name='x')\npx.debug(df, 'x')";
    expect(plan(source).outputs.map((each) => each.name)).toEqual(['output', 'output_1', 'x', 'x_1', '_x']);
  });

  it('a table function is an input', async () => {
    const compiled = plan(
      "import px\ndf = px.GetGoProcesses()\ndf = df[df.pid > 1]\npx.display(df[['upid', 'pid']])\npx.display(px.GetAgentStatus(include_kelvin=False), 'agents')",
    );
    expect(compiled.inputs).toEqual([
      { table: 'px_q_0_GetGoProcesses', function: 'GetGoProcesses', arguments: {} },
      { table: 'px_q_1_GetAgentStatus', function: 'GetAgentStatus', arguments: { include_kelvin: false } },
    ]);
    expect(compiled.outputs[0]!.notes).toBe(false);
    await connection.run('CREATE TEMP TABLE "px_q_0_GetGoProcesses" (upid UHUGEINT, pid BIGINT)');
    await connection.run('INSERT INTO "px_q_0_GetGoProcesses" VALUES (5, 9), (1, 1), (6, 3)');
    const reader = await connection.runAndReadAll(compiled.outputs[0]!.sql);
    expect(reader.getRows()).toEqual([
      [5n, 9n],
      [6n, 3n],
    ]);
  });

  it('queries at different times have different inputs', () => {
    const tables = [1n, 2n].map((at) => {
      const compiled = compileQuery('import px\npx.display(px.GetTables())', catalog, { now: at });
      return compiled.ok ? compiled.value.inputs[0]!.table : '';
    });
    expect(new Set(tables).size).toBe(2);
  });

  it('functions are called from outside with texts', async () => {
    const source = `import px
def top(table: str, n: int, since: px.Time, most: float, ok: bool, kinds: list):
  df = px.DataFrame(table, start_time=since)
  df = df[df.x < most and df.ok == ok and px.equals_any(df.s, kinds)]
  return df[['n']].head(n)
px.display(px.DataFrame('calls'), 'ignored')
`;
    const call = (given: Record<string, string>) => [
      { name: 'top', outputName: 'widget', arguments: Object.entries(given).map(([name, value]) => ({ name, value })) },
    ];
    const given = { table: 'calls', n: '1', since: '-1h', most: '1e3', ok: 'true', kinds: "['a', 'b']" };
    expect(plan(source, call(given)).outputs.map((each) => each.name)).toEqual(['widget']);
    expect(await rows(source, call(given))).toEqual([[3n]]);
    expect(faults(source, call({ ...given, n: 'many' }))).toEqual([
      "2:21 Failed to parse arg 'n': 'many' is not a value of int [a whole number: 42]",
    ]);
    expect(faults(source, call({ table: 'calls' }))).toEqual([
      "2:5 top() missing 5 required positional arguments 'n','since','most','ok','kinds'",
    ]);
    expect(faults(source, [{ name: 'none', outputName: 'x', arguments: [] }])).toEqual([
      "Function to execute, 'none', not found. [the script has: top]",
    ]);
  });

  it('a function called from outside may return several DataFrames', () => {
    const source = `import px
def both():
  return [px.DataFrame('calls'), px.DataFrame('calls').head(1)]
def odd():
  return [px.DataFrame('calls'), 'x']
def text():
  return 'x'
frame = px.DataFrame('calls')
`;
    const call = (name: string) => [{ name, outputName: 'out', arguments: [] }];
    expect(plan(source, call('both')).outputs.map((each) => each.name)).toEqual(['out[0]', 'out[1]']);
    expect(faults(source, call('odd'))).toEqual([
      "4:5 Function 'odd' returns 'String' at index 1. All returned objects must be dataframes.",
    ]);
    expect(faults(source, call('text'))).toEqual([
      "6:5 Function 'text' returns 'String' but should return a DataFrame.",
    ]);
    expect(faults(source, call('frame'))).toEqual(["'frame' is a 'DataFrame' not a function."]);
  });
});

function exported(point: string): string {
  return `px.export(df, px.otel.Data({'service.name': 'x'}, endpoint=px.otel.Endpoint('h:1'), data=[${point}]))`;
}

describe('faults', () => {
  it.each([
    ['import px', ['query does not output a result, please add a px.display() statement']],
    [
      "import px\ndef top():\n  return px.DataFrame('calls')",
      ['query does not output a result, please add a px.display() statement [a vis.json beside it says which'],
    ],
    [`#px:set max_rows=1\n${frame()}`, ["1:1 #px:set has no 'max_rows'"]],
    [`#px:set explain=1\n${frame()}`, ["1:1 #px:set explain is true or false, not '1'"]],
    [`#px:set capture_depth=99\n${frame()}`, ["1:1 #px:set capture_depth is a number from 1 to 32, not '99'"]],
    [
      frame('if df.n > 1:', '  pass'),
      ['3:4 this is known only of each row, and the script takes one way for all [write px.select'],
    ],
    [frame('a, b = 1, 2, 3'), ['3:8 there are 3 values for 2 names']],
    [frame("df.y = 'a'.foo()"), ["3:12 'String' object has no attribute 'foo'"]],
    [frame('a, b = df'), ["3:8 'DataFrame' is nothing to go over"]],
    [frame('for a, b in [1]:', '  pass'), ["3:14 'Int' is nothing to go over"]],
    [frame('for i in range(100000):', '  pass'), ['3:10 range() gives more than 10000 numbers']],
    [
      frame("df = df.merge(df, how='both', left_on='n', right_on='n')"),
      ["3:23 'both' is no kind of merge [one of: inner"],
    ],
    [frame("df = df.merge(df, how='left', left_on='n', right_on='s')"), ["3:53 'n' is INT64 and 's' is STRING"]],
    [frame("df = df.append(df[['n']])"), ["3:16 the DataFrame to append lacks the column 'upid'"]],
    [frame("df = df.window(r=('n', px.rank))"), ['3:18 px.rank needs order_by']],
    [
      frame("df = df.window(r=('s', px.difference))"),
      ["3:18 px.difference over 's', STRING, is no function of a window"],
    ],
    [frame("df = df.sort('n', ascending=1)"), ["3:29 Expected arg 'ascending' as type 'Bool', received 'Int'"]],
    [
      frame("df = df.rolling('x').agg(n=('n', px.count))"),
      ["3:17 Time string is in wrong format: 'x' is not a duration"],
    ],
    [
      frame("df = df.stream().groupby('s').agg(n=('n', px.sum))"),
      ['3:6 rows that go on for ever are never all there: behind stream() come columns and filters'],
    ],
    [frame('df = df.head(3).stream()'), ['3:6 stream() goes on with the rows of a table']],
    // What other languages call it is told.
    [frame('df = df.sort_values("n")'), ["3:9 dataframe has no method 'sort_values' [write df.sort(…)"]],
    [frame('df.a = df.s.lower()'), ["3:13 'Column' object has no attribute 'lower' [write px.tolower(column)]"]],
    [
      frame('df.a = len(df.s)'),
      ['3:12 len() is of what is known when the script is compiled [write px.length(…) of a text, df.agg('],
    ],
    [
      frame('px.debug(len(df))'),
      ['3:14 len() is of what is known when the script is compiled [write px.length(…) of a text, df.agg('],
    ],
    [
      frame("df = df.groupby('n', 's').agg()"),
      ["3:22 groupby() takes 1 argument but 2 were given. [several in one list: groupby(['a', 'b'])]"],
    ],
    [
      frame('df = df.groupby(df.n).agg()'),
      ["3:17 Expected arg 'by' as type 'String', received 'Column' [a column is named: 'column']"],
    ],
    [
      frame('px.debug(df.n)'),
      ["3:10 Expected arg 'out' as type 'DataFrame', received 'Column' [df[['column']] is a DataFrame]"],
    ],
    [frame('df = df.loc[df.n > 1]'), ["3:9 Column 'loc' not found in parent dataframe [write df[df.a > 1]"]],
    [frame('df = df[~(df.n > 1)]'), ['3:9 `~` cannot be used with BOOLEAN [write `not`]']],
    [
      frame("df = df[df.time_ > px.now() - '5m']"),
      ["3:29 `-` cannot be used with TIME64NS and STRING [write px.minutes(5), or px.parse_duration('5m')]"],
    ],
    [frame("a = 'top_%d' % 1"), ["3:14 `%` cannot be used with STRING and INT64 [write f'{a} {b}']"]],
    [frame('df = df[df.n > 1 && df.n < 5]'), ['3:19 SyntaxError: invalid syntax: `&` cannot stand here: write `and`']],
    [frame('df = df[!(df.n > 1)]'), ['3:9 SyntaxError: `!` cannot stand here: write `not`']],
    [
      frame('df.a = px.where(df.n > 1, 1, 0)'),
      ["3:11 'px' object has no attribute 'where' [write px.select(condition, yes, no)"],
    ],
    [
      frame("df = df.agg(n=('n', px.quantiles, 0.99))"),
      ["3:15 Expected tuple for n but received a tuple of 3 [n=('column', px.count)]"],
    ],
    [
      frame("df = df.window(orderby='n', a=('n', px.lag))"),
      ["3:24 window() got an unexpected keyword argument 'orderby' [did you mean `order_by`?"],
    ],
    [frame('x = {c: 1 for c in df}'), ["3:20 'DataFrame' is nothing to go over"]],
    [frame('print(df)'), ["3:1 name 'print' is not defined [write px.display(df)]"]],
    [
      frame("df = df.agg(n=('n', 'sum'))"),
      ["3:21 Expected second tuple argument to be type Func, received String [n=('n', px.sum)]"],
    ],
    [frame('df = df[df.n is None]'), ['3:14 `is` asks about the script, not about its rows [write px.is_missing(…)]']],
    [
      frame('df = df[df.n is not None]'),
      ['3:14 `is` asks about the script, not about its rows [write not px.is_missing(…)]'],
    ],
    [frame('df = df[df.n == None]'), ["3:17 `==` cannot be used with 'None' [write px.is_missing(…)]"]],
    [
      frame("df.a = f'{df.n:.2}'"),
      ["3:11 the format '.2' has digits behind a point, and the value has none: write '.2f'"],
    ],
    [frame('df.a = df.n if df.n > 1 else None'), ['3:30 None is no value of a row [both ways give']],
    [
      frame("df = df[df.time_ > '-5m']"),
      ['3:18 `>` cannot be used with TIME64NS and STRING [write px.now() - px.minutes(5)'],
    ],
    [frame("df.a = df.n + 'ms'"), ["3:13 `+` cannot be used with INT64 and STRING [write f'{a} {b}'"]],
    [
      frame('df.a = px.DurationNanos(df.s)'),
      ["3:25 Cannot cast from 'STRING' to 'INT64'. Only semantic type casts are allowed. [write px.parse_duration"],
    ],
    [frame('df.a = len(df.s)'), ['3:12 len() is of what is known when the script is compiled [write px.length']],
    [frame('df.a = df.ctx.pod'), ["3:15 'Metadata' object has no attribute 'pod' [write df.ctx['pod']"]],
    [frame('def f(a: string): return a'), ["3:10 name 'string' is not defined [write str"]],
    [frame("df.a = f'{df.n:lots}'"), ["3:11 'lots' is no format; the value is INT64"]],
    [frame("df.a = 1 if df.n > 1 else 'a'"), ['3:8 one way gives INT64, the other STRING']],
    [
      frame('df = df[-3:2]'),
      ["3:9 'DataFrame' cannot be cut like this [of a column s[1:3]; of a DataFrame df[:10], df[5:],"],
    ],
    [frame("df.a = f'{df.s:.2f}'"), ["3:11 the format 'f' is not for a text; the value is STRING"]],
    [frame('df = df.nn'), ["3:9 Column 'nn' not found in parent dataframe [did you mean `n`"]],
    ["import px\npx.display(px.DataFrame('call'))", ["2:25 Table 'call' not found [did you mean `calls`?]"]],
    [
      "import px\npx.display(px.DataFrame('calls', select=['n', 'm']))",
      ["2:47 Column 'm' not found in parent dataframe"],
    ],
    [frame('df.a = df.n + df.s'), ['3:13 `+` cannot be used with INT64 and STRING']],
    [frame("df = df[df.upid == 'x']"), ["3:17 `==` cannot be used with UINT128 and STRING [write px.uint128('…')]"]],
    [
      frame("b = px.DataFrame('calls')", 'df.m = b.n + 1'),
      ["4:8 the column 'n' of another DataFrame is not available in this context [merge the DataFrames first]"],
    ],
    [frame("df['m'] = px.DataFrame('calls').ctx['pod']"), ["3:11 the column 'upid' of another DataFrame"]],
    [frame("b = px.DataFrame('calls')", 'df = df[b.n > 1]'), ["4:9 the column 'n' of another DataFrame"]],
    [
      frame("b = px.DataFrame('calls')", exported('px.otel.metric.Gauge("a", b.n)')),
      ["4:117 the column 'n' of another DataFrame"],
    ],
    [frame('px.export(df, df)'), ["3:15 Expected arg 'export_spec' as type 'Exporter', received 'DataFrame'"]],
    [frame(exported('px.otel.metric.Gauge("a b", df.n)')), ["3:112 Metric name is invalid: 'a b'"]],
    [
      frame(exported('px.otel.metric.Gauge("a", df.s)')),
      ["3:117 Expected value column 's' to be INT64 or FLOAT64, received STRING"],
    ],
    [frame(exported('px.otel.metric.Gauge("a", 1)')), ["3:117 Expected arg 'value' as type 'Column', received 'Int'"]],
    [frame(exported('df.n')), ['3:91 Expected an OTelDataContainer, received Column']],
    [
      frame('px.otel.Data({"service.name": "x"}, [px.otel.metric.Gauge("a", df.n)])'),
      ['3:1 no default config found for endpoint, please specify one'],
    ],
    [frame('df = df[df.n]'), ['3:9 Expected Boolean for Filter expression, not INT64 [for instance df[df.a > 1]]']],
    [frame('df = df[df.n > 1 and df.s]'), ['3:18 `and` cannot be used with BOOLEAN and STRING']],
    [frame('df = df.merge(df)'), ["3:6 merge() missing 2 required positional arguments 'left_on','right_on'"]],
    [
      frame("df = df.groupby('n')"),
      [
        "4:12 Expected arg 'out' as type 'DataFrame', received 'GroupBy' [df.groupby('a').agg(out=('column', px.count)) is a DataFrame]",
      ],
    ],
    [
      frame("df = df.pivot('n')"),
      [
        "3:9 dataframe has no method 'pivot' [it has: filter, map, keep, drop, rename, fillna, head, tail, groupby, agg, merge, append, sort, distinct, window, rolling, stream]",
      ],
    ],
    [frame('df.pod = df.ctx["pot"]'), ["3:17 df.ctx has no 'pot' [did you mean `pod`?]"]],
    [frame('df.a = px.pprof(df.s)'), ['3:8 px.pprof is an aggregate and is not called']],
    [
      frame("df = df.agg(a=('s', px.pprof))"),
      ["3:15 Expected tuple for a but received a tuple of 2 [a=('stack', 'count', 'period_ms', px.pprof)"],
    ],
    [
      frame("df = df.agg(a=('s', 's', 'n', px.pprof))"),
      ["3:15 px.pprof cannot be used with 's', a column of STRING [it takes STRING, INT64, INT64"],
    ],
    [
      frame('df.a = px.floor(df.s)'),
      ["3:8 Could not find function 'px.floor' with arguments [STRING] [px.floor(x: FLOAT64)]"],
    ],
    [frame('df.a = px.floor()'), ["3:8 floor() missing 1 required positional argument 'x'"]],
    [frame("df = df.groupby('q').agg()"), ["3:17 Column 'q' not found in parent dataframe"]],
    [frame("df = df.agg(n=('n', px.now))"), ["3:21 Expected an aggregate such as px.count, got 'Function'"]],
    [frame("df = df.agg(n='n')"), ["3:15 Expected tuple for n but received String [n=('column', px.count)]"]],
    [frame("df = df.agg(n=('s', px.mean))"), ["3:15 px.mean cannot be used with 's', a column of STRING"]],
    [frame("df = df.groupby('s').agg(s=('n', px.sum))"), ["3:28 there is already a column 's'"]],
    [
      frame(String.raw`df.r = px.replace('(a)', df.s, '\\g<1>')`),
      [
        "3:32 Rewrite schema error: '\\g' in the substitution [groups are '\\\\1' to '\\\\9', the whole match is '\\\\0', a backslash is '\\\\\\\\']",
      ],
    ],
    [frame('df.N = 1'), ["3:4 the column names 'n' and 'N' differ only in case"]],
    [frame('df.seq_ = 1'), ["3:4 'seq_' is the name of a column that Sonde keeps for itself"]],
    [frame("df = df.head('x')"), ["3:14 Expected arg 'n' as type 'Int', received 'String'"]],
    [frame('df = df.head(-1)'), ['3:14 head() takes a number of rows, not -1']],
    [frame('px.display(5)'), ["3:12 Expected arg 'out' as type 'DataFrame', received 'Int'"]],
    [
      "import px\npx.display(px.DataFrame('calls', start_time='soon'))",
      ["2:45 Failed to parse time: 'soon' in arg 'start_time' is not a time"],
    ],
    [frame('df.a = 9223372036854775807 * 9'), ['3:28 83010348331692982263 does not fit in 64 bits']],
    [frame('df.a = 1 / 0'), ['3:10 division by zero']],
    [frame('df = df.n.x'), ["3:11 'Column' object has no attribute 'x'"]],
    [frame('df = px.count(df.n)'), ['3:6 px.count is an aggregate and is not called']],
    [frame('for x in df:', '  pass'), ["3:10 'DataFrame' is nothing to go over"]],
    [frame('df = df.x(1)'), ["3:6 'Column' object is not callable"]],
  ])('%s', (source, expected) => {
    expect(faults(source).map((each, i) => (each.startsWith(expected[i] ?? '\0') ? expected[i] : each))).toEqual(
      expected,
    );
  });
});
