import { expect, it } from 'vitest';
import { implicitColumns, type Relation } from '#model';
import { compileLogical } from '../compile.ts';
import { duckdbText } from '../duckdb.ts';
import type { Relational } from '../plan.ts';
import { BadPlan, planFromJson, planToJson } from '../plan-json.ts';
import { ofProcesses, scanOf } from './for-nodes.ts';
import { splitPlan } from './split.ts';

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

const operators = (each: Relational): string[] => {
  if (each.operator === 'scan') return ['scan'];
  if (each.operator === 'join') return ['join', ...operators(each.left), ...operators(each.right)];
  if (each.operator === 'union') return ['union', ...each.sources.flatMap((source) => operators(source.plan))];
  return [each.operator, ...operators(each.source)];
};

function split(whole: Relational) {
  let made = 0;
  return splitPlan(whole, () => `union_${++made}`);
}

it('rows that need no other rows are left to the nodes altogether', () => {
  const whole = plan("df = df[df.latency > 5]\ndf.twice = df.latency * 2\ndf = df[['time_', 'twice']]");
  expect(split(whole)).toEqual({ parts: [{ table: 'union_1', plan: whole }], rest: undefined, inexact: [] });
});

it('a limit is done at both', () => {
  const { parts, rest } = split(plan('df = df[df.latency > 5].head(3)'));
  expect(parts.map((part) => operators(part.plan))).toEqual([['limit', 'scan']]);
  expect(operators(rest!)).toEqual(['limit', 'sort', 'scan']);
  expect(scanOf(rest!)).toMatchObject({ table: 'union_1', stored: true });
});

it('a limit of sorted rows is done at both', () => {
  const { parts, rest } = split(plan("df = df.sort('latency', ascending=False).head(3)"));
  expect(parts.map((part) => operators(part.plan))).toEqual([['limit', 'sort', 'scan']]);
  expect(operators(rest!)).toEqual(['limit', 'sort', 'sort', 'scan']);
});

it('groups are made at the nodes, of the columns that they need, and again of what the nodes give', () => {
  const whole = plan("df = df[df.latency > 5].groupby('goid_').agg(n=('latency', px.count))\ndf = df[df.n > 1]");
  const { parts, rest } = split(whole);
  expect(parts.map((part) => operators(part.plan))).toEqual([['aggregate', 'scan']]);
  expect(scanOf(parts[0]!.plan)).toMatchObject({ columns: [{ name: 'goid_' }, { name: 'time_' }] });
  expect(scanOf(parts[0]!.plan).predicate).toBeDefined();
  expect(operators(rest!)).toEqual(['filter', 'project', 'sort', 'aggregate', 'scan']);
  const [from] = /FROM "?\w+"?/.exec(duckdbText(rest!)) ?? [];
  expect(from).toMatch(/union_1/);
});

it('groups of one UPID are whole at their node, whatever is asked of them', () => {
  const { parts, rest } = split(
    plan("df = df.groupby(['upid', 'goid_']).agg(p=('latency', px.p50))\ndf = df[df.p > 1]"),
  );
  expect(parts.map((part) => operators(part.plan))).toEqual([['filter', 'aggregate', 'scan']]);
  expect(operators(rest!)).toEqual(['project', 'sort', 'scan']);
});

it('one aggregate that needs all rows takes them all to the broker', () => {
  const { parts, rest } = split(
    plan(
      "df.p = px.select(df.latency > 1, 'a', 'b')\ndf = df.agg(c=('p', px._build_request_path_clusters), n=('p', px.count))",
    ),
  );
  expect(parts.map((part) => operators(part.plan))).toEqual([['project', 'scan']]);
  expect(operators(rest!)).toEqual(['aggregate', 'sort', 'scan']);
});

it('quantiles of one column share what the nodes send', () => {
  const { parts } = split(
    plan("df = df.agg(a=('latency', px.p50), b=('latency', px.p99), c=('latency', px.quantiles))"),
  );
  expect(parts[0]!.plan).toMatchObject({ values: [{ function: 'quantile_state' }, { function: 'min' }] });
});

it('a merge has a part for each side, a union for each source', () => {
  const merged = plan(
    "slow = df[df.latency > 5]\ndf = df.merge(slow, how='inner', left_on='goid_', right_on='goid_', suffixes=['', '_slow'])",
  );
  const { parts, rest } = split(merged);
  expect(parts.map(({ table }) => table)).toEqual(['union_1', 'union_2']);
  expect(parts.every((part) => operators(part.plan).at(-1) === 'scan')).toBe(true);
  expect(operators(rest!).filter((operator) => operator === 'join')).toHaveLength(1);
  expect(duckdbText(rest!)).toMatch(/union_1[\s\S]*union_2/);
  expect(duckdbText(rest!)).not.toContain('calls');
  const appended = split(plan('df = df.append(df[df.latency > 5])'));
  expect(appended.parts).toHaveLength(2);
  expect(duckdbText(appended.rest!)).not.toContain('calls');
});

it('what is read of the nodes is never read at the broker: a window, the last rows, a sort', () => {
  for (const lines of ["df = df.sort('latency')", 'df = df.tail(2)', "df = df.distinct('goid_')"]) {
    const { parts, rest } = split(plan(lines));
    expect(parts).toHaveLength(1);
    expect(duckdbText(rest!)).not.toContain('calls');
  }
});

it('a plan survives the way to another process', () => {
  const whole = plan('df = df[df.latency > 9223372036854775806]\ndf.x = 1.5\ndf.t = df.time_ - px.now()');
  expect(planFromJson(planToJson(whole))).toEqual(whole);
});

it.each([
  '',
  '{',
  '[]',
  '{"operator":"join","source":{"operator":"scan"}}',
  '{"operator":"filter"}',
  '{"operator":"aggregate","values":[{"function":"oracle"}],"source":{"operator":"scan"}}',
  'null',
])('refuses %j as a plan', (text) => {
  expect(() => planFromJson(text)).toThrow(BadPlan);
});

it('only rows of the given processes are read, and none without any', () => {
  const many = Array.from({ length: 1000 }, (_, i) => BigInt(i));
  const text = duckdbText(ofProcesses(plan('df = df[df.latency > 5].head(3)'), many));
  expect(text.match(/"upid"/g)!.length).toBeGreaterThanOrEqual(1000);
  expect(duckdbText(ofProcesses(plan('df = df.head(3)'), []))).toMatch(/WHERE.*false/is);
});
