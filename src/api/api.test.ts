import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Column, type ColumnType, type Relation, type RowBatch, RowBatchBuilder } from '#model';
import {
  BadMessage,
  completeNotes,
  decodeBatch,
  decodeRelation,
  encodeBatch,
  encodeRelation,
  endOfTable,
  grpcService,
  sonde,
  splitBatch,
  textAt,
  vizier,
  withNotesColumn,
} from './index.ts';

const column = (name: string, type: ColumnType, more: Partial<Column> = {}): Column => ({
  name,
  type,
  semantic: 'ST_NONE',
  ...more,
});

const relation: Relation = {
  columns: [
    column('upid', 'UINT128', { semantic: 'ST_UPID', description: 'process' }),
    column('time_', 'TIME64NS'),
    column('flag', 'BOOLEAN'),
    column('n', 'INT64', { semantic: 'ST_DURATION_NS' }),
    column('u', 'INT64', { unsigned: true }),
    column('f', 'FLOAT64'),
    column('s', 'STRING'),
  ],
};

interface Row {
  readonly high: bigint;
  readonly low: bigint;
  readonly flag: boolean;
  readonly n: bigint;
  readonly u: bigint;
  readonly f: number;
  readonly s: string;
  readonly missing: number;
  readonly note: string | null;
}

/** Bit i of `missing`: column i has no value. */
function batchOf(rows: readonly Row[]): RowBatch {
  const builder = new RowBatchBuilder(relation.columns.map((c) => c.type));
  for (const row of rows) {
    const put = (i: number, value: () => void) => (row.missing & (1 << i) ? builder.column(i).missing() : value());
    put(0, () => builder.column(0).uint128(row.high, row.low));
    put(1, () => builder.column(1).int(row.n));
    put(2, () => builder.column(2).boolean(row.flag));
    put(3, () => builder.column(3).int(row.n));
    put(4, () => builder.column(4).int(row.u));
    put(5, () => builder.column(5).float(row.f));
    put(6, () => builder.column(6).text(row.s));
    builder.endRow(row.note);
  }
  return builder.finish();
}

const row: Row = { high: 1n, low: 2n, flag: true, n: -5n, u: 7n, f: 1.5, s: 'text', missing: 0, note: null };
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  high: u64,
  low: u64,
  flag: fc.boolean(),
  n: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  u: u64.map((value) => BigInt.asIntN(64, value)),
  f: fc.double(),
  s: fc.string({ unit: 'grapheme' }),
  missing: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 127 })),
  note: fc.oneof(fc.constant(null), fc.constant('{"s":"truncated from 9 bytes"}')),
});

const overWire = (data: vizier.RowBatchData) => vizier.RowBatchData.decode(vizier.RowBatchData.encode(data).finish());

