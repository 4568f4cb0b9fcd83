import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { all, batchOf, column, count, countOf, numbers, numbersFrom, relation, StoreFolder } from './fixture.ts';
import {
  NameClash,
  NoSuchTable,
  QueryAborted,
  QueryFailed,
  Store,
  StoreClosed,
  StoreFailed,
  StoreInUse,
  type StoreOptions,
} from './index.ts';

let folder: StoreFolder;
const open = (more: Partial<StoreOptions> = {}) => folder.open(more);
beforeEach(() => {
  folder = new StoreFolder();
});
afterEach(() => folder.close());

describe('tables', () => {
  test('an equal relation changes nothing, another gives a new version', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 3));
    await store.createTable('t', numbers);
    expect(await countOf(store, 't')).toBe(3n);
    const texts = relation(column('s', 'STRING'));
    await store.createTable('t', texts);
    expect(await countOf(store, 't')).toBe(0n);
    await store.append('t', batchOf(texts, [['x']]));
    expect((await all(store, 'SELECT s, NULL FROM t', texts, true)).rows).toEqual([['x']]);
    expect(await countOf(store, 't@1')).toBe(3n);
    expect(store.tables().map(({ name, rows, replaced }) => ({ name, rows, replaced }))).toEqual([
      { name: 't', rows: 1, replaced: false },
      { name: 't@1', rows: 3, replaced: true },
    ]);
    expect(store.relation('t')).toEqual(texts);
    // Sequence numbers go on, for those who page by them.
    expect((await all(store, 'SELECT seq_ FROM t', numbers)).rows).toEqual([[3n]]);
  });

  test('a version without rows leaves no trace, and few are kept', async () => {
    const store = open();
    await store.createTable('t', numbers);
    for (let i = 0; i < 7; i++) {
      await store.createTable('t', relation(column(`c${i}`, 'INT64')));
      await store.append('t', numbersFrom(0, 1));
    }
    expect(store.tables().map((table) => table.name)).toEqual(['t', 't@5', 't@6', 't@7']);
  });

  test('a new version while a query still reads the old one', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 100_000));
    let rows = 0;
    for await (const batch of store.query('SELECT n FROM t', numbers, { notes: false, batchRows: 2048 })) {
      if (rows === 0) {
        await store.createTable('t', relation(column('other', 'INT64')));
        await store.append('t', numbersFrom(0, 5));
      }
      rows += batch.rows;
    }
    expect(rows).toBe(100_000);
    expect(await countOf(store, 't')).toBe(5n);
  });

  test('names that the engine cannot tell apart are refused', async () => {
    const store = open();
    await expect(store.createTable('t', relation(column('Err', 'STRING'), column('err', 'STRING')))).rejects.toThrow(
      NameClash,
    );
    await expect(store.createTable('t', relation(column('seq_', 'INT64')))).rejects.toThrow(NameClash);
    await store.createTable('t', numbers);
    await expect(store.createTable('T', numbers)).rejects.toThrow(NameClash);
  });

  test('odd names', async () => {
    const store = open();
    const of = relation(column('a "b" \'c\'; --', 'INT64'), column('select', 'INT64'));
    await store.createTable('my "table"; drop', of);
    await store.append('my "table"; drop', batchOf(of, [[1n, 2n]]));
    const sql = 'SELECT "a ""b"" \'c\'; --", "select" FROM "my ""table""; drop"';
    expect((await all(store, sql, of)).rows).toEqual([[1n, 2n]]);
  });

  test('dropping', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 3));
    await store.dropTable('t');
    await store.dropTable('t');
    expect(store.tables()).toEqual([]);
    await expect(store.append('t', numbersFrom(0, 1))).rejects.toThrow(NoSuchTable);
    await expect(countOf(store, 't')).rejects.toThrow(QueryFailed);
  });

  test('temporary tables', async () => {
    const store = open();
    await store.putTemporary('input 1', numbers, numbersFrom(0, 3));
    expect(await countOf(store, 'input 1')).toBe(3n);
    await store.putTemporary('input 1', numbers, numbersFrom(0, 0));
    expect(await countOf(store, 'input 1')).toBe(0n);
    expect(store.tables()).toEqual([]);
    await store.dropTemporary('input 1');
    await expect(countOf(store, 'input 1')).rejects.toThrow(QueryFailed);
  });

  test('a batch that does not fit is a bug', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await expect(store.append('t', batchOf(relation(column('x', 'STRING')), [['a']]))).rejects.toThrow('does not fit');
  });
});

