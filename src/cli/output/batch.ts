import { textAt } from '#api';
import { type Column, type ColumnData, formatUuid, type RowBatch } from '#model';
import { type Cell, parseNotes, type Row } from './row.ts';

/** A batch's rows, one by one. */
export function* batchRows(columns: readonly Column[], batch: RowBatch): Generator<Row> {
  for (let i = 0; i < batch.rows; i++) {
    const cells = columns.map((column, k) => cellAt(column, batch.columns[k]!, i));
    const notes = parseNotes(batch.notes?.[i]);
    yield notes === undefined ? { cells } : { cells, notes };
  }
}

function cellAt(column: Column, data: ColumnData, i: number): Cell {
  if (data.valid !== undefined && data.valid[i] === 0) return null;
  switch (data.type) {
    case 'BOOLEAN':
      return data.values[i] !== 0;
    case 'INT64':
      return column.unsigned ? BigInt.asUintN(64, data.values[i]!) : data.values[i]!;
    case 'TIME64NS':
      return data.values[i]!;
    case 'UINT128':
      return formatUuid(data.values[2 * i]!, data.values[2 * i + 1]!);
    case 'FLOAT64':
      return data.values[i]!;
    case 'STRING':
      return textAt(data.values, i);
  }
}
