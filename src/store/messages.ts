import type { Relation, RowBatch } from '#model';

/** To the engine's thread. All but `query`, `more` and `cancel` are done in the order sent; a query sees all that was sent before it. */
export type Request =
  | {
      readonly op: 'create';
      readonly id: number;
      readonly table: string;
      readonly sql: readonly string[];
      readonly relation: Relation;
      readonly closes: readonly string[];
    }
  | {
      readonly op: 'append';
      readonly id: number;
      readonly table: string;
      readonly batch: RowBatch;
      readonly sequence: number;
      readonly bytes: number;
    }
  | { readonly op: 'drop'; readonly id: number; readonly table: string }
  | { readonly op: 'cut'; readonly id: number; readonly table: string; readonly below: number }
  | {
      readonly op: 'query';
      readonly id: number;
      readonly sql: string;
      readonly relation: Relation;
      readonly notes: boolean;
      readonly batchRows: number;
    }
  | { readonly op: 'more'; readonly id: number }
  | { readonly op: 'cancel'; readonly id: number }
  | { readonly op: 'trim'; readonly id: number }
  | { readonly op: 'close'; readonly id: number };

/** From it. Every request but `more` and `cancel` ends with one `done` or `failed`; a query has `rows` before. */
export type Reply =
  | { readonly op: 'done'; readonly id: number }
  | { readonly op: 'failed'; readonly id: number; readonly reason: string; readonly sql: string }
  | { readonly op: 'rows'; readonly id: number; readonly batch: RowBatch }
  /** Rows that were taken and could not be written. */
  | { readonly op: 'lost'; readonly table: string; readonly rows: number; readonly reason: string };

export interface WorkerOptions {
  readonly file: string;
  /** As DuckDB writes it: `256MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/** The buffers of a batch, for a transfer list. A view of a part of a larger buffer is copied first, so that the rest stays usable. */
export function transferable(batch: RowBatch): { batch: RowBatch; buffers: ArrayBuffer[] } {
  const buffers = new Set<ArrayBuffer>();
  const own = <A extends Uint8Array | Uint32Array | BigInt64Array | BigUint64Array | Float64Array>(view: A): A => {
    const whole = view.byteLength === view.buffer.byteLength && !buffers.has(view.buffer as ArrayBuffer);
    const mine = whole ? view : (view.slice() as A);
    buffers.add(mine.buffer as ArrayBuffer);
    return mine;
  };
  const columns = batch.columns.map((column) => {
    const valid = column.valid === undefined ? {} : { valid: own(column.valid) };
    switch (column.type) {
      case 'STRING':
        return {
          type: column.type,
          values: { offsets: own(column.values.offsets), bytes: own(column.values.bytes) },
          ...valid,
        };
      case 'UINT128':
        return { type: column.type, values: own(column.values), ...valid };
      case 'FLOAT64':
        return { type: column.type, values: own(column.values), ...valid };
      case 'BOOLEAN':
        return { type: column.type, values: own(column.values), ...valid };
      default:
        return { type: column.type, values: own(column.values), ...valid };
    }
  });
  return { batch: { ...batch, columns }, buffers: [...buffers] };
}

/** Bytes of a batch's values: what retention counts. */
export function batchBytes(batch: RowBatch): number {
  let bytes = 8 * batch.rows;
  for (const column of batch.columns) {
    bytes +=
      column.type === 'STRING'
        ? column.values.offsets.byteLength + column.values.bytes.byteLength
        : column.values.byteLength;
  }
  if (batch.notes) for (const note of batch.notes) bytes += note?.length ?? 0;
  return bytes;
}
