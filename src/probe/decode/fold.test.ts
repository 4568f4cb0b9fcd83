import { expect, it } from 'vitest';
import { type Column, implicitColumns, mostGroups, type Relation, type RowBatch, RowBatchBuilder } from '#model';
import { bucketEnd, bucketOf, bucketStart } from '../emit/buckets.ts';
import type { Fold } from '../types.ts';
import { RowFolder } from './fold.ts';

const own = (columns: readonly Pick<Column, 'name' | 'type' | 'unsigned'>[]): Relation => ({
  columns: [
    ...implicitColumns,
    ...columns.map((column) => ({ semantic: 'ST_NONE' as const, description: '', ...column })),
  ],
});

type Value = string | bigint | number | boolean | undefined;

/** One row of each list of values, with its notes. */
function batch(
  { columns }: Relation,
  rows: readonly (readonly Value[])[],
  notes: readonly (string | null)[] = [],
): RowBatch {
  const builder = new RowBatchBuilder(columns.map(({ type }) => type));
  rows.forEach((values, row) => {
    builder.column(0).uint128(1n, 2n);
    builder.column(1).int(3n);
    builder.column(2).int(4n);
    values.forEach((value, i) => {
      const cell = builder.column(i + 3);
      if (value === undefined) cell.missing();
      else if (typeof value === 'string') cell.text(value);
      else if (typeof value === 'bigint') cell.int(value);
      else if (typeof value === 'boolean') cell.boolean(value);
      else cell.float(value);
    });
    builder.endRow(notes[row] ?? null);
  });
  return builder.finish();
}

const text = (data: RowBatch, column: number, row: number) => {
  const found = data.columns[column]!;
  if (found.type !== 'STRING') throw new Error(found.type);
  return new TextDecoder().decode(
    found.values.bytes.subarray(found.values.offsets[row]!, found.values.offsets[row + 1]!),
  );
};

const numbers = (data: RowBatch, column: number) => {
  const found = data.columns[column]!;
  if (found.type === 'STRING') throw new Error(found.type);
  return [...found.values];
};

it('adds up by key; says what had no value, what was dropped, and what the first call says of its key', () => {
  const rows = own([
    { name: 'who', type: 'STRING' },
    { name: 'n', type: 'STRING' },
    { name: 'sum', type: 'INT64' },
    { name: 'least', type: 'FLOAT64' },
  ]);
  const fold: Fold = { rows, made: ['key', 'count', 'sum', 'min'], single: [false, false, false, false] };
  const table: Relation = {
    columns: rows.columns
      .filter(({ name }) => name !== 'goid_')
      .map((column) => (column.name === 'n' ? { ...column, type: 'INT64' } : column)),
  };
  const folder = new RowFolder(fold, table);
  expect(folder.take(9n, 0n)).toBe(undefined);
  const notes = ['{"who":"truncated","sum":"x"}'];
  expect(
    folder.add(
      batch(
        rows,
        [
          ['ada', '', 5n, 1.5],
          ['bob', '', -7n, Number.NaN],
          ['ada', '', undefined, -2.5],
        ],
        notes,
      ),
    ),
  ).toBe(0);
  const made = folder.take(9n, 3n)!;
  expect([text(made, 2, 0), text(made, 2, 1)]).toEqual(['ada', 'bob']);
  expect(numbers(made, 3)).toEqual([2n, 1n]);
  expect(numbers(made, 4)).toEqual([5n, -7n]);
  expect(numbers(made, 5)[0]).toBe(-2.5);
  expect(made.columns[5]!.valid?.[1]).toBe(0);
  expect(made.notes!.map((note) => JSON.parse(note!))).toEqual([
    {
      who: 'truncated',
      n: '3 events of this turn were dropped, of these or other calls',
      sum: 'of 1 of 2 calls the value could not be read',
    },
    {
      n: '3 events of this turn were dropped, of these or other calls',
      least: 'of 1 of 1 calls the value is NaN or could not be read',
    },
  ]);
  expect(folder.take(10n, 0n)).toBe(undefined);
});

it('top keys and histograms: numbers without a sign, floats as Go writes them, infinities', () => {
  const rows = own([
    { name: 'u', type: 'INT64', unsigned: true },
    { name: 'f', type: 'FLOAT64' },
    { name: 'single', type: 'FLOAT64' },
    { name: 'spread', type: 'INT64', unsigned: true },
    { name: 'most', type: 'INT64', unsigned: true },
  ]);
  const fold: Fold = {
    rows,
    made: ['top_keys', 'top_keys', 'top_keys', 'histogram', 'max'],
    single: [false, false, true, false, false],
  };
  const isText = (name: string) => name !== 'most' && name !== 'upid' && name !== 'time_';
  const table: Relation = {
    columns: rows.columns
      .filter(({ name }) => name !== 'goid_')
      .map((column) => (isText(column.name) ? { ...column, type: 'STRING' } : column)),
  };
  const folder = new RowFolder(fold, table);
  const large = (1n << 64n) - 1n;
  folder.add(
    batch(rows, [
      [large, Number.POSITIVE_INFINITY, Math.fround(0.1), large, large],
      [large, 0.1, Math.fround(0.1), 5n, 5n],
    ]),
  );
  const made = folder.take(1n, 0n)!;
  expect(text(made, 2, 0)).toBe('[{"key":18446744073709551615,"count":2}]');
  expect(JSON.parse(text(made, 3, 0))).toEqual([
    { key: '+Inf', count: 1 },
    { key: 0.1, count: 1 },
  ]);
  expect(text(made, 4, 0)).toBe('[{"key":0.1,"count":2}]');
  expect(JSON.parse(text(made, 5, 0)).map(({ count }: { count: number }) => count)).toEqual([1, 1]);
  expect(BigInt.asUintN(64, numbers(made, 6)[0] as bigint)).toBe(large);
});

it('more groups than there is room for are left out, and counted', () => {
  const rows = own([{ name: 'key', type: 'INT64' }]);
  const folder = new RowFolder(
    { rows, made: ['key'], single: [false] },
    { columns: rows.columns.filter(({ name }) => name !== 'goid_') },
  );
  const many = batch(
    rows,
    Array.from({ length: mostGroups + 5 }, (_, i) => [BigInt(i)]),
  );
  expect(folder.add(many)).toBe(5);
  expect(folder.take(1n, 0n)!.rows).toBe(mostGroups);
  expect(folder.add(batch(rows, [[1n]]))).toBe(0);
});

it('a number lies in its bucket', () => {
  for (const value of [0n, 7n, 8n, 9n, 15n, 16n, 17n, 1023n, 1n << 40n, (1n << 63n) - 1n, -1n, -8n, -9n, -1_000_000n]) {
    const bucket = bucketOf(value);
    expect([value, bucketStart(bucket) <= value, value < bucketEnd(bucket)]).toEqual([value, true, true]);
  }
});
