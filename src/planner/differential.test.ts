import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cell, PxlEngine } from '../../testing/pxl-engine.ts';
import { duckdbText } from './duckdb.ts';
import { interpret, type Tables } from './interpreter.ts';
import { hasNotes, outputColumns, type Relational } from './plan.ts';
import { planText } from './plan-text.ts';
import { RandomPlan, randomRelation, randomTables } from './random-plan.ts';
import { optimized } from './rules/optimized.ts';

/** Random plans: the SQL of the plan as it is and after the rules, run by DuckDB, against the plain interpreter. */
const seed = Number(process.env.PXL_SEED ?? Date.now() % 2 ** 31);

let engine: PxlEngine;
const tables: Record<string, Record<string, Cell>[]> = {};

beforeAll(async () => {
  engine = new PxlEngine();
  const cells: Record<string, readonly Cell[]> = {
    time_: [1n, 2n, 3n, 3n, 5n],
    n: [null, -2n, 0n, 1n, 2n, 3n, 9_223_372_036_854_775_807n],
    x: [null, -1.5, 0, 0.5, 2, Number.NaN, Number.POSITIVE_INFINITY],
    s: [null, '', 'a', 'b', 'ab', 'é'],
    b: [null, true, false],
  };
  for (const [t, name] of randomTables.entries()) {
    tables[name] = Array.from({ length: [23, 9, 0][t]! }, (_, i) =>
      Object.fromEntries(
        randomRelation.columns.map((each, c) => {
          const from = cells[each.name]!;
          return [each.name, from[(i * (c + 2) + ((i * i) >> 1) + t) % from.length]!];
        }),
      ),
    );
    await engine.table(
      name,
      randomRelation,
      tables[name]!.map((row) => randomRelation.columns.map((each) => row[each.name]!)),
    );
  }
});
afterAll(() => engine.close());

async function run(plan: Relational): Promise<Cell[][]> {
  const columns = outputColumns(plan).map(({ id: _id, ...each }) => each);
  return engine.rows({ sql: duckdbText(plan), relation: { columns }, notes: hasNotes(plan) });
}

/** -0 and 0 are one number for SQL. */
function shown(rows: readonly (readonly Cell[])[]): string[] {
  return rows.map((row) =>
    row.map((value) => (value === null ? 'none' : Object.is(value, -0) ? '0' : String(value))).join(' | '),
  );
}

test('DuckDB gives what the interpreter gives', async () => {
  console.log(`PXL_SEED=${seed}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(1000), { minLength: 10, maxLength: 60 }), async (choices) => {
      const plan = new RandomPlan(choices).plan(4);
      const expected = shown(interpret(plan, tables as Tables));
      for (const each of [plan, optimized(plan)]) {
        const found = shown(await run(each));
        if (JSON.stringify(found) !== JSON.stringify(expected)) {
          throw new Error(
            `${planText(each)}\n${duckdbText(each)}\ngives\n${found.join('\n')}\nand the interpreter\n${expected.join('\n')}`,
          );
        }
      }
    }),
    { seed, numRuns: Number(process.env.PXL_RUNS ?? 300), endOnFailure: false },
  );
  expect.assertions(0);
}, 120_000);
