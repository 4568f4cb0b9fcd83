import { BugError } from '#base';
import {
  apply,
  constant,
  outputColumns,
  type PlanColumn,
  type Relational,
  reference,
  type Scalar,
  type Scan,
} from './plan.ts';
import { withSources } from './rules/walk.ts';

/** A plan in two halves. */
export interface SplitPlan {
  /** What each node does over its own rows, and the table that the union of what the nodes give is to be put in. */
  readonly parts: readonly { readonly table: string; readonly plan: Relational }[];
  /** What remains to be done, read from these tables; undefined: nothing, there is one part. */
  readonly rest: Relational | undefined;
}

/**
 * Filters and projections are done at the nodes, up to the first operator that needs to see all rows. A limit is done at both: no node
 * has to send more rows than the limit. Everything else is done over the union of the nodes' rows. `name` makes up tables' names.
 */
export function splitPlan(plan: Relational, name: () => string): SplitPlan {
  if (isOfNodes(plan)) return { parts: [{ table: name(), plan }], rest: undefined };
  const parts: { table: string; plan: Relational }[] = [];
  const union = (part: Relational): Scan => {
    const table = name();
    parts.push({ table, plan: part });
    return { operator: 'scan', table, stored: true, columns: outputColumns(part) };
  };
  const walk = (each: Relational): Relational => {
    if (isOfNodes(each)) return union(each);
    if (each.operator === 'limit' && isOfNodes(each.source)) return { ...each, source: union(each) };
    return withSources(each, walk);
  };
  const rest = walk(plan);
  return { parts, rest };
}

/** Each row comes from one row of a table that the nodes have. */
function isOfNodes(plan: Relational): boolean {
  if (plan.operator === 'scan') return plan.stored && plan.empty !== true;
  return (plan.operator === 'filter' || plan.operator === 'project') && isOfNodes(plan.source);
}

/** The one scan of a plan for nodes. */
export function scanOf(plan: Relational): Scan {
  if (plan.operator === 'scan') return plan;
  if (plan.operator === 'join' || plan.operator === 'union') throw new BugError('a plan for nodes has one source');
  return scanOf(plan.source);
}

/** The plan, reading only rows of these processes: the two words of each UPID as one number. */
export function ofProcesses(plan: Relational, upids: readonly bigint[]): Relational {
  if (plan.operator !== 'scan') return withSources(plan, (source) => ofProcesses(source, upids));
  const boolean = { type: 'BOOLEAN', semantic: 'ST_NONE' } as const;
  const upid: PlanColumn = { name: 'upid', type: 'UINT128', semantic: 'ST_UPID', id: -1 };
  const is = (value: bigint): Scalar => apply('equal', boolean, reference(upid), constant('UINT128', value));
  const any = anyOf(upids.map(is), (a, b) => apply('or', boolean, a, b)) ?? constant('BOOLEAN', false);
  return { ...plan, predicate: plan.predicate ? apply('and', boolean, plan.predicate, any) : any };
}

/** Combined as a balanced tree: a long chain would nest too deep for the engine's parser. */
function anyOf(terms: readonly Scalar[], or: (a: Scalar, b: Scalar) => Scalar): Scalar | undefined {
  if (terms.length <= 1) return terms[0];
  const half = terms.length >> 1;
  return or(anyOf(terms.slice(0, half), or)!, anyOf(terms.slice(half), or)!);
}
