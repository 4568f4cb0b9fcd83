import { implicitColumns, type LogicalTracepoint, type Relation } from '#model';
import type { Fold } from './types.ts';

/** The same tracepoint with a row a call: of an aggregate the number that it is of, of a count nothing. */
export function ungrouped(logical: LogicalTracepoint): LogicalTracepoint {
  const probes = logical.probes.map((probe) => ({
    ...probe,
    columns: probe.columns.map(({ name, capture }) => {
      if (capture.kind !== 'aggregate') return { name, capture };
      return { name, capture: capture.of ?? { kind: 'nothing' as const } };
    }),
  }));
  return { ...logical, probes };
}

/** The table that is made of such rows, and how. */
export function foldOf(
  logical: LogicalTracepoint,
  rows: Relation,
): { readonly relation: Relation; readonly fold: Fold } {
  const captures = new Map(logical.probes[0]!.columns.map(({ name, capture }) => [name, capture]));
  const own = rows.columns.slice(implicitColumns.length).map((column) => {
    const capture = captures.get(column.name);
    if (capture?.kind !== 'aggregate') return { column, made: 'key' as const };
    const { function: made } = capture;
    const { unsigned: _, ...bare } = column;
    if (made === 'count') return { column: { ...bare, type: 'INT64' as const }, made };
    const isText = made === 'histogram' || made === 'top_keys';
    const type = isText ? 'STRING' : column.type === 'BOOLEAN' ? 'INT64' : column.type;
    return { column: isText ? { ...bare, type, semantic: 'ST_NONE' as const } : { ...column, type }, made };
  });
  const implicit = implicitColumns.filter(({ name }) => name !== 'goid_');
  return {
    relation: { columns: [...implicit, ...own.map(({ column }) => column)] },
    fold: { rows, made: own.map(({ made }) => made) },
  };
}
