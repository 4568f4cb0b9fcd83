import duckdb, { type Type } from '@duckdb/node-bindings';
import type { Column, ColumnType } from '#model';

const typeIds: Readonly<Record<ColumnType, Type>> = {
  BOOLEAN: duckdb.Type.BOOLEAN,
  INT64: duckdb.Type.BIGINT,
  TIME64NS: duckdb.Type.BIGINT,
  UINT128: duckdb.Type.UHUGEINT,
  FLOAT64: duckdb.Type.DOUBLE,
  STRING: duckdb.Type.VARCHAR,
};

/** DuckDB's id of a column's type: that of `sqlType`, which the main thread uses without loading DuckDB. */
export function typeId(column: Column): Type {
  return column.unsigned && column.type === 'INT64' ? duckdb.Type.UBIGINT : typeIds[column.type];
}
