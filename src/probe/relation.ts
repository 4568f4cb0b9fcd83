import { type Diagnostic, placed } from '#base';
import { implicitColumns, type LogicalTracepoint, type Relation, sameRelation } from '#model';
import type { PlannedProbe } from './plan/index.ts';

/** `upid`, `time_`, `goid_`, then the probes' columns. */
export function relationOf(planned: readonly PlannedProbe[]): Relation {
  // What is added up is of many goroutines.
  const grouped = planned[0]?.group !== undefined;
  const implicit = implicitColumns.filter(({ name }) => !grouped || name !== 'goid_');
  return { columns: [...implicit, ...(planned[0]?.plan.columns.map((each) => each.column) ?? [])] };
}

/** All probes of a tracepoint write one table: why they cannot. */
export function unequalColumns(logical: LogicalTracepoint, planned: readonly PlannedProbe[]): Diagnostic[] {
  const first = planned[0];
  if (first === undefined) {
    return [placed({ id: 'probe.no-probe', message: `the tracepoint '${logical.name}' has no probe` }, logical.span)];
  }
  const expected = relationOf([first]);
  return planned.flatMap((each, index) => {
    const relation = relationOf([each]);
    if (sameRelation(expected, relation)) return [];
    const diagnostic: Diagnostic = {
      id: 'probe.unequal-columns',
      message: `the probes of '${logical.name}' write one table, but their columns differ`,
      hints: [columnsText(first.plan.function, expected), columnsText(each.plan.function, relation)],
    };
    return [placed(diagnostic, logical.probes[index]?.span)];
  });
}

function columnsText(fn: string, relation: Relation): string {
  const columns = relation.columns.slice(implicitColumns.length);
  return `${fn}: ${columns.map((column) => `${column.name} ${column.unsigned === true ? 'unsigned ' : ''}${column.type}`).join(', ')}`;
}