describe('retention', () => {
  test('the oldest rows go when a table is too large', async () => {
    const store = open({ maxTableBytes: 160_000 });
    await store.createTable('t', numbers);
    for (let i = 0; i < 100; i++) {
      await store.append('t', numbersFrom(i * 1000, 1000));
      expect(store.tables()[0]!.bytes).toBeLessThan(220_000);
    }
    await store.retain();
    const table = store.tables()[0]!;
    expect(table.bytes).toBeLessThanOrEqual(160_000);
    expect(table.rows).toBeGreaterThan(5_000);
    const { rows } = await all(
      store,
      'SELECT count(*), min(n), max(n) FROM t',
      relation(...'abc'.split('').map((n) => column(n, 'INT64'))),
    );
    expect(rows).toEqual([[BigInt(table.rows), BigInt(100_000 - table.rows), 99_999n]]);
  });

  test('rows go when they are too old; a replaced version goes with its last row', async () => {
    let now = 1_000n;
    const store = open({ maxAgeNs: 3_200n, now: () => now });
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 10));
    now += 2_000n;
    await store.append('t', numbersFrom(10, 10));
    expect(store.tables()[0]!.oldestNs).toBe(1_000n);
    now += 1_500n;
    await store.retain();
    expect((await all(store, 'SELECT min(n) FROM t', numbers)).rows).toEqual([[10n]]);
    expect(store.tables()[0]!.oldestNs).toBe(3_000n);
    await store.createTable('t', relation(column('other', 'INT64')));
    now += 3_000n;
    await store.retain();
    expect(store.tables().map(({ name, oldestNs }) => [name, oldestNs])).toEqual([['t', undefined]]);
    await expect(countOf(store, 't@1')).rejects.toThrow(QueryFailed);
  });

  test('by its own timer, while a paused query holds its rows', async () => {
    let now = 1_000n;
    const store = open({ maxAgeNs: 3_200n, now: () => now, retentionMs: 20 });
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 50_000));
    const paused = store.query('SELECT n FROM t', numbers, { notes: false, batchRows: 2048 });
    let seen = (await paused.next()).value!.rows;
    now += 10_000n;
    await expect.poll(() => store.tables()[0]!.rows).toBe(0);
    expect(await countOf(store, 't')).toBe(0n);
    for await (const batch of paused) seen += batch.rows;
    expect(seen).toBe(50_000);
  });
});

describe('at the same time', () => {
  test('a query sees every row appended before it, and counts never go back', async () => {
    const store = open();
    await store.createTable('t', numbers);
    let appended = 0;
    let seen = 0n;
    for (let i = 0; i < 200; i++) {
      void store.append('t', numbersFrom(appended, 7 + (i % 400)));
      appended += 7 + (i % 400);
      if (i % 4 === 0) {
        const before = BigInt(appended);
        const counted = await countOf(store, 't');
        expect(counted).toBeGreaterThanOrEqual(before);
        expect(counted).toBeGreaterThanOrEqual(seen);
        seen = counted;
      }
    }
    expect(await countOf(store, 't')).toBe(BigInt(appended));
  });

  test('appends and short queries go on while long queries run; aborting ends those', async () => {
    const store = open();
    await store.createTable('t', numbers);
    const abort = new AbortController();
    const slow = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3';
    const long = (async () => {
      for await (const _ of store.query(slow, count, { notes: false, signal: abort.signal }));
    })();
    const ended = expect(long).rejects.toThrow(QueryAborted);
    for (let i = 0; i < 20; i++) await store.append('t', numbersFrom(i * 20_000, 20_000));
    expect(await countOf(store, 't')).toBe(400_000n);
    abort.abort(new Error('enough'));
    await ended;
    // Both slots are free again: the engine has really stopped.
    expect(await Promise.all([countOf(store, 't'), countOf(store, 't'), countOf(store, 't')])).toEqual([
      400_000n,
      400_000n,
      400_000n,
    ]);
  });

  test('leaving the loop ends the query; a long result is never all in memory', async () => {
    const store = open();
    const sql = 'SELECT range FROM range(100000000000)';
    for (let i = 0; i < 5; i++) {
      let batches = 0;
      for await (const batch of store.query(sql, numbers, { notes: false })) {
        expect(batch.rows).toBeGreaterThanOrEqual(8192);
        if (++batches === 3) break;
      }
    }
    await store.createTable('t', numbers);
    expect(await countOf(store, 't')).toBe(0n);
  });

  test('an aborted signal refuses at once', async () => {
    const store = open();
    const query = store.query('SELECT 1', count, { notes: false, signal: AbortSignal.abort() });
    await expect(query.next()).rejects.toThrow(QueryAborted);
  });
});

