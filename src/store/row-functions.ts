import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  HUGEINT,
  VARCHAR,
} from '@duckdb/node-api';
import duckdb, { type Connection } from '@duckdb/node-bindings';
import { type RowFunction, type RowType, type RowValue, rowFunctions } from '#functions';

const types: Readonly<Record<RowType, DuckDBType>> = {
  text: VARCHAR,
  int: BIGINT,
  wide: HUGEINT,
  float: DOUBLE,
  bool: BOOLEAN,
};

/**
 * Makes the functions of `#functions` known to the engine as `px_<name>`, for all connections. DuckDB calls them on this thread
 * for up to 2048 rows at a time: never wait for a query without giving way to the event loop.
 */
export function registerRowFunctions(connection: Connection): void {
  for (const each of rowFunctions) {
    const made = DuckDBScalarFunction.create({
      name: `px_${each.name}`,
      parameterTypes: each.parameters.map((type) => types[type]),
      returnType: types[each.result],
      mainFunction: (_info, input, output) => callForRows(each, input, output),
    });
    duckdb.register_scalar_function(connection, made.scalar_function);
  }
}

function callForRows(each: RowFunction, input: DuckDBDataChunk, output: DuckDBVector): void {
  const columns = each.parameters.map((_, i) => input.getColumnVector(i));
  const call = each.call as (...values: unknown[]) => RowValue;
  for (let row = 0; row < input.rowCount; row++) {
    const values = columns.map((column) => column.getItem(row));
    output.setItem(row, values.includes(null) ? null : call(...values));
  }
  output.flush();
}
