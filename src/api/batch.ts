import { BugError, decodeUtf8 } from '#base';
import { type ColumnData, GrowingColumn, type Relation, type RowBatch, type StringValues } from '#model';
import type { RowBatchData, Column as WireColumn } from './generated/vizierapi.ts';
import { type Audience, BadMessage, wireType } from './relation.ts';

/**
 * A batch as the message that both kinds of client read; `eow` and `eos` are false, for the caller to set. Strings are views of
 * the batch's bytes. For `pixie` a missing value is zero or empty: put notes into a column first (`withNotesColumn`).
 */
export function encodeBatch(batch: RowBatch, relation: Relation, tableId: string, audience: Audience): RowBatchData {
  if (batch.columns.length !== relation.columns.length) {
    throw new BugError(`a batch of ${batch.columns.length} columns for a relation of ${relation.columns.length}`);
  }
  const own = audience === 'sonde';
  const anyMissing = own && batch.columns.some((column) => column.valid !== undefined);
  return {
    cols: batch.columns.map((column, i) =>
      encodeColumn(column, batch.rows, wireType(relation.columns[i]!, audience) !== column.type),
    ),
    numRows: BigInt(batch.rows),
    eow: false,
    eos: false,
    tableId,
    sondeNotes: own && batch.notes ? Array.from(batch.notes, (note) => note ?? '') : [],
    sondeValid: anyMissing ? batch.columns.map((column) => packBits(column.valid, batch.rows)) : [],
    sondePlace: '',
  };
}

/** The last message of a table: no rows, `eow` and `eos` set. */
export function endOfTable(relation: Relation, tableId: string, audience: Audience): RowBatchData {
  const columns = relation.columns.map((column) => new GrowingColumn(column.type).finish(0));
  return { ...encodeBatch({ rows: 0, columns }, relation, tableId, audience), eow: true, eos: true };
}

function encodeColumn(given: ColumnData, rows: number, asText: boolean): WireColumn {
  const column = given.valid === undefined ? given : withZeros(given, given.valid);
  switch (column.type) {
    case 'BOOLEAN': {
      const data = new Array<boolean>(rows);
      for (let i = 0; i < rows; i++) data[i] = column.values[i] !== 0;
      return { colData: { $case: 'booleanData', value: { data } } };
    }
    case 'INT64':
      if (asText) return { colData: { $case: 'stringData', value: { data: decimalTexts(column, rows) } } };
      return { colData: { $case: 'int64Data', value: { data: Array.from(column.values) } } };
    case 'TIME64NS':
      return { colData: { $case: 'time64nsData', value: { data: Array.from(column.values) } } };
    case 'UINT128': {
      const data = new Array<{ low: bigint; high: bigint }>(rows);
      for (let i = 0; i < rows; i++) data[i] = { high: column.values[2 * i]!, low: column.values[2 * i + 1]! };
      return { colData: { $case: 'uint128Data', value: { data } } };
    }
    case 'FLOAT64':
      return { colData: { $case: 'float64Data', value: { data: Array.from(column.values) } } };
    case 'STRING': {
      const { offsets, bytes } = column.values;
      const data = new Array<Uint8Array>(rows);
      for (let i = 0; i < rows; i++) data[i] = bytes.subarray(offsets[i]!, offsets[i + 1]!);
      return { colData: { $case: 'stringData', value: { data } } };
    }
  }
}

/** The column with zero where a value is missing; strings are empty there already. */
function withZeros(column: ColumnData, valid: Uint8Array): ColumnData {
  if (column.type === 'STRING') return column;
  const values = column.values.slice();
  const per = values.length / valid.length;
  const zero = column.type === 'BOOLEAN' || column.type === 'FLOAT64' ? 0 : 0n;
  for (let i = 0; i < valid.length; i++) if (valid[i] === 0) values.fill(zero as never, i * per, (i + 1) * per);
  return { ...column, values } as ColumnData;
}

