/**
 * Rows per second into and out of the store, beside DuckDB's own appender called value by value and its own row reader.
 * Prints one line per measurement; the ratio is what to compare between machines. `node bench/store.ts [rows]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Column, type ColumnType, type Relation, type RowBatch, RowBatchBuilder } from '#model';
import { Store } from '#store';

const total = Number(process.argv[2] ?? 500_000);
const batchRows = 1000;
const column = (name: string, type: ColumnType): Column => ({ name, type, semantic: 'ST_NONE' });
const relation: Relation = {
  columns: [
    column('upid', 'UINT128'),
    column('time_', 'TIME64NS'),
    column('goid_', 'INT64'),
    column('latency', 'INT64'),
    column('size', 'INT64'),
    column('path', 'STRING'),
    column('method', 'STRING'),
    column('user', 'STRING'),
  ],
};
const paths = Array.from({ length: 500 }, (_, i) => `/api/v1/things/${i}/and/their/parts`);
const methods = ['GET', 'POST', 'DELETE'];

function makeBatch(first: number): RowBatch {
  const builder = new RowBatchBuilder(relation.columns.map((c) => c.type));
  for (let i = first; i < first + batchRows; i++) {
    builder.column(0).uint128(1n, BigInt(i % 7));
    builder.column(1).int(1_700_000_000_000_000_000n + BigInt(i));
    builder.column(2).int(BigInt(i % 100));
    builder.column(3).int(BigInt(i * 31));
    builder.column(4).int(BigInt(i % 4096));
    builder.column(5).text(paths[i % 500]!);
    builder.column(6).text(methods[i % 3]!);
    builder.column(7).text(`user ${i}`);
    builder.endRow();
  }
  return builder.finish();
}

async function measure(name: string, rows: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  const rate = rows / ((performance.now() - start) / 1000);
  console.log(`${name.padEnd(44)} ${Math.round(rate).toLocaleString('en').padStart(12)} rows/s`);
  return rate;
}

const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
const store = Store.open({ file: join(folder, 'rows.db'), maxTableBytes: 2 ** 40 });
try {
  const rss = () => `${Math.round(process.memoryUsage.rss() / 1e6)} MB`;
  console.log(`${total.toLocaleString('en')} rows of 8 columns; resident at start ${rss()}`);
  await store.createTable('t', relation);
  console.log(`resident with the engine ${rss()}`);
  const batches = Array.from({ length: total / batchRows }, (_, i) => makeBatch(i * batchRows));
  const ours = await measure('append, made batches', total, async () => {
    let last = Promise.resolve();
    for (const batch of batches) last = store.append('t', batch);
    await last;
    for await (const _ of store.query('SELECT count(*) FROM t', { columns: [column('n', 'INT64')] }, { notes: false }));
  });
  const readBack = async () => {
    let rows = 0;
    const names = relation.columns.map((c) => `"${c.name}"`).join(', ');
    for await (const batch of store.query(`SELECT ${names}, notes_ FROM t`, relation, { notes: true }))
      rows += batch.rows;
    if (rows !== total) throw new Error(`${rows} rows came back`);
  };
  const oursRead = await measure('query, all columns', total, readBack);
  console.log(`resident ${rss()}`);

  const instance = await DuckDBInstance.create(join(folder, 'plain.db'), { threads: '2', memory_limit: '256MB' });
  const connection = await instance.connect();
  await connection.run(
    'CREATE TABLE t (upid UHUGEINT, time_ BIGINT, goid_ BIGINT, latency BIGINT, size BIGINT, path VARCHAR, method VARCHAR, "user" VARCHAR)',
  );
  const appender = await connection.createAppender('t');
  const plain = await measure("DuckDB's appender, value by value", total, async () => {
    for (let i = 0; i < total; i++) {
      appender.appendUHugeInt((1n << 64n) | BigInt(i % 7));
      appender.appendBigInt(1_700_000_000_000_000_000n + BigInt(i));
      appender.appendBigInt(BigInt(i % 100));
      appender.appendBigInt(BigInt(i * 31));
      appender.appendBigInt(BigInt(i % 4096));
      appender.appendVarchar(paths[i % 500]!);
      appender.appendVarchar(methods[i % 3]!);
      appender.appendVarchar(`user ${i}`);
      appender.endRow();
    }
    appender.flushSync();
  });
  const plainRead = await measure("DuckDB's row reader, streaming", total, async () => {
    const result = await connection.stream('SELECT * FROM t');
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
      chunk.getColumns();
  });
  appender.closeSync();
  connection.closeSync();
  instance.closeSync();
  console.log(
    `append ${(ours / plain).toFixed(1)} times the plain appender, query ${(oursRead / plainRead).toFixed(1)} times the plain reader`,
  );
} finally {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
