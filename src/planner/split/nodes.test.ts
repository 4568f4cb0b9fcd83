/** What a plan gives over rows that are dealt at random to nodes is what it gives over all rows in one place. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cell, PxlEngine } from '../../../testing/pxl-engine.ts';
import { aggregateType } from '../aggregates/all.ts';
import { aggregateNames } from '../aggregates/names.ts';
import { duckdbText } from '../duckdb.ts';
import { apply, constant, hasNotes, outputColumns, type PlanColumn, type Relational, reference } from '../plan.ts';
import { planFromJson, planToJson } from '../plan-json.ts';
import { planText } from '../plan-text.ts';
import { RandomPlan, randomRelation, randomTables } from '../random-plan.ts';
import { optimized } from '../rules/optimized.ts';
import { withSources } from '../rules/walk.ts';
import { splitPlan } from './split.ts';

const seed = Number(process.env.PXL_SEED ?? Date.now() % 2 ** 31);
const mostNodes = 5;
/** Rows of each table: few ones, so many that quantiles are told by buckets, none. */
const sizes = [40, 900, 0];

let engine: PxlEngine;
let made = 0;

/** Numbers in 0 … 1, the same for one seed. */
function* numbers(): Generator<number, never> {
  let state = seed || 1;
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield (state >>> 8) / 2 ** 24;
  }
}

/** Of each table for each number of nodes: the rows of each node. */
const dealt = new Map<string, Cell[][][]>();

beforeAll(async () => {
  engine = new PxlEngine();
  const random = numbers();
  const draw = () => random.next().value;
  const one = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)]!;
  const cells: Record<string, (row: number) => Cell> = {
    // No two rows have one time: between nodes there would be no order.
    time_: (row) => 1_000n + BigInt(row) * 7n,
    n: () => one([null, -2n, 0n, 1n, 300n, 9_223_372_036_854_775_807n, BigInt(Math.floor(10 ** (draw() * 9)))]),
    x: () => one([null, -1.5, 0, Number.NaN, 2, 10 ** (draw() * 12 - 6), -(10 ** (draw() * 3)), draw()]),
    s: () => one([null, '', 'a', 'b', 'ab', 'é', "/a/1';{}=,", '/a/2']),
    b: () => one([null, true, false]),
  };
  for (const [t, name] of randomTables.entries()) {
    const rows = Array.from({ length: sizes[t]! }, (_, i) =>
      randomRelation.columns.map((each) => cells[each.name]!(i)),
    );
    await engine.table(name, randomRelation, rows);
    for (let nodes = 1; nodes <= mostNodes; nodes++) {
      const parts = Array.from({ length: nodes }, (): Cell[][] => []);
      for (const row of rows) one(parts).push(row);
      dealt.set(`${name}/${nodes}`, parts);
      for (const [i, part] of parts.entries()) await engine.table(`${name}_${nodes}_${i}`, randomRelation, part);
    }
  }
});
afterAll(() => engine.close());

const relationOf = (plan: Relational) => ({ columns: outputColumns(plan).map(({ id: _id, ...each }) => each) });

const run = (plan: Relational) =>
  engine.rows({ sql: duckdbText(plan), relation: relationOf(plan), notes: hasNotes(plan) });

function reading(plan: Relational, nodes: number, node: number): Relational {
  if (plan.operator === 'scan') return { ...plan, table: `${plan.table}_${nodes}_${node}` };
  return withSources(plan, (source) => reading(source, nodes, node));
}

async function runSplit(plan: Relational, nodes: number): Promise<Cell[][]> {
  const { parts, rest } = splitPlan(plan, () => `union_${++made}`);
  const gathered = new Map<string, Cell[][]>();
  for (const { table, plan: part } of parts) {
    const sent = planToJson(part);
    const rows: Cell[][] = [];
    // The last node answers first.
    for (let node = nodes - 1; node >= 0; node--) rows.push(...(await run(reading(planFromJson(sent), nodes, node))));
    gathered.set(table, rows);
    await engine.table(table, relationOf(part), rows);
  }
  try {
    return rest === undefined ? [...gathered.values()][0]! : await run(rest);
  } finally {
    for (const table of gathered.keys()) await engine.drop(table);
  }
}

const close = (a: number, b: number, tolerance: number) =>
  Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b)) + 1e-300;

/** Sums of floats differ by the order in which they are added, quantiles by 1 %. */
function same(column: PlanColumn, a: Cell, b: Cell, tolerance: number): boolean {
  if (typeof a === 'number' && typeof b === 'number') return close(a, b, tolerance);
  if (column.semantic?.endsWith('QUANTILES') && a !== null && b !== null) {
    const [x, y] = [JSON.parse(String(a)), JSON.parse(String(b))];
    return Object.keys(x).every((key) => x[key] === y[key] || close(x[key], y[key], 0.01));
  }
  return a === b;
}

function equalRows(
  columns: readonly PlanColumn[],
  a: readonly Cell[][],
  b: readonly Cell[][],
  tolerance = 1e-9,
): boolean {
  return (
    a.length === b.length &&
    a.every((row, r) => columns.every((column, c) => same(column, row[c]!, b[r]![c]!, tolerance)))
  );
}

const shown = (rows: readonly Cell[][]) => rows.map((row) => row.map(String).join(' | ')).join('\n');
const sortedRows = (rows: readonly Cell[][]) =>
  [...rows].sort((a, b) => (shown([a]) < shown([b]) ? -1 : shown([a]) > shown([b]) ? 1 : 0));

