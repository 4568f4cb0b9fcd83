import { expect, it } from 'vitest';
import { implicitColumns, type Relation } from '#model';
import { compileLogical } from './compile.ts';
import { duckdbText } from './duckdb.ts';
import type { Relational } from './plan.ts';
import { BadPlan, planFromJson, planToJson } from './plan-json.ts';
import { ofProcesses, scanOf, splitPlan } from './split.ts';

const relation: Relation = {
  columns: [...implicitColumns, { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' }],
};
const catalog = {
  table: (name: string) => (name === 'calls' ? relation : undefined),
  tables: () => ['calls'],
  tableFunction: () => undefined,
  tableFunctions: () => [],
};

function plan(lines: string): Relational {
  const script = `import px\ndf = px.DataFrame('calls')\n${lines}\npx.display(df)`;
  const compiled = compileLogical(script, catalog, { now: 0n });
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  return compiled.value.outputs[0]!.optimized;
}

const operators = (each: Relational): string[] =>
  each.operator === 'scan' ? ['scan'] : [each.operator, ...operators(each.source)];

it('rows that need no other rows are left to the nodes altogether', () => {
  const whole = plan("df = df[df.latency > 5]\ndf.twice = df.latency * 2\ndf = df[['time_', 'twice']]");
  expect(splitPlan(whole)).toEqual({ node: whole, rest: undefined });
});

it('a limit is done at both', () => {
  const { node, rest } = splitPlan(plan('df = df[df.latency > 5].head(3)'));
  expect(operators(node)).toEqual(['limit', 'scan']);
  expect(operators(rest!('all'))).toEqual(['limit', 'scan']);
  expect(scanOf(rest!('all'))).toMatchObject({ table: 'all', stored: true });
});

it('an aggregate and what is above it is done over the union, of the columns that it needs', () => {
  const whole = plan("df = df[df.latency > 5].groupby('goid_').agg(n=('latency', px.count))\ndf = df[df.n > 1]");
  const { node, rest } = splitPlan(whole);
  expect(operators(node)).toEqual(['scan']);
  expect(scanOf(node).predicate).toBeDefined();
  expect(operators(rest!('all'))).toEqual(operators(whole));
  const [from] = /FROM "?\w+"?/.exec(duckdbText(rest!('all'))) ?? [];
  expect(from).toMatch(/all/);
});

it('a plan survives the way to another process', () => {
  const whole = plan('df = df[df.latency > 9223372036854775806]\ndf.x = 1.5\ndf.t = df.time_ - px.now()');
  expect(planFromJson(planToJson(whole))).toEqual(whole);
});

it.each(['', '{', '[]', '{"operator":"join","source":{"operator":"scan"}}', '{"operator":"filter"}', 'null'])(
  'refuses %j as a plan',
  (text) => {
    expect(() => planFromJson(text)).toThrow(BadPlan);
  },
);

it('only rows of the given processes are read, and none without any', () => {
  const many = Array.from({ length: 1000 }, (_, i) => BigInt(i));
  const text = duckdbText(ofProcesses(plan('df = df[df.latency > 5].head(3)'), many));
  expect(text.match(/"upid"/g)!.length).toBeGreaterThanOrEqual(1000);
  expect(duckdbText(ofProcesses(plan('df = df.head(3)'), []))).toMatch(/WHERE.*false/is);
});
