/** Pixie's column types (px.api.vizierpb.DataType), by their names on the wire. */
export const columnTypes = ['BOOLEAN', 'INT64', 'UINT128', 'FLOAT64', 'STRING', 'TIME64NS'] as const;
export type ColumnType = (typeof columnTypes)[number];

/** The semantic types that Sonde sets (px.api.vizierpb.SemanticType). */
export type SemanticType =
  | 'ST_NONE'
  | 'ST_UPID'
  | 'ST_DURATION_NS'
  | 'ST_BYTES'
  | 'ST_PERCENT'
  | 'ST_QUANTILES'
  | 'ST_DURATION_NS_QUANTILES'
  | 'ST_SERVICE_NAME'
  | 'ST_POD_NAME'
  | 'ST_CONTAINER_NAME'
  | 'ST_NAMESPACE_NAME'
  | 'ST_NODE_NAME'
  | 'ST_SCRIPT_REFERENCE';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly semantic: SemanticType;
  /** An INT64 column whose values are Go `uint`, `uint64` or `uintptr`: UBIGINT in the store, a decimal STRING on Pixie's wire. */
  readonly unsigned?: true;
  readonly description?: string;
}

/** The columns of a table or a result, in order. */
export interface Relation {
  readonly columns: readonly Column[];
}

/** Equal names, types and semantics in the same order: the condition for two tracepoints to write one table. */
export function sameRelation(a: Relation, b: Relation): boolean {
  return (
    a.columns.length === b.columns.length &&
    a.columns.every((column, i) => {
      const other = b.columns[i]!;
      return (
        column.name === other.name &&
        column.type === other.type &&
        column.semantic === other.semantic &&
        column.unsigned === other.unsigned
      );
    })
  );
}

/** `upid`, `time_`, `goid_`: the columns that every tracepoint's table begins with. */
export const implicitColumns: readonly Column[] = [
  { name: 'upid', type: 'UINT128', semantic: 'ST_UPID', description: 'process' },
  { name: 'time_', type: 'TIME64NS', semantic: 'ST_NONE', description: 'when the event was emitted, wall clock' },
  { name: 'goid_', type: 'INT64', semantic: 'ST_NONE', description: 'goroutine' },
];