/** What is exactly the same wherever the rows lie; sums of floats are not, and sorting by them would change the rows' order. */
const exact = [
  'count',
  'sum',
  'min',
  'max',
  'count_distinct',
  'first',
  'last',
  '_build_request_path_clusters',
  'histogram',
] as const;

/** A value that depends on the order of additions is not to decide which rows there are. */
function hasFloatSums(plan: Relational): boolean {
  if (plan.operator === 'aggregate' || plan.operator === 'window') {
    if (plan.values.some((each) => each.function === 'sum' && each.argument.type === 'FLOAT64')) return true;
  }
  let found = false;
  withSources(plan, (source) => {
    found ||= hasFloatSums(source);
    return source;
  });
  return found;
}

test('whatever the plan, rows of several nodes give what rows of one give', async () => {
  console.log(`PXL_SEED=${seed}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(1000), { minLength: 10, maxLength: 60 }),
      fc.integer({ min: 1, max: mostNodes }),
      async (choices, nodes) => {
        const plan = optimized(new RandomPlan(choices, exact).plan(4));
        fc.pre(!hasFloatSums(plan));
        const columns = outputColumns(plan);
        let [expected, found] = [await run(plan), await runSplit(plan, nodes)];
        // What needs no other rows is passed on as it comes.
        const { rest } = splitPlan(plan, () => 'union');
        if (rest === undefined) [expected, found] = [sortedRows(expected), sortedRows(found)];
        if (!equalRows(columns, expected, found))
          throw new Error(
            `${planText(plan)}\nover ${nodes} nodes gives\n${shown(found)}\nand in one place\n${shown(expected)}\n\n${rest ? duckdbText(rest) : ''}`,
          );
      },
    ),
    { seed, numRuns: Number(process.env.PXL_RUNS ?? 60), endOnFailure: false },
  );
  expect.assertions(0);
}, 120_000);

test('what is made of merged values: conditions, orders, other values, groups of groups', async () => {
  let id = 0;
  const columns = randomRelation.columns.map((each): PlanColumn => ({ ...each, id: ++id }));
  const source: Relational = { operator: 'scan', table: 'two', stored: true, columns };
  const by = [{ column: { ...columns[3]!, id: 50 }, value: reference(columns[3]!) }];
  const values = (['p50', 'stddev', 'quantiles', 'histogram'] as const).map((name, i) => {
    const argument = reference(columns[1]!);
    return { column: { name, ...aggregateType(name, argument)!, id: 51 + i }, function: name, argument };
  });
  const grouped: Relational = { operator: 'aggregate', source, values, by };
  const p50 = reference(values[0]!.column);
  const integer = { type: 'INT64', semantic: 'ST_NONE' } as const;
  const whole = apply('ceil', integer, p50);
  const more = { column: { name: 'whole', ...integer, id: 60 }, value: whole };
  const plans: Relational[] = [
    {
      operator: 'filter',
      source: grouped,
      predicate: apply('greater', { ...integer, type: 'BOOLEAN' }, whole, constant('INT64', 5n)),
    },
    {
      operator: 'limit',
      count: 2n,
      source: { operator: 'sort', source: grouped, keys: [{ value: whole, descending: true }] },
    },
    { operator: 'project', source: grouped, outputs: [more] },
    { operator: 'aggregate', source: grouped, values: [{ column: more.column, function: 'max', argument: whole }] },
  ];
  for (const plan of plans) {
    const expected = await run(plan);
    expect(expected.length).toBeGreaterThan(0);
    // Whole numbers are rounded up: one more or less is within the error.
    const plain = (rows: Cell[][]) =>
      rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)));
    const found = await runSplit(plan, 3);
    if (!equalRows(outputColumns(plan), plain(expected), plain(found), 0.01)) expect(found).toEqual(expected);
  }
}, 30_000);

test.each(aggregateNames)(
  '%s over groups and over all, of every column, few rows and many',
  async (name) => {
    let compared = 0;
    for (const table of randomTables) {
      let id = 0;
      const columns = randomRelation.columns.map((each): PlanColumn => ({ ...each, id: ++id }));
      const source: Relational = { operator: 'scan', table, stored: true, columns };
      for (const column of columns) {
        const type = aggregateType(name, reference(column));
        if (type === undefined) continue;
        const values = [{ column: { name: 'value', ...type, id: 100 }, function: name, argument: reference(column) }];
        for (const keys of [undefined, [columns[4]!], [columns[4]!, columns[3]!]]) {
          const by = keys?.map((key, i) => ({ column: { ...key, id: 101 + i }, value: reference(key) }));
          const plan: Relational = { operator: 'aggregate', source, values, ...(by ? { by } : {}) };
          const nodes = 2 + (compared++ % (mostNodes - 1));
          const expected: Cell[][] = await run(plan);
          const found: Cell[][] = await runSplit(plan, nodes);
          // Anybody's value will do.
          const compare =
            name === 'any'
              ? (rows: Cell[][]) => rows.map((row) => row.with(-1, row.at(-1) === null))
              : (rows: Cell[][]) => rows;
          if (
            !equalRows(
              outputColumns(plan),
              compare(expected),
              compare(found),
              /^(p\d+|median)$/.test(name) ? 0.01 : 1e-9,
            )
          )
            expect.fail(
              `${planText(plan)}\nover ${nodes} nodes gives\n${shown(found)}\nand in one place\n${shown(expected)}`,
            );
        }
      }
    }
    expect(compared).toBeGreaterThan(0);
  },
  30_000,
);
