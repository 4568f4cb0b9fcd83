import duckdb, { type DataChunk, type Vector } from '@duckdb/node-bindings';
import type { ColumnData, ColumnType, Relation, RowBatch, StringValues } from '#model';
import { swapWords, valueBytes } from './write.ts';

/** Collects the rows of data chunks into batches. The engine's memory is copied out at once: nothing here points into a chunk. */
export class BatchReader {
  readonly #types: readonly ColumnType[];
  readonly #notes: boolean;
  #parts: { rows: number; columns: ColumnData[] }[] = [];
  #rows = 0;

  constructor(relation: Relation, notes: boolean) {
    this.#types = relation.columns.map((column) => column.type);
    this.#notes = notes;
  }

  get rows(): number {
    return this.#rows;
  }

  add(chunk: DataChunk): void {
    const rows = duckdb.data_chunk_get_size(chunk);
    const types: ColumnType[] = this.#notes ? [...this.#types, 'STRING'] : [...this.#types];
    const columns = types.map((type, i) => readVector(duckdb.data_chunk_get_vector(chunk, i), type, rows));
    this.#parts.push({ rows, columns });
    this.#rows += rows;
    // The chunk must outlive the views of its memory.
    duckdb.data_chunk_get_size(chunk);
  }

  /** The rows so far as one batch. */
  take(): RowBatch {
    const parts = this.#parts;
    const rows = this.#rows;
    this.#parts = [];
    this.#rows = 0;
    const count = this.#types.length;
    const columns = this.#types.map((_, i) =>
      joinColumns(parts.map((part) => ({ rows: part.rows, column: part.columns[i]! }))),
    );
    if (!this.#notes) return { rows, columns };
    const notes: (string | null)[] = [];
    let any = false;
    for (const part of parts) {
      const column = part.columns[count] as ColumnData & { type: 'STRING' };
      const text = new TextDecoder();
      for (let row = 0; row < part.rows; row++) {
        const there = column.valid?.[row] !== 0;
        any ||= there;
        const { offsets, bytes } = column.values;
        notes.push(there ? text.decode(bytes.subarray(offsets[row], offsets[row + 1])) : null);
      }
    }
    return any ? { rows, columns, notes } : { rows, columns };
  }
}

/** The first `rows` values; a missing one is zero there, or empty. */
export function readVector(vector: Vector, type: ColumnType, rows: number): ColumnData {
  const memory = duckdb.vector_get_data(vector, rows * valueBytes[type]);
  const valid = readValidity(vector, rows);
  if (valid === undefined) return readValues(memory, type, rows, valid);
  // The engine leaves anything in the place of a missing value.
  const size = valueBytes[type];
  for (let i = 0; i < rows; i++) if (valid[i] === 0) memory.fill(0, i * size, (i + 1) * size);
  return { ...readValues(memory, type, rows, valid), valid };
}

/** `memory` is a copy already, made by the binding: it becomes the values themselves. */
function readValues(memory: Uint8Array, type: ColumnType, rows: number, valid: Uint8Array | undefined): ColumnData {
  const { buffer, byteOffset } = memory.byteOffset % 8 === 0 ? memory : memory.slice();
  switch (type) {
    case 'BOOLEAN':
      return { type, values: new Uint8Array(buffer, byteOffset, rows) };
    case 'FLOAT64':
      return { type, values: new Float64Array(buffer, byteOffset, rows) };
    case 'UINT128': {
      const values = new BigUint64Array(rows * 2);
      swapWords(new BigUint64Array(buffer, byteOffset, rows * 2), new Uint8Array(values.buffer));
      return { type, values };
    }
    case 'STRING':
      return { type, values: readTexts(new Uint8Array(buffer, byteOffset, rows * 16), rows, valid) };
    default:
      return { type, values: new BigInt64Array(buffer, byteOffset, rows) };
  }
}

/** Undefined when every value is there. */
function readValidity(vector: Vector, rows: number): Uint8Array | undefined {
  const words = Math.ceil(rows / 64);
  const bits: Uint8Array | null = duckdb.vector_get_validity(vector, words * 8);
  if (bits === null || bits === undefined) return undefined;
  const valid = new Uint8Array(rows);
  let missing = 0;
  for (let i = 0; i < rows; i++) {
    const bit = (bits[i >> 3]! >> (i & 7)) & 1;
    valid[i] = bit;
    missing += 1 - bit;
  }
  return missing === 0 ? undefined : valid;
}

