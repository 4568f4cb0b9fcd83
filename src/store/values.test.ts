import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  all,
  batchOf,
  column,
  count,
  numbers,
  numbersFrom,
  type Row,
  relation,
  rowsOf,
  StoreFolder,
} from './fixture.ts';
import type { StoreOptions } from './index.ts';

const allTypes = relation(
  column('flag', 'BOOLEAN'),
  column('number', 'INT64'),
  column('upid', 'UINT128', { semantic: 'ST_UPID' }),
  column('ratio', 'FLOAT64'),
  column('text', 'STRING'),
  column('time_', 'TIME64NS'),
  column('unsigned', 'INT64', { unsigned: true }),
);

let folder: StoreFolder;
const open = (more: Partial<StoreOptions> = {}) => folder.open(more);
beforeEach(() => {
  folder = new StoreFolder();
});
afterEach(() => folder.close());

describe('values', () => {
  const rows: Row[] = [
    [true, 1n, { high: 1n, low: 2n }, 0.5, 'short', 1_700_000_000_123_456_789n, 5n],
    [
      false,
      -1n,
      { high: 0xffff_ffff_ffff_ffffn, low: 0xffff_ffff_ffff_fffen },
      Number.NaN,
      'a text that is longer than twelve bytes',
      -1n,
      0n,
    ],
    [null, null, null, null, null, null, null],
    [
      true,
      -(2n ** 63n),
      { high: 0n, low: 0n },
      Number.POSITIVE_INFINITY,
      '',
      2n ** 63n - 1n,
      BigInt.asIntN(64, 2n ** 64n - 1n),
    ],
    [
      false,
      2n ** 63n - 1n,
      { high: 2n ** 63n, low: 0n },
      Number.NEGATIVE_INFINITY,
      'twelve bytes',
      0n,
      BigInt.asIntN(64, 2n ** 63n + 1n),
    ],
    [false, 0n, { high: 0n, low: 2n ** 63n }, -0, 'nul\0in the middle of a long text\0', 0n, 1n],
    [true, 7n, { high: 5n, low: 6n }, 1e-300, 'Grüße, 世界 🎉 und so weiter', 0n, 1n],
    [true, 7n, { high: 5n, low: 6n }, 5e-324, '\0é世🎉', 0n, 1n],
  ];

  test('come back as they went in, with their notes', async () => {
    const store = open();
    await store.createTable('t', allTypes);
    const notes = rows.map((_, i) => (i % 3 === 0 ? JSON.stringify({ text: `truncated, row ${i}` }) : null));
    await store.append('t', batchOf(allTypes, rows, notes));
    const names = allTypes.columns.map((c) => c.name).join(', ');
    const back = await all(store, `SELECT ${names}, notes_ FROM t ORDER BY seq_`, allTypes, true);
    expect(back.rows).toEqual(rows);
    expect(back.notes).toEqual(notes);
  });

  test('many rows of changing text, over chunk and batch borders', async () => {
    const store = open();
    const of = relation(column('n', 'INT64'), column('text', 'STRING'));
    await store.createTable('t', of);
    const expected: Row[] = [];
    for (let b = 0; b < 40; b++) {
      const part = Array.from({ length: 1 + ((b * 379) % 1500) }, (_, i): Row => {
        const size = (i * 7 + b) % 40;
        return [BigInt(expected.length + i), i % 11 === 0 ? null : 'xé'.repeat(size).slice(0, size)];
      });
      expected.push(...part);
      await store.append('t', batchOf(of, part));
    }
    const back = await all(store, 'SELECT n, text FROM t ORDER BY seq_', of);
    expect(back.rows).toEqual(expected);
    // The engine must see the same texts as equal, whatever headers were written.
    const same = await all(
      store,
      "SELECT count(*) FROM t WHERE text = substr(repeat('xé', 40), 1, length(text)) OR text IS NULL",
      count,
    );
    expect(same.rows).toEqual([[BigInt(expected.length)]]);
  });

  test('own string headers give what the engine writes itself', async () => {
    const store = open();
    const of = relation(column('text', 'STRING'));
    await store.createTable('t', of);
    const texts = Array.from({ length: 300 }, (_, i) => 'abcdefghijklmnopqrstuvwxyz0123456789'.slice(0, i % 30));
    await store.append(
      't',
      batchOf(
        of,
        texts.map((text) => [text]),
      ),
    );
    const differing =
      "SELECT count(*) FROM t WHERE text <> substr('abcdefghijklmnopqrstuvwxyz0123456789', 1, seq_ % 30) OR hash(text) <> hash(substr('abcdefghijklmnopqrstuvwxyz0123456789', 1, seq_ % 30))";
    expect((await all(store, differing, count)).rows).toEqual([[0n]]);
  });

  test('bytes that are no UTF-8 become U+FFFD, and only they', async () => {
    const store = open();
    const of = relation(column('text', 'STRING'));
    await store.createTable('t', of);
    // é cut in two: valid as a whole, not in its parts.
    const bytes = Uint8Array.from([0x61, 0xc3, 0xa9, 0x62]);
    await store.append('t', {
      rows: 2,
      columns: [{ type: 'STRING', values: { offsets: Uint32Array.from([0, 2, 4]), bytes } }],
    });
    expect((await all(store, 'SELECT text FROM t ORDER BY seq_', of)).rows).toEqual([['a\ufffd'], ['\ufffdb']]);
  });

  test('a result of other types is cast to the relation', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 10));
    const of = relation(column('sum', 'INT64'), column('mean', 'FLOAT64'), column('text', 'STRING'));
    const back = await all(store, 'SELECT sum(n), 1.5::DECIMAL(4,1), count(*) FROM t;', of);
    expect(back.rows).toEqual([[45n, 1.5, '10']]);
    await store.append('t', numbersFrom(10, 100_000));
    const ordered = await all(store, 'SELECT n::HUGEINT AS n FROM t ORDER BY n % 1000, n DESC', numbers);
    expect(ordered.rows.length).toBe(100_010);
    const sorted = ordered.rows
      .map((r) => r[0] as bigint)
      .sort((a, b) => Number((a % 1000n) - (b % 1000n)) || Number(b - a));
    expect(ordered.rows.map((r) => r[0])).toEqual(sorted);
  });

  test('a missing value is zero in its place, for who does not look at `valid`', async () => {
    const store = open();
    await store.createTable('t', numbers);
    const values = BigInt64Array.from({ length: 1000 }, (_, i) => BigInt(i + 1));
    const valid = Uint8Array.from({ length: 1000 }, (_, i) => i % 2);
    await store.append('t', { rows: 1000, columns: [{ type: 'INT64', values, valid }] });
    for await (const batch of store.query('SELECT n FROM t', numbers, { notes: false })) {
      const [read] = batch.columns;
      expect(Array.from(read!.valid!).filter((bit) => bit === 0).length).toBe(500);
      read!.valid!.forEach((bit, i) => {
        expect((read!.values as BigInt64Array)[i]).toBe(bit === 0 ? 0n : BigInt(i + 1));
      });
    }
  });

  test('long texts in any order, from memory and from the file', async () => {
    const store = open({ maxTableBytes: 2 ** 30 });
    const of = relation(column('n', 'INT64'), column('text', 'STRING'));
    await store.createTable('t', of);
    const text = (n: number) => `${'long text '.repeat(2 + (n % 9))}${n}${n % 997 === 0 ? '#'.repeat(9000) : ''}`;
    // More than a row group and than the bytes between checkpoints.
    const total = 200_000;
    for (let first = 0; first < total; first += 10_000) {
      const rows = Array.from({ length: 10_000 }, (_, i): Row => [BigInt(first + i), text(first + i)]);
      await store.append('t', batchOf(of, rows));
    }
    for (const order of ['ORDER BY n', 'ORDER BY n DESC', 'ORDER BY hash(n)', 'ORDER BY text', '', 'WHERE n >= 0']) {
      let rows = 0;
      let wrong = 0;
      for await (const batch of store.query(`SELECT n, text FROM t ${order}`, of, { notes: false })) {
        for (const [n, found] of rowsOf(batch)) if (found !== text(Number(n))) wrong++;
        rows += batch.rows;
      }
      expect([order, rows, wrong]).toEqual([order, total, 0]);
    }
  });

  test('views of a shared buffer are copied, whole buffers are taken', async () => {
    const store = open();
    await store.createTable('t', numbers);
    const shared = BigInt64Array.from([1n, 2n, 3n]);
    await store.append('t', { rows: 2, columns: [{ type: 'INT64', values: shared.subarray(0, 2) }] });
    expect(shared.length).toBe(3);
    await store.append('t', { rows: 3, columns: [{ type: 'INT64', values: shared }] });
    expect(shared.length).toBe(0);
    expect((await all(store, 'SELECT n FROM t ORDER BY seq_', numbers)).rows).toEqual([[1n], [2n], [1n], [2n], [3n]]);
  });
});