describe('batches', () => {
  test('come back from the wire as they were, for Sonde', () => {
    fc.assert(
      fc.property(fc.array(rowArbitrary, { minLength: 1, maxLength: 40 }), (rows) => {
        const batch = batchOf(rows);
        const back = decodeBatch(overWire(encodeBatch(batch, relation, 'id', 'sonde')), relation);
        // A bitmap for one column means one for all; a column without gaps has none.
        expect(back).toEqual(batch);
      }),
    );
  });

  test('for Pixie: decimal text, zeros, nothing of ours', () => {
    const batch = batchOf([
      { ...row, u: BigInt.asIntN(64, 2n ** 64n - 1n), note: '{"s":"cut"}' },
      { ...row, missing: 0b1111111 },
    ]);
    const data = overWire(encodeBatch(batch, relation, 'id', 'pixie'));
    expect(data.numRows).toBe(2n);
    expect(data.sondeNotes).toEqual([]);
    expect(data.sondeValid).toEqual([]);
    const values = data.cols.map((c) =>
      c.colData!.value.data.map((v) => (v instanceof Uint8Array ? new TextDecoder().decode(v) : v)),
    );
    expect(values).toEqual([
      [
        { high: 1n, low: 2n },
        { high: 0n, low: 0n },
      ],
      [-5n, 0n],
      [true, false],
      [-5n, 0n],
      ['18446744073709551615', ''],
      [1.5, 0],
      ['text', ''],
    ]);
    expect(data.cols.map((c) => c.colData!.$case)).toEqual([
      'uint128Data',
      'time64nsData',
      'booleanData',
      'int64Data',
      'stringData',
      'float64Data',
      'stringData',
    ]);
  });

  test('a missing value is zero on the wire, whatever stands in its place', () => {
    const batch: RowBatch = {
      rows: 2,
      columns: [
        { type: 'INT64', values: BigInt64Array.of(5n, 6n), valid: Uint8Array.of(0, 1) },
        { type: 'UINT128', values: BigUint64Array.of(1n, 2n, 3n, 4n), valid: Uint8Array.of(1, 0) },
      ],
    };
    const data = encodeBatch(batch, { columns: [column('a', 'INT64'), column('b', 'UINT128')] }, 'id', 'pixie');
    expect(data.cols.map((c) => c.colData!.value.data)).toEqual([
      [0n, 6n],
      [
        { high: 1n, low: 2n },
        { high: 0n, low: 0n },
      ],
    ]);
  });

  test('of another shape than their table are refused', () => {
    const data = encodeBatch(batchOf([row]), relation, 'id', 'sonde');
    expect(() => decodeBatch({ ...data, cols: data.cols.slice(1) }, relation)).toThrow(BadMessage);
    expect(() => decodeBatch({ ...data, cols: data.cols.toReversed() }, relation)).toThrow(BadMessage);
    expect(() => decodeBatch({ ...data, numRows: 2n }, relation)).toThrow(BadMessage);
    expect(() => decodeBatch({ ...data, sondeValid: data.cols.map(() => new Uint8Array(2)) }, relation)).toThrow(
      BadMessage,
    );
  });

  test('the end of a table is an empty batch of its columns', () => {
    const end = overWire(endOfTable(relation, 'id', 'pixie'));
    expect([end.eow, end.eos, end.numRows, end.tableId, end.cols.length]).toEqual([true, true, 0n, 'id', 7]);
    expect(decodeBatch(overWire(endOfTable(relation, 'id', 'sonde')), relation).rows).toBe(0);
  });

  test('bytes on the wire are those of Pixie’s definition', () => {
    const data = encodeBatch(batchOf([row]), relation, 'T', 'pixie');
    const hex = Buffer.from(vizier.RowBatchData.encode(data).finish()).toString('hex');
    const parts = [
      '0a081a060a0408021001', // cols=1 { uint128_data=3 { data=1 { low=1: 2, high=2: 1 } } }
      '0a0e220c0a0afbffffffffffffffff01', // time64ns_data=4 { packed data=1: -5 }
      '0a050a030a0101', // boolean_data=1
      '0a0e120c0a0afbffffffffffffffff01', // int64_data=2
      '0a0532030a0137', // string_data=6: "7"
      '0a0c2a0a0a08000000000000f83f', // float64_data=5
      '0a0832060a0474657874', // string_data=6: "text"
      '1001', // num_rows=2
      '2a0154', // table_id=5
    ];
    expect(hex).toBe(parts.join(''));
  });
});

describe('relations', () => {
  test('come back from the wire, for Sonde', () => {
    const wire = vizier.Relation.decode(vizier.Relation.encode(encodeRelation(relation, 'sonde')).finish());
    expect(decodeRelation(wire)).toEqual(relation);
  });

  test('say STRING for unsigned numbers to Pixie', () => {
    const wire = encodeRelation(relation, 'pixie');
    expect(wire.columns[4]).toMatchObject({
      columnName: 'u',
      columnType: vizier.DataType.STRING,
      sondeUnsigned: false,
    });
    expect(wire.columns[0]).toMatchObject({ columnSemanticType: 200, columnDesc: 'process' });
  });

  test('unknown types are refused, unknown semantic types are plain', () => {
    const info = { columnName: 'x', columnDesc: '', sondeUnsigned: false };
    expect(() =>
      decodeRelation({ columns: [{ ...info, columnType: 0, columnSemanticType: vizier.SemanticType.ST_NONE }] }),
    ).toThrow(BadMessage);
    const other = { ...info, columnType: vizier.DataType.INT64, columnSemanticType: vizier.SemanticType.ST_PORT };
    expect(decodeRelation({ columns: [other] }).columns[0]!.semantic).toBe('ST_NONE');
  });
});

