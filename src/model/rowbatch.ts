import type { ColumnType, Relation } from './column.ts';

/** UTF-8 texts of a column: value i is `bytes[offsets[i] .. offsets[i + 1]]`. */
export interface StringValues {
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

/** The values of one column, by its type. UINT128 value i is high word `values[2 * i]`, low word `values[2 * i + 1]`. */
export type ColumnValues =
  | { readonly type: 'BOOLEAN'; readonly values: Uint8Array }
  | { readonly type: 'INT64' | 'TIME64NS'; readonly values: BigInt64Array }
  | { readonly type: 'UINT128'; readonly values: BigUint64Array }
  | { readonly type: 'FLOAT64'; readonly values: Float64Array }
  | { readonly type: 'STRING'; readonly values: StringValues };

/** `valid[i]` is 0 where the value is missing (NULL); absent when all are there. Unsigned INT64 columns hold the 64 bits as they are. */
export type ColumnData = ColumnValues & { readonly valid?: Uint8Array };

/**
 * Rows in columns, the one form between decoder, store, API and display. Its buffers can be transferred between threads.
 * `notes[i]` tells of row i which values are missing or cut and why: a JSON object text, column or `column.path` → reason;
 * null for a row with nothing to tell. Absent when no row has any.
 */
export interface RowBatch {
  readonly rows: number;
  readonly columns: readonly ColumnData[];
  readonly notes?: readonly (string | null)[];
}

/** Appends rows value by value; `finish` gives the batch and starts anew. Columns grow by doubling; nothing is allocated per value. */
export class RowBatchBuilder {
  readonly types: readonly ColumnType[];
  #columns: GrowingColumn[];
  #notes: (string | null)[] = [];
  #anyNote = false;
  #rows = 0;

  constructor(types: readonly ColumnType[]) {
    this.types = types;
    this.#columns = types.map((type) => new GrowingColumn(type));
  }

  get rows(): number {
    return this.#rows;
  }

  /** The column to append the next value to; each column must get exactly one value before `endRow`. */
  column(index: number): GrowingColumn {
    return this.#columns[index]!;
  }

  endRow(note: string | null = null): void {
    this.#rows++;
    this.#notes.push(note);
    if (note !== null) this.#anyNote = true;
  }

