import type { ColumnData, Relation, RowBatch } from '#model';

/** A row as an object: column → value (null where missing), `notes` parsed. */
export type TestRow = Readonly<Record<string, unknown>> & { readonly notes: Readonly<Record<string, string>> };

export function rowsOf(batch: RowBatch, relation: Relation): TestRow[] {
  return Array.from({ length: batch.rows }, (_, row) => ({
    ...Object.fromEntries(relation.columns.map(({ name }, i) => [name, cell(batch.columns[i]!, row)])),
    notes: JSON.parse(batch.notes?.[row] ?? '{}') as Record<string, string>,
  }));
}

function cell(column: ColumnData, row: number): unknown {
  if (column.valid?.[row] === 0) return null;
  switch (column.type) {
    case 'STRING': {
      const { offsets, bytes } = column.values;
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(offsets[row], offsets[row + 1]));
    }
    case 'BOOLEAN':
      return column.values[row] === 1;
    case 'UINT128':
      return `${column.values[2 * row]!.toString(16)}:${column.values[2 * row + 1]!.toString(16)}`;
    default:
      return column.values[row];
  }
}
