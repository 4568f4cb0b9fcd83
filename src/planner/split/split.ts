import { outputColumns, type PlanColumn, type Relational, reference } from '../plan.ts';
import { withSources } from '../rules/walk.ts';
import { splitAggregate } from './aggregate.ts';
import { isOfNodes, isRowwise } from './for-nodes.ts';
import { Names } from './names.ts';
import { withPlace } from './place.ts';

/** What each node does over its own rows, and the table that the union of what the nodes give is to be put in. */
export interface PlanPart {
  readonly table: string;
  readonly plan: Relational;
}

/** A plan in two halves. */
export interface SplitPlan {
  readonly parts: readonly PlanPart[];
  /** What remains to be done, read from the parts' tables; undefined: nothing, there is one part. */
  readonly rest: Relational | undefined;
  /** What may differ from what one place with all rows would give: `p99: within 1 %`. */
  readonly inexact: readonly string[];
}

/**
 * What can be done at the nodes is done there: filters, projections, groups of one UPID, partial aggregates, and the first or last rows of what is
 * asked for. The rest is done over the union of what the nodes give, in the order of `time_`, rows of one time in that of their arrival.
 * `table` makes up tables' names.
 */
export function splitPlan(plan: Relational, table: () => string): SplitPlan {
  const names = new Names(table);
  if (isRowwise(plan)) return { parts: [{ table: names.table(), plan }], rest: undefined, inexact: [] };
  const parts: PlanPart[] = [];
  const inexact: string[] = [];
  /** The union of what nodes give, in order. */
  const union = (part: Relational): Relational => {
    const { plan: placed, place } = withPlace(part, names);
    const made = names.table();
    parts.push({ table: made, plan: placed });
    const columns = outputColumns(placed);
    const scan: Relational = { operator: 'scan', table: made, stored: true, columns };
    return { operator: 'sort', source: scan, keys: [{ value: reference(place), descending: false }] };
  };
  const walk = (each: Relational): Relational => {
    if (isOfNodes(each)) return union(each);
    switch (each.operator) {
      case 'limit':
        // No node has to send more rows than the limit, and none knows which of its rows are left out.
        if (each.others) break;
        if (isOfNodes(each.source)) return { ...each, source: union(each) };
        if (each.source.operator === 'sort' && isOfNodes(each.source.source))
          return { ...each, source: { ...each.source, source: union(each) } };
        break;
      case 'aggregate': {
        const split = isOfNodes(each.source) ? splitAggregate(each, names) : undefined;
        if (split) {
          parts.push(split.part);
          inexact.push(...split.inexact);
          return split.rest;
        }
        break;
      }
    }
    return withSources(each, walk);
  };
  return { parts, rest: onlyColumns(walk(plan), outputColumns(plan)), inexact };
}

/** Without the places of rows. */
function onlyColumns(plan: Relational, columns: readonly PlanColumn[]): Relational {
  if (outputColumns(plan).length === columns.length) return plan;
  return {
    operator: 'project',
    source: plan,
    outputs: columns.map((column) => ({ column, value: reference(column) })),
  };
}