  finish(): RowBatch {
    const columns = this.#columns.map((column) => column.finish(this.#rows));
    const batch: RowBatch = this.#anyNote
      ? { rows: this.#rows, columns, notes: this.#notes }
      : { rows: this.#rows, columns };
    this.#columns = this.types.map((type) => new GrowingColumn(type));
    this.#notes = [];
    this.#anyNote = false;
    this.#rows = 0;
    return batch;
  }
}

/** What a row that is made value by value holds, by its column's type; undefined: missing. A UINT128 is its two words. */
export type RowValue = string | bigint | boolean | { readonly high: bigint; readonly low: bigint } | undefined;

/** Rows, each with a value for every column of the relation, as a batch. */
export function batchOfRows({ columns }: Relation, rows: Iterable<readonly RowValue[]>): RowBatch {
  const builder = new RowBatchBuilder(columns.map(({ type }) => type));
  for (const row of rows) {
    row.forEach((value, i) => {
      const column = builder.column(i);
      if (value === undefined) column.missing();
      else if (typeof value === 'string') column.text(value);
      else if (typeof value === 'bigint') column.int(value);
      else if (typeof value === 'boolean') column.boolean(value);
      else column.uint128(value.high, value.low);
    });
    builder.endRow();
  }
  return builder.finish();
}

/** One column under construction. Call the method of the column's own type, or `missing`. */
export class GrowingColumn {
  readonly type: ColumnType;
  #count = 0;
  #words: BigInt64Array = new BigInt64Array(0);
  #floats: Float64Array = new Float64Array(0);
  #flags: Uint8Array = new Uint8Array(0);
  #offsets: Uint32Array = new Uint32Array(1);
  #bytes: Uint8Array = new Uint8Array(0);
  #used = 0;
  #valid: Uint8Array | undefined;

  constructor(type: ColumnType) {
    this.type = type;
  }

  missing(): void {
    if (this.#valid === undefined) this.#valid = new Uint8Array(Math.max(16, this.#count * 2)).fill(1);
    switch (this.type) {
      case 'BOOLEAN':
        this.boolean(false);
        break;
      case 'FLOAT64':
        this.float(0);
        break;
      case 'STRING':
        this.text('');
        break;
      case 'UINT128':
        this.uint128(0n, 0n);
        break;
      default:
        this.int(0n);
    }
    this.#valid[this.#count - 1] = 0;
  }

  boolean(value: boolean): void {
    if (this.#count === this.#flags.length) this.#flags = grown(this.#flags, new Uint8Array(room(this.#count)));
    this.#flags[this.#count] = value ? 1 : 0;
    this.#counted();
  }

  /** INT64 and TIME64NS; the low 64 bits are kept as they are. */
  int(value: bigint): void {
    if (this.#count === this.#words.length) this.#words = grown(this.#words, new BigInt64Array(room(this.#count)));
    this.#words[this.#count] = value;
    this.#counted();
  }

  uint128(high: bigint, low: bigint): void {
    const at = this.#count * 2;
    if (at === this.#words.length) this.#words = grown(this.#words, new BigInt64Array(room(this.#count) * 2));
    this.#words[at] = high;
    this.#words[at + 1] = low;
    this.#counted();
  }

  float(value: number): void {
    if (this.#count === this.#floats.length) this.#floats = grown(this.#floats, new Float64Array(room(this.#count)));
    this.#floats[this.#count] = value;
    this.#counted();
  }

  text(value: string): void {
    this.#reserve(value.length * 3);
    this.#used = encodeUtf8Into(value, this.#bytes, this.#used);
    this.#endText();
  }

  /** Bytes that are UTF-8 already, from `start` to `end` of `source`. */
  utf8(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#bytes.set(source.subarray(start, end), this.#used);
    this.#used += end - start;
    this.#endText();
  }

  finish(rows: number): ColumnData {
    if (rows !== this.#count) throw new RangeError(`a ${this.type} column has ${this.#count} values for ${rows} rows`);
    const data = this.#finishValues();
    return this.#valid === undefined ? data : { ...data, valid: this.#valid.slice(0, rows) };
  }

  #finishValues(): ColumnValues {
    switch (this.type) {
      case 'BOOLEAN':
        return { type: 'BOOLEAN', values: this.#flags.slice(0, this.#count) };
      case 'FLOAT64':
        return { type: 'FLOAT64', values: this.#floats.slice(0, this.#count) };
      case 'STRING':
        return {
          type: 'STRING',
          values: { offsets: this.#offsets.slice(0, this.#count + 1), bytes: this.#bytes.slice(0, this.#used) },
        };
      case 'UINT128':
        return { type: 'UINT128', values: new BigUint64Array(this.#words.buffer, 0, this.#count * 2).slice() };
      default:
        return { type: this.type, values: this.#words.slice(0, this.#count) };
    }
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.#bytes.length) return;
    this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(256, (this.#used + count) * 2)));
  }

  #endText(): void {
    if (this.#count + 1 === this.#offsets.length) {
      this.#offsets = grown(this.#offsets, new Uint32Array(room(this.#count) + 1));
    }
    this.#offsets[this.#count + 1] = this.#used;
    this.#counted();
  }

  #counted(): void {
    this.#count++;
    const valid = this.#valid;
    if (valid === undefined) return;
    if (this.#count > valid.length) {
      this.#valid = new Uint8Array(this.#count * 2).fill(1);
      this.#valid.set(valid);
    }
  }
}

function room(count: number): number {
  return Math.max(16, count * 2);
}

function grown<A extends { set(source: A): void }>(old: A, bigger: A): A {
  bigger.set(old);
  return bigger;
}

/** Writes `text` at `at`; returns the offset behind it. Lone surrogates become U+FFFD. */
function encodeUtf8Into(text: string, target: Uint8Array, at: number): number {
  let to = at;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      target[to++] = point;
      continue;
    }
    if (point >= 0xd800 && point < 0xe000) {
      const low = text.charCodeAt(i + 1);
      if (point < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else point = 0xfffd;
    }
    if (point < 0x800) target[to++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) target[to++] = 0xe0 | (point >> 12);
      else {
        target[to++] = 0xf0 | (point >> 18);
        target[to++] = 0x80 | ((point >> 12) & 0x3f);
      }
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
    }
    target[to++] = 0x80 | (point & 0x3f);
  }
  return to;
}
