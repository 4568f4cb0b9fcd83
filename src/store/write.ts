import duckdb, { type Vector } from '@duckdb/node-bindings';
import { BugError } from '#base';
import type { ColumnData, ColumnType, StringValues } from '#model';

/** Rows of a DuckDB data chunk (`STANDARD_VECTOR_SIZE`). */
export const chunkRows = 2048;

/** Bytes per value in a vector's memory. */
export const valueBytes = { BOOLEAN: 1, INT64: 8, TIME64NS: 8, FLOAT64: 8, UINT128: 16, STRING: 16 } as const;

/**
 * Values of one column of a data chunk, gathered here in the form of the engine's own memory and copied to a vector when the chunk is full
 * (the binding gives no view of that memory). Used for one chunk after another.
 */
export class VectorWriter {
  readonly #size: number;
  readonly #memory: ArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #valid = new Uint8Array(chunkRows / 8).fill(0xff);
  #anyMissing = false;

  constructor(type: ColumnType) {
    this.#size = valueBytes[type];
    this.#memory = new ArrayBuffer(chunkRows * this.#size);
    this.#bytes = new Uint8Array(this.#memory);
  }

  /** Values `from` to `from + count` of a column, to row `at` and on. Long texts go to `vector`, that of the chunk, at once. */
  write(vector: Vector, column: ColumnData, from: number, count: number, at: number): void {
    const memory = this.#memory;
    switch (column.type) {
      case 'BOOLEAN':
        for (let i = 0; i < count; i++) this.#bytes[at + i] = column.values[from + i] === 0 ? 0 : 1;
        break;
      case 'FLOAT64':
        new Float64Array(memory, at * 8, count).set(column.values.subarray(from, from + count));
        break;
      case 'UINT128':
        swapWords(column.values.subarray(2 * from, 2 * (from + count)), new Uint8Array(memory, at * 16, count * 16));
        break;
      case 'STRING':
        this.#writeTexts(vector, column.values, from, count, at);
        break;
      default:
        new BigInt64Array(memory, at * 8, count).set(column.values.subarray(from, from + count));
    }
    if (column.valid !== undefined) this.#invalidate(column.valid, from, count, at);
  }

  writeSequence(first: number, count: number, at: number): void {
    const words = new Uint32Array(this.#memory, at * 8, count * 2);
    for (let i = 0; i < count; i++) {
      words[2 * i] = (first + i) >>> 0;
      words[2 * i + 1] = Math.floor((first + i) / 0x1_0000_0000);
    }
  }

  /** Rows without a value; a text's header is emptied too, for the engine may look at it. */
  writeMissing(count: number, at: number): void {
    this.#bytes.fill(0, at * this.#size, (at + count) * this.#size);
    this.#invalidate(undefined, 0, count, at);
  }

  /** Copies the first `rows` values to the chunk's vector, and begins anew. */
  finish(vector: Vector, rows: number): void {
    duckdb.copy_data_to_vector(vector, 0, this.#memory, 0, rows * this.#size);
    if (!this.#anyMissing) return;
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#valid.buffer, 0, this.#valid.length);
    this.#valid.fill(0xff);
    this.#anyMissing = false;
  }

  #invalidate(valid: Uint8Array | undefined, from: number, count: number, at: number): void {
    for (let i = 0; i < count; i++) {
      if (valid !== undefined && valid[from + i] !== 0) continue;
      this.#anyMissing = true;
      this.#valid[(at + i) >> 3]! &= ~(1 << ((at + i) & 7));
    }
  }

  /**
   * A string in a vector (`string_t`, duckdb/common/types/string_type.hpp) is 16 bytes: u32 length, then up to 12 bytes of text in place, or
   * the first 4 and a pointer. All texts go to the vector's heap by one call, as one (row 0, which `finish` writes over); from the pointer that the engine notes for that, the
   * pointers of all are reckoned. One call per text is three times slower; `bench/store.ts` and the tests compare with it.
   */
  #writeTexts(vector: Vector, values: StringValues, from: number, count: number, at: number): void {
    const { offsets, bytes } = values;
    const words = new Uint32Array(this.#memory);
    const base = offsets[from]!;
    const end = offsets[from + count]!;
    let longest = 0;
    for (let i = from; i < from + count; i++) longest = Math.max(longest, offsets[i + 1]! - offsets[i]!);
    let pointer = 0;
    if (longest > inlineBytes) {
      duckdb.vector_assign_string_element_len(vector, 0, bytes.subarray(base, end));
      const header = duckdb.vector_get_data(vector, 16);
      const fields = new DataView(header.buffer, header.byteOffset, 16);
      if (fields.getUint32(0, true) !== end - base) throw new BugError('the engine refused a text that is valid UTF-8');
      pointer = fields.getUint32(8, true) + fields.getUint32(12, true) * 0x1_0000_0000;
    }
    for (let i = 0; i < count; i++) {
      const start = offsets[from + i]!;
      const length = offsets[from + i + 1]! - start;
      const word = (at + i) * 4;
      words[word] = length;
      if (length > inlineBytes) {
        const place = pointer + (start - base);
        words[word + 1] = prefix(bytes, start, 4);
        words[word + 2] = place >>> 0;
        words[word + 3] = Math.floor(place / 0x1_0000_0000);
      } else {
        words[word + 1] = prefix(bytes, start, length);
        words[word + 2] = length > 4 ? prefix(bytes, start + 4, length - 4) : 0;
        words[word + 3] = length > 8 ? prefix(bytes, start + 8, length - 8) : 0;
      }
    }
  }
}

const inlineBytes = 12;

/** Up to four bytes as a little-endian word, zeros behind. */
function prefix(bytes: Uint8Array, at: number, count: number): number {
  if (count <= 0) return 0;
  let word = bytes[at]!;
  if (count > 1) word |= bytes[at + 1]! << 8;
  if (count > 2) word |= bytes[at + 2]! << 16;
  if (count > 3) word |= bytes[at + 3]! << 24;
  return word;
}

/** Between a batch's order of words (high, low) and the engine's (low, high). */
export function swapWords(from: BigUint64Array, to: Uint8Array): void {
  const source = new Uint32Array(from.buffer, from.byteOffset, from.length * 2);
  const target = new Uint32Array(to.buffer, to.byteOffset, from.length * 2);
  for (let i = 0; i < source.length; i += 4) {
    target[i] = source[i + 2]!;
    target[i + 1] = source[i + 3]!;
    target[i + 2] = source[i]!;
    target[i + 3] = source[i + 1]!;
  }
}