/** Unsigned 64-bit numbers in decimal; a missing one is empty, which no number is. */
function decimalTexts(column: ColumnData & { type: 'INT64' | 'TIME64NS' }, rows: number): Uint8Array[] {
  const texts = new Array<Uint8Array>(rows);
  for (let i = 0; i < rows; i++) {
    const text = column.valid?.[i] === 0 ? '' : BigInt.asUintN(64, column.values[i]!).toString();
    const ascii = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) ascii[k] = text.charCodeAt(k);
    texts[i] = ascii;
  }
  return texts;
}

/** @throws BadMessage when the columns are not those of `relation`, or not all of `numRows` values. */
export function decodeBatch(data: RowBatchData, relation: Relation): RowBatch {
  const rows = Number(data.numRows);
  if (rows === 0) return { rows, columns: relation.columns.map((column) => new GrowingColumn(column.type).finish(0)) };
  if (data.cols.length !== relation.columns.length) {
    throw new BadMessage(`a batch has ${data.cols.length} columns, its table ${relation.columns.length}`);
  }
  const columns = data.cols.map((wire, i): ColumnData => {
    const { name, type } = relation.columns[i]!;
    const column = decodeColumn(wire, rows);
    if (column?.type !== type)
      throw new BadMessage(`column ${name} is ${type}, but the batch has other values or too few`);
    const bits = data.sondeValid[i];
    return bits === undefined || bits.length === 0 ? column : { ...column, valid: unpackBits(bits, rows) };
  });
  if (data.sondeNotes.length === 0) return { rows, columns };
  return { rows, columns, notes: data.sondeNotes.map((note) => (note === '' ? null : note)) };
}

/** Undefined when the column has not exactly `rows` values. */
function decodeColumn(wire: WireColumn, rows: number): ColumnData | undefined {
  const column = wire.colData;
  if (column === undefined || column.value.data.length !== rows) return undefined;
  switch (column.$case) {
    case 'booleanData': {
      const values = new Uint8Array(rows);
      for (let i = 0; i < rows; i++) values[i] = column.value.data[i] ? 1 : 0;
      return { type: 'BOOLEAN', values };
    }
    case 'int64Data':
      return { type: 'INT64', values: BigInt64Array.from(column.value.data) };
    case 'time64nsData':
      return { type: 'TIME64NS', values: BigInt64Array.from(column.value.data) };
    case 'float64Data':
      return { type: 'FLOAT64', values: Float64Array.from(column.value.data) };
    case 'uint128Data': {
      const values = new BigUint64Array(rows * 2);
      for (let i = 0; i < rows; i++) {
        const { high, low } = column.value.data[i]!;
        values[2 * i] = high;
        values[2 * i + 1] = low;
      }
      return { type: 'UINT128', values };
    }
    case 'stringData':
      return { type: 'STRING', values: joinTexts(column.value.data) };
  }
}

function joinTexts(texts: readonly Uint8Array[]): StringValues {
  const offsets = new Uint32Array(texts.length + 1);
  let size = 0;
  for (let i = 0; i < texts.length; i++) offsets[i + 1] = size += texts[i]!.length;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < texts.length; i++) bytes.set(texts[i]!, offsets[i]!);
  return { offsets, bytes };
}

function packBits(valid: Uint8Array | undefined, rows: number): Uint8Array {
  if (valid === undefined) return new Uint8Array(0);
  const bits = new Uint8Array((rows + 7) >> 3);
  for (let i = 0; i < rows; i++) if (valid[i] !== 0) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function unpackBits(bits: Uint8Array, rows: number): Uint8Array {
  if (bits.length !== (rows + 7) >> 3)
    throw new BadMessage(`a validity bitmap of ${bits.length} bytes for ${rows} rows`);
  const valid = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) valid[i] = (bits[i >> 3]! >> (i & 7)) & 1;
  return valid;
}

/** One value of a STRING column as text; invalid UTF-8 becomes U+FFFD. */
export function textAt(values: StringValues, row: number): string {
  return decodeUtf8(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!));
}
