import type { ColumnData, RowBatch } from '#model';

export interface BatchLimits {
  /** Most rows in a batch; default 16384. */
  readonly rows?: number;
  /** Most bytes of a batch on the wire, estimated from above; default 900 KiB (Pixie's clients refuse messages above 4 MiB). A longer row is sent alone. */
  readonly bytes?: number;
}

/** The batch in pieces within the limits, as views: no value is copied. An empty batch gives none. */
export function* splitBatch(batch: RowBatch, limits: BatchLimits = {}): Generator<RowBatch> {
  const mostRows = limits.rows ?? 16384;
  const mostBytes = limits.bytes ?? 900 * 1024;
  const fixed = batch.columns.reduce((sum, column) => sum + fixedBytes[column.type], 0);
  const texts = batch.columns.flatMap((column) => (column.type === 'STRING' ? [column.values.offsets] : []));
  let start = 0;
  let bytes = 0;
  for (let row = 0; row < batch.rows; row++) {
    let size = fixed + (batch.notes === undefined ? 0 : 4 + 3 * (batch.notes[row]?.length ?? 0));
    for (const offsets of texts) size += offsets[row + 1]! - offsets[row]!;
    if (row > start && (row - start >= mostRows || bytes + size > mostBytes)) {
      yield sliceBatch(batch, start, row);
      start = row;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < batch.rows) yield start === 0 ? batch : sliceBatch(batch, start, batch.rows);
}

/** Most bytes that one value takes on the wire, a string's text aside: varints of 64 bits are up to 10 long; the validity bit is rounded up. */
const fixedBytes = { BOOLEAN: 2, INT64: 23, TIME64NS: 11, UINT128: 26, FLOAT64: 9, STRING: 6 } as const;

/** Rows `start` to `end` (exclusive) as views of the same buffers; string offsets are copied, to begin at 0. */
export function sliceBatch(batch: RowBatch, start: number, end: number): RowBatch {
  const columns = batch.columns.map((column): ColumnData => {
    const valid = column.valid === undefined ? {} : { valid: column.valid.subarray(start, end) };
    switch (column.type) {
      case 'UINT128':
        return { type: column.type, values: column.values.subarray(2 * start, 2 * end), ...valid };
      case 'STRING': {
        const base = column.values.offsets[start]!;
        const offsets = column.values.offsets.slice(start, end + 1);
        for (let i = 0; i < offsets.length; i++) offsets[i]! -= base;
        return {
          type: column.type,
          values: { offsets, bytes: column.values.bytes.subarray(base, base + offsets.at(-1)!) },
          ...valid,
        };
      }
      case 'BOOLEAN':
        return { type: column.type, values: column.values.subarray(start, end), ...valid };
      case 'FLOAT64':
        return { type: column.type, values: column.values.subarray(start, end), ...valid };
      default:
        return { type: column.type, values: column.values.subarray(start, end), ...valid };
    }
  });
  const notes = batch.notes?.slice(start, end);
  return notes?.some((note) => note !== null) ? { rows: end - start, columns, notes } : { rows: end - start, columns };
}
