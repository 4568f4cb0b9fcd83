import { BugError } from '#base';
import { apply, constant, type PlanColumn, type Relational, reference, type Scalar, type Scan } from '../plan.ts';
import { withSources } from '../rules/walk.ts';

/** Each row comes from one row of a table that the nodes have. */
export function isRowwise(plan: Relational): boolean {
  if (plan.operator === 'scan') return plan.stored && plan.empty !== true;
  return (plan.operator === 'filter' || plan.operator === 'project') && isRowwise(plan.source);
}

/** Each row comes from rows of one node: a process is at one node, and so is a group of rows of one UPID. */
export function isOfNodes(plan: Relational): boolean {
  switch (plan.operator) {
    case 'scan':
      return isRowwise(plan);
    case 'filter':
    case 'project':
      return isOfNodes(plan.source);
    case 'aggregate':
      return isOfNodes(plan.source) && (plan.by ?? []).some(({ value }) => isUpid(value, plan.source));
    default:
      return false;
  }
}

/** The value is the UPID of the row of the table that it comes from. */
function isUpid(value: Scalar, plan: Relational): boolean {
  if (value.kind !== 'column') return false;
  switch (plan.operator) {
    case 'scan':
      return value.name === 'upid' && value.type === 'UINT128';
    case 'filter':
      return isUpid(value, plan.source);
    case 'project':
      return plan.outputs.some(({ column, value: inner }) => column.id === value.id && isUpid(inner, plan.source));
    case 'aggregate':
      return (plan.by ?? []).some(({ column, value: inner }) => column.id === value.id && isUpid(inner, plan.source));
    default:
      return false;
  }
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