/**
 * Texts of up to 12 bytes stand in the vector, longer ones behind pointers (see `VectorWriter`). Fetching one text costs far more than
 * copying it, so neighbours in memory are fetched together, with what lies between them: where that is less than a page, no page
 * is touched that holds no part of a text.
 */
function readTexts(memory: Uint8Array, rows: number, valid: Uint8Array | undefined): StringValues {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, rows * 4);
  const offsets = new Uint32Array(rows + 1);
  const runs: Run[] = [];
  const runOf = new Uint32Array(rows);
  let run: Run | undefined;
  let size = 0;
  for (let i = 0; i < rows; i++) {
    if (valid === undefined || valid[i] !== 0) {
      const length = words[4 * i]!;
      size += length;
      if (length > 12) {
        const low = words[4 * i + 2]! + words[4 * i + 3]! * 0x1_0000_0000;
        const high = low + length;
        if (run !== undefined && low < run.high + pageBytes && high > run.low - pageBytes) {
          if (low < run.low) run.low = low;
          if (high > run.high) run.high = high;
        } else {
          run = { low, high };
          runs.push(run);
        }
        runOf[i] = runs.length - 1;
      }
    }
    offsets[i + 1] = size;
  }
  const texts = runs.map(({ low, high }) => fetch(low, high - low));
  const bytes = new Uint8Array(size);
  for (let i = 0; i < rows; i++) {
    const to = offsets[i]!;
    const length = offsets[i + 1]! - to;
    if (length > 12) {
      const at = words[4 * i + 2]! + words[4 * i + 3]! * 0x1_0000_0000 - runs[runOf[i]!]!.low;
      bytes.set(texts[runOf[i]!]!.subarray(at, at + length), to);
    } else {
      const from = 16 * i + 4;
      for (let k = 0; k < length; k++) bytes[to + k] = memory[from + k]!;
    }
  }
  return { offsets, bytes };
}

/** Addresses of texts that are fetched together, end exclusive. */
interface Run {
  low: number;
  high: number;
}

/** The smallest page of any machine that runs this. */
const pageBytes = 4096;

function fetch(address: number, length: number): Uint8Array {
  const pointer = new BigUint64Array([BigInt(address)]);
  return duckdb.get_data_from_pointer(pointer.buffer, 0, length);
}

function joinColumns(parts: readonly { rows: number; column: ColumnData }[]): ColumnData {
  if (parts.length === 1) return parts[0]!.column;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = joinValues(
    parts.map((part) => part.column),
    rows,
  );
  if (parts.every((part) => part.column.valid === undefined)) return data;
  const valid = new Uint8Array(rows).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.column.valid !== undefined) valid.set(part.column.valid, at);
    at += part.rows;
  }
  return { ...data, valid };
}

function joinValues(columns: readonly ColumnData[], rows: number): ColumnData {
  const type = columns[0]!.type;
  switch (type) {
    case 'STRING': {
      const texts = columns.map((column) => (column as ColumnData & { type: 'STRING' }).values);
      const offsets = new Uint32Array(rows + 1);
      const bytes = new Uint8Array(texts.reduce((sum, part) => sum + part.bytes.length, 0));
      let row = 0;
      let used = 0;
      for (const part of texts) {
        for (let i = 1; i < part.offsets.length; i++) offsets[++row] = used + part.offsets[i]!;
        bytes.set(part.bytes, used);
        used += part.bytes.length;
      }
      return { type, values: { offsets, bytes } };
    }
    case 'UINT128':
      return {
        type,
        values: joinArrays(
          columns.map((column) => column.values as BigUint64Array),
          new BigUint64Array(rows * 2),
        ),
      };
    case 'FLOAT64':
      return {
        type,
        values: joinArrays(
          columns.map((column) => column.values as Float64Array),
          new Float64Array(rows),
        ),
      };
    case 'BOOLEAN':
      return {
        type,
        values: joinArrays(
          columns.map((column) => column.values as Uint8Array),
          new Uint8Array(rows),
        ),
      };
    default:
      return {
        type,
        values: joinArrays(
          columns.map((column) => column.values as BigInt64Array),
          new BigInt64Array(rows),
        ),
      };
  }
}

function joinArrays<A extends { readonly length: number; set(source: A, at: number): void }>(
  parts: readonly A[],
  target: A,
): A {
  let at = 0;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
  return target;
}
