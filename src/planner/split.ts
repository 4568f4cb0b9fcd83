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

/** A plan in two halves. */
export interface SplitPlan {
  /** What each node does over its own rows. */
  readonly node: Relational;
  /** What remains to be done over all nodes' rows, read from a table of this name; undefined: nothing. */
  readonly rest: ((table: string) => Relational) | undefined;
}

/**
 * Filters and projections are done at the nodes, up to the first operator that needs to see all rows. A limit is done at both: no node
 * has to send more rows than the limit. An aggregate is done over the union of the nodes' rows.
 */
export function splitPlan(plan: Relational): SplitPlan {
  const below = lowest(plan);
  if (below === undefined) return { node: plan, rest: undefined };
  const node: Relational = below.operator === 'limit' ? below : below.source;
  const columns = outputColumns(node);
  return {
    node,
    rest: (table) => replaced(plan, below, { operator: 'scan', table, stored: true, columns }),
  };
}

/** The lowest operator that needs all rows. */
function lowest(plan: Relational): Extract<Relational, { operator: 'limit' | 'aggregate' }> | undefined {
  if (plan.operator === 'scan') return undefined;
  const inner = lowest(plan.source);
  if (inner !== undefined) return inner;
  return plan.operator === 'limit' || plan.operator === 'aggregate' ? plan : undefined;
}

/** `plan` with the source of `at` replaced. */
function replaced(plan: Relational, at: Relational, source: Relational): Relational {
  if (plan.operator === 'scan') return plan;
  return plan === at ? { ...plan, source } : { ...plan, source: replaced(plan.source, at, source) };
}

/** The scan that a plan ends in. */
export function scanOf(plan: Relational): Scan {
  return plan.operator === 'scan' ? plan : scanOf(plan.source);
}

/** The plan, reading only rows of these processes: the two words of each UPID as one number. */
export function ofProcesses(plan: Relational, upids: readonly bigint[]): Relational {
  if (plan.operator !== 'scan') return { ...plan, source: ofProcesses(plan.source, upids) };
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
