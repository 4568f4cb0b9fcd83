import duckdb, { type Connection, type DataChunk, type Type, type Vector } from '@duckdb/node-bindings';
import { type RowFunction, type RowType, type RowValue, rowFunctions } from '#functions';
import { type ColumnData, type ColumnType, GrowingColumn } from '#model';
import { readVector } from './read.ts';
import { VectorWriter } from './write.ts';

/** How the engine has a type, and how we read and write its values. */
const types: Readonly<Record<RowType, { readonly engine: Type; readonly column: ColumnType }>> = {
  text: { engine: duckdb.Type.VARCHAR, column: 'STRING' },
  int: { engine: duckdb.Type.BIGINT, column: 'INT64' },
  // Signed, in two words as those without a sign.
  wide: { engine: duckdb.Type.HUGEINT, column: 'UINT128' },
  float: { engine: duckdb.Type.DOUBLE, column: 'FLOAT64' },
  bool: { engine: duckdb.Type.BOOLEAN, column: 'BOOLEAN' },
};

/**
 * Makes the functions of `#functions` known to the engine as `px_<name>`, for all connections. DuckDB calls them on this thread
 * for up to 2048 rows at a time: never wait for a query without giving way to the event loop.
 */
export function registerRowFunctions(connection: Connection): void {
  for (const each of rowFunctions) {
    const made = duckdb.create_scalar_function();
    duckdb.scalar_function_set_name(made, `px_${each.name}`);
    for (const type of each.parameters)
      duckdb.scalar_function_add_parameter(made, duckdb.create_logical_type(types[type].engine));
    duckdb.scalar_function_set_return_type(made, duckdb.create_logical_type(types[each.result].engine));
    duckdb.scalar_function_set_function(made, (_info, input, output) => callForRows(each, input, output));
    duckdb.register_scalar_function(connection, made);
  }
}

function callForRows(each: RowFunction, input: DataChunk, output: Vector): void {
  const rows = duckdb.data_chunk_get_size(input);
  const columns = each.parameters.map((type, i) =>
    readVector(duckdb.data_chunk_get_vector(input, i), types[type].column, rows),
  );
  const call = each.call as (...values: RowValue[]) => RowValue;
  const { column } = types[each.result];
  const results = new GrowingColumn(column);
  for (let row = 0; row < rows; row++) {
    if (columns.some(({ valid }) => valid?.[row] === 0)) results.missing();
    else put(results, call(...columns.map((values) => valueAt(values, row))));
  }
  const writer = new VectorWriter(column);
  writer.write(output, results.finish(rows), 0, rows, 0);
  writer.finish(output, rows);
}

function put(to: GrowingColumn, value: RowValue): void {
  if (typeof value === 'string') to.text(value);
  else if (typeof value === 'boolean') to.boolean(value);
  else if (typeof value === 'number') to.float(value);
  else to.int(value);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function valueAt({ type, values }: ColumnData, row: number): RowValue {
  switch (type) {
    case 'STRING':
      return decoder.decode(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!));
    case 'UINT128':
      return (BigInt.asIntN(64, values[2 * row]!) << 64n) | values[2 * row + 1]!;
    case 'BOOLEAN':
      return values[row] !== 0;
    default:
      return values[row]!;
  }
}