describe('the engine', () => {
  test('errors say what DuckDB says', async () => {
    const store = open();
    await expect(all(store, 'SELECT nosuch FROM nothing', count)).rejects.toMatchObject({
      code: 'store.query',
      message: /nothing/,
    });
    await expect(all(store, 'SELECT 1, 2', count)).rejects.toThrow('2 columns');
    await expect(all(store, "SELECT CAST('x' AS BIGINT)", count)).rejects.toThrow(/x/);
  });

  test('reaches no file and keeps its settings', async () => {
    const store = open();
    const text = relation(column('x', 'STRING'));
    await expect(all(store, "SELECT * FROM read_csv('/etc/hostname')", text)).rejects.toThrow(/disabled|Permission/);
    await expect(all(store, 'SET threads = 8', text)).rejects.toThrow();
    await expect(all(store, "SELECT getenv('HOME')", text)).rejects.toThrow();
  });

  test('gives memory back and keeps its rows; it is not started for that', async () => {
    const store = open();
    await store.trimMemory();
    expect(existsSync(join(folder.path, 'rows.db'))).toBe(false);
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 3));
    await store.trimMemory();
    expect(await countOf(store, 't')).toBe(3n);
  });

  test('a statement that is no query is refused', async () => {
    const store = open();
    await store.createTable('t', numbers);
    await expect(all(store, 'DROP TABLE t', count)).rejects.toThrow(QueryFailed);
    await expect(all(store, 'SELECT 1; DROP TABLE t', count)).rejects.toThrow(QueryFailed);
    expect(await countOf(store, 't')).toBe(0n);
  });

  test('that does not start fails every call, with the reason', async () => {
    const store = open({ memoryLimit: 'plenty' });
    await expect(store.createTable('t', numbers)).rejects.toMatchObject({
      code: 'store.failed',
      message: /plenty|memory/i,
    });
    await expect(all(store, 'SELECT 1', count)).rejects.toThrow(StoreFailed);
    expect(store.tables()).toEqual([]);
  });

  test('rows that cannot be written are reported', async () => {
    const lost: number[] = [];
    const store = open({ memoryLimit: '2MB', onLost: (_table, rows) => lost.push(rows) });
    const of = relation(column('text', 'STRING'));
    await store.createTable('t', of);
    let appended = 0;
    for (let i = 0; i < 30; i++) {
      await store.append(
        't',
        batchOf(
          of,
          Array.from({ length: 2000 }, (_, k) => [`${i} ${k} `.padEnd(1000, String(k * 7919))]),
        ),
      );
      appended += 2000;
    }
    const kept = Number(await countOf(store, 't'));
    expect(lost.length).toBeGreaterThan(0);
    expect(kept + lost.reduce((sum, rows) => sum + rows, 0)).toBe(appended);
    expect(store.tables()[0]!.rows).toBe(kept);
  });
});

describe('the file', () => {
  const file = () => join(folder.path, 'rows.db');

  test('is the owner’s alone, and gone after close', async () => {
    const store = open();
    expect(existsSync(file())).toBe(false);
    await store.createTable('t', numbers);
    await store.append('t', numbersFrom(0, 100_000));
    expect(await countOf(store, 't')).toBe(100_000n);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file()}.wal`)).toBe(false);
    await store.close();
    expect(existsSync(file())).toBe(false);
    expect(existsSync(`${file()}.spill`)).toBe(false);
    expect(existsSync(`${file()}.owner`)).toBe(false);
    await expect(store.createTable('t', numbers)).rejects.toThrow(StoreClosed);
  });

  test('has one store at a time', async () => {
    const store = open();
    expect(() => Store.open({ file: file() })).toThrow(StoreInUse);
    expect(() => Store.open({ file: join(folder.path, '.', 'rows.db') })).toThrow(StoreInUse);
    await store.close();
    await open().createTable('t', numbers);
  });

  test('of a dead owner is removed, that of a live one is not', async () => {
    writeFileSync(file(), 'rubbish');
    writeFileSync(`${file()}.owner`, '999999999 1\n');
    const store = open();
    await store.createTable('t', numbers);
    expect(await countOf(store, 't')).toBe(0n);
    await store.close();
    const stat = readFileSync('/proc/1/stat', 'utf8');
    writeFileSync(`${file()}.owner`, `1 ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}\n`);
    expect(() => open()).toThrow(StoreInUse);
  });

  test('of an owner that was killed is removed before its parent has fetched its end', async () => {
    const parent = spawn('sh', ['-c', 'sleep 30 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
      const pid = Number(String(line));
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      const ticks = stat()[19];
      // As long as the parent is the shell, it fetches the end of its children; a sleep never does.
      const parentName = () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8').trim();
      while (parentName() !== 'sleep') await new Promise((done) => setTimeout(done, 5));
      process.kill(pid, 'SIGKILL');
      while (stat()[0] !== 'Z') await new Promise((done) => setTimeout(done, 5));
      writeFileSync(file(), 'not a database');
      writeFileSync(`${file()}.owner`, `${pid} ${ticks}\n`);
      expect(() => open()).not.toThrow();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('others’ in the same folder are removed if their owner is dead', () => {
    const other = (name: string) => join(dirname(file()), name);
    const stat = readFileSync('/proc/1/stat', 'utf8');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    writeFileSync(other('rows.9.duckdb'), 'rows');
    writeFileSync(other('rows.9.duckdb.owner'), '999999999 1\n');
    writeFileSync(other('rows.1.duckdb'), 'rows');
    writeFileSync(other('rows.1.duckdb.owner'), `1 ${ticks}\n`);
    open();
    expect(existsSync(other('rows.9.duckdb'))).toBe(false);
    expect(existsSync(other('rows.9.duckdb.owner'))).toBe(false);
    expect(existsSync(other('rows.1.duckdb'))).toBe(true);
  });

  test('closing with work in hand ends that work', async () => {
    const store = open();
    await store.createTable('t', numbers);
    const query = all(store, 'SELECT range FROM range(100000000000)', numbers);
    const ended = expect(query).rejects.toThrow(StoreClosed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await store.close();
    await ended;
  });
});
