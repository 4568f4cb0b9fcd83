import { BugError } from '#base';
import { outputColumns, type PlanColumn, type Relational, reference, type ScalarType } from '../plan.ts';
import type { Names } from './names.ts';

const time: ScalarType = { type: 'TIME64NS', semantic: 'ST_NONE' };

/**
 * A plan for nodes with a column more, that tells its rows' place among those of all nodes: the `time_` of the row in the table (every stored
 * table has one), of a group that of its first row.
 */
export function withPlace(plan: Relational, names: Names): { readonly plan: Relational; readonly place: PlanColumn } {
  switch (plan.operator) {
    case 'scan': {
      const there = plan.columns.find((column) => column.name === 'time_');
      if (there) return { plan, place: there };
      const place = names.column('time_', time);
      return { plan: { ...plan, columns: [...plan.columns, place] }, place };
    }
    case 'filter':
    case 'limit':
    case 'sort': {
      const below = withPlace(plan.source, names);
      return { plan: { ...plan, source: below.plan }, place: below.place };
    }
    case 'project': {
      const below = withPlace(plan.source, names);
      const place = names.column('place_', time, outputColumns(plan));
      const outputs = [...plan.outputs, { column: place, value: reference(below.place) }];
      return { plan: { ...plan, source: below.plan, outputs }, place };
    }
    case 'aggregate': {
      const below = withPlace(plan.source, names);
      const place = names.column('place_', time, outputColumns(plan));
      const values = [...plan.values, { column: place, function: 'min' as const, argument: reference(below.place) }];
      return { plan: { ...plan, source: below.plan, values }, place };
    }
    default:
      throw new BugError(`rows of a ${plan.operator} are not of one node`);
  }
}
