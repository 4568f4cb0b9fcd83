import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Relation } from '#model';
import { duckdbText } from '../duckdb.ts';
import { type Catalog, compileLogical, planText, tableFunctionRelations } from '../index.ts';

const relation: Relation = {
  columns: [
    { name: 'a', type: 'INT64', semantic: 'ST_NONE' },
    { name: 'b', type: 'INT64', semantic: 'ST_NONE' },
    { name: 'c', type: 'STRING', semantic: 'ST_NONE' },
  ],
};
const catalog: Catalog = {
  table: (name) => (name === 'stored' ? relation : undefined),
  tables: () => ['stored'],
  tableFunction: (name) => tableFunctionRelations[name],
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

const number = fc.constantFrom('df.a', 'df.b', 'df.a + df.b', 'df.a * 2 - df.b', 'df.b % 3', '7', 'px.bin(df.a, 4)');
const step = fc.oneof(
  fc.tuple(fc.constantFrom('a', 'b', 'd'), number).map(([name, value]) => `df.${name} = ${value}`),
  fc.tuple(number, fc.constantFrom('<', '>', '==', '!='), number).map((parts) => `df = df[${parts.join(' ')}]`),
  fc.constantFrom("df = df[df.c == 'x']", "df = df[['b', 'a', 'c']]", "df = df[['a', 'b', 'c']]"),
  fc.integer({ min: 1, max: 15 }).map((n) => `df = df.head(${n})`),
  fc.constantFrom(
    "df = df.groupby('c').agg(a=('a', px.max), b=('b', px.count))",
    "df = df.groupby(['a', 'c']).agg(b=('b', px.sum))",
    "df = df.groupby(['a', 'b', 'c']).agg()",
  ),
);

describe('the rules', () => {
  it('push filters and columns into the scan, and limits below projections', () => {
    const source = `import px
df = px.DataFrame('stored')
df.d = df.a * 2
df = df[df.d > 4 and df.c == 'x']
df = df[['d', 'b']].head(3)
df = df[df.b < 1]
df.e = df.d + 1
df = df.groupby('e').agg(n=('b', px.count), m=('b', px.max))
df = df[df.m > 0]
px.display(df[['n']])
`;
    const compiled = compileLogical(source, catalog, { now: 0n });
    if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
    const { plan, optimized } = compiled.value.outputs[0]!;
    expect(planText(plan)).toMatchInlineSnapshot(`
      "project n
        filter (m > 0)
          aggregate n = count(b), m = max(b) by e
            project d, b, e = (d + 1)
              filter (b < 1)
                limit 3
                  project d, b
                    filter ((d > 4) and (c == "x"))
                      project a, b, c, d = (a * 2)
                        scan stored [a, b, c]"
    `);
    expect(planText(optimized)).toMatchInlineSnapshot(`
      "project n
        filter (m > 0)
          aggregate n = count(b), m = max(b) by e
            project b, e = ((a * 2) + 1)
              filter (b < 1)
                limit 3
                  scan stored [a, b] where (((a * 2) > 4) and (c == "x"))"
    `);
  });

  it('change no row of any plan', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run('CREATE TABLE stored (a BIGINT, b BIGINT, c VARCHAR, notes_ VARCHAR, seq_ BIGINT)');
    await connection.run(
      "INSERT INTO stored SELECT (i * 7) % 11 - 3, CASE WHEN i % 5 = 0 THEN NULL ELSE i % 4 END, CASE i % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'y' END, CASE WHEN i % 4 = 0 THEN 'note' || i END, (i * 17) % 41 FROM range(40) t(i)",
    );
    let different = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const source = ['import px', "df = px.DataFrame('stored')", ...steps, 'px.display(df)'].join('\n');
        const compiled = compileLogical(source, catalog, { now: 0n });
        if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
        const { plan, optimized } = compiled.value.outputs[0]!;
        const [before, after] = [duckdbText(plan), duckdbText(optimized)];
        if (before !== after) different++;
        const rows = (await connection.runAndReadAll(after)).getRows();
        expect(rows).toEqual((await connection.runAndReadAll(before)).getRows());
      }),
      { numRuns: 150 },
    );
    expect(different).toBeGreaterThan(30);
    connection.closeSync();
    instance.closeSync();
  });
});
