import { implicitColumns, type LogicalTracepoint, type Relation } from '#model';
import type { ResolvedColumn } from './resolve/index.ts';
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
  // Values are short, as those of trees of calls are: what is told apart by them is at their beginning, and more events have room.
  return { ...logical, probes, limits: { eventBytes: 4096, ...logical.limits } };
}

/** The table that is made of such rows, and how. */
export function foldOf(
  logical: LogicalTracepoint,
  rows: Relation,
  resolved: readonly ResolvedColumn[],
): { readonly relation: Relation; readonly fold: Fold } {
  const captures = new Map(logical.probes[0]!.columns.map(({ name, capture }) => [name, capture]));
  const isSingle = (name: string) => {
    const found = resolved.find(({ column }) => column.name === name);
    const value = found !== undefined && 'value' in found ? found.value : undefined;
    const type = value?.kind === 'computed' ? value.computation.type : value;
    return type?.kind === 'float' && type.size === 4;
  };
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
    fold: { rows, made: own.map(({ made }) => made), single: own.map(({ column }) => isSingle(column.name)) },
  };
}