describe('notes', () => {
  test('in a last column, with one for every missing value', () => {
    const batch = batchOf([
      row,
      { ...row, missing: 0b1000 },
      { ...row, missing: 0b1001000, note: '{"s.Name":"nil pointer"}' },
      { ...row, missing: 0b1000, note: 'no JSON' },
      { ...row, note: '{"s":"truncated"}' },
    ]);
    const { relation: wider, batch: with_ } = withNotesColumn(relation, batch);
    expect(wider.columns.at(-1)!.name).toBe('notes_');
    const notes = with_.columns.at(-1)!;
    if (notes.type !== 'STRING') throw new Error(notes.type);
    expect(Array.from({ length: 5 }, (_, i) => textAt(notes.values, i))).toEqual([
      '',
      '{"n":"missing"}',
      '{"s.Name":"nil pointer","n":"missing"}',
      '{"notes_":"no JSON","n":"missing"}',
      '{"s":"truncated"}',
    ]);
    expect(completeNotes(relation, batchOf([row]))).toBeUndefined();
  });
});

describe('splitting', () => {
  test('keeps all rows in order, within both limits', () => {
    fc.assert(
      fc.property(
        fc.array(rowArbitrary, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 2000 }),
        (rows, mostRows, mostBytes) => {
          const batch = batchOf(rows);
          const parts = [...splitBatch(batch, { rows: mostRows, bytes: mostBytes })];
          const wire = (of: RowBatch) => encodeBatch(of, relation, '', 'sonde');
          for (const part of parts) {
            expect(part.rows).toBeLessThanOrEqual(mostRows);
            if (part.rows > 1)
              expect(vizier.RowBatchData.encode(wire(part)).finish().length).toBeLessThanOrEqual(mostBytes + 64);
          }
          const values = (of: RowBatch) => wire(of).cols.map((c) => c.colData!.value.data as unknown[]);
          const joined = values(batch).map((_, i) => parts.flatMap((part) => values(part)[i]!));
          expect(joined).toEqual(values(batch));
          const notes = parts.flatMap((part) => part.notes ?? new Array(part.rows).fill(null));
          expect(notes).toEqual(batch.notes ?? new Array(batch.rows).fill(null));
          const valid = (of: RowBatch) => of.columns.map((c) => Array.from(c.valid ?? new Uint8Array(of.rows).fill(1)));
          expect(batch.columns.map((_, i) => parts.flatMap((part) => valid(part)[i]!))).toEqual(valid(batch));
        },
      ),
    );
  });
});

describe('services', () => {
  test('paths are those of the protocol', () => {
    const service = grpcService(vizier.VizierServiceDefinition, (bytes) => bytes);
    expect(service.executeScript.path).toBe('/px.api.vizierpb.VizierService/ExecuteScript');
    expect(service.executeScript.responseStream).toBe(true);
    const request = vizier.ExecuteScriptRequest.fromPartial({ queryStr: 'import px', mutation: true });
    expect(service.executeScript.requestDeserialize(service.executeScript.requestSerialize(request))).toEqual(request);
    const own = grpcService(sonde.SondeServiceDefinition, (bytes) => bytes);
    expect(Object.values(own).map((method) => method.path)).toContain('/sonde.v1.SondeService/Trace');
  });

  test('fields of ours are skipped by who does not know them, and the other way', () => {
    const state = { id: 'a', state: vizier.LifeCycleState.FAILED_STATE, name: 'n', sondeReason: 'because' };
    const bytes = vizier.MutationInfo.encode({ status: undefined, states: [state] }).finish();
    expect(vizier.MutationInfo.decode(bytes).states).toEqual([state]);
    // An unknown field 999 of every wire type before a known one.
    const odd = Uint8Array.from([0xb8, 0x3e, 0x05, 0xba, 0x3e, 0x01, 0x41, 0x08, 0x03]);
    expect(vizier.Status.decode(odd).code).toBe(3);
  });
});
