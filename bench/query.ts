/**
 * PxL over 10 million rows of 8 columns, beside SQL written by hand for the same engine, the two in turn, and beside polars where `bench/query-polars.py` can be
 * run (`POLARS=python3` names a Python that has it). `node bench/query.ts [rows] [rounds]`
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Column, type ColumnType, type Relation, RowBatchBuilder } from '#model';
import { compileQuery, offlineCatalog } from '#planner';
import { Store } from '#store';
import { machine, median, milliseconds, table } from './report.ts';

const total = Number(process.argv[2] ?? 10_000_000);
const rounds = Number(process.argv[3] ?? 5);
const batchRows = 10_000;
const second = 1_000_000_000n;
const start = 1_700_000_000n * second;

const column = (name: string, type: ColumnType): Column => ({ name, type, semantic: 'ST_NONE' });
const calls: Relation = {
  columns: [
    column('upid', 'UINT128'),
    column('time_', 'TIME64NS'),
    column('goid_', 'INT64'),
    column('latency', 'INT64'),
    column('size', 'INT64'),
    column('status', 'INT64'),
    column('path', 'STRING'),
    column('method', 'STRING'),
  ],
};
const owners: Relation = { columns: [column('path', 'STRING'), column('owner', 'STRING')] };

/** Also in query-polars.py: rows that every engine can make by itself. */
const latency = (i: number) => (i * 7919) % 1_000_003;
const paths = Array.from({ length: 500 }, (_, i) => `/api/v1/things/${i}`);
const methods = ['GET', 'POST', 'DELETE', 'PUT'];
const statuses = [200, 200, 200, 404, 200, 500, 200];

async function fill(store: Store): Promise<void> {
  await store.createTable('calls', calls);
  for (let first = 0; first < total; first += batchRows) {
    const builder = new RowBatchBuilder(calls.columns.map(({ type }) => type));
    for (let i = first; i < Math.min(total, first + batchRows); i++) {
      builder.column(0).uint128(1n, BigInt(i % 7));
      builder.column(1).int(start + BigInt(i) * 10_000n);
      builder.column(2).int(BigInt(i % 1000));
      builder.column(3).int(BigInt(latency(i)));
      builder.column(4).int(BigInt(i % 4096));
      builder.column(5).int(BigInt(statuses[i % 7]!));
      builder.column(6).text(paths[i % 500]!);
      builder.column(7).text(methods[i % 4]!);
      builder.endRow();
    }
    await store.append('calls', builder.finish());
  }
  await store.createTable('owners', owners);
  const builder = new RowBatchBuilder(['STRING', 'STRING']);
  for (const [i, path] of paths.entries()) {
    builder.column(0).text(path);
    builder.column(1).text(`team ${i % 12}`);
    builder.endRow();
  }
  await store.append('owners', builder.finish());
}

interface Case {
  readonly name: string;
  readonly pxl: string;
  readonly sql: string;
}

const cases: readonly Case[] = [
  {
    name: 'filter, group, quantiles',
    pxl: `df = px.DataFrame('calls')
df = df[df.status < 400]
df = df.groupby('path').agg(calls=('latency', px.count), p50=('latency', px.p50), p90=('latency', px.p90), p99=('latency', px.p99))`,
    sql: `SELECT path, count(*), quantile_cont(latency, 0.5), quantile_cont(latency, 0.9), quantile_cont(latency, 0.99)
FROM calls WHERE status < 400 GROUP BY path ORDER BY min(seq_)`,
  },
  {
    name: 'merge, group',
    pxl: `df = px.DataFrame('calls').merge(px.DataFrame('owners'), how='inner', left_on='path', right_on='path')
df = df.groupby('owner').agg(calls=('latency', px.count), bytes=('size', px.sum), slowest=('latency', px.max))`,
    sql: `SELECT o.owner, count(*), sum(c.size), max(c.latency)
FROM calls c JOIN owners o ON c.path = o.path GROUP BY o.owner ORDER BY min(c.seq_)`,
  },
  {
    name: 'rolling, one second',
    pxl: `df = px.DataFrame('calls')
df = df.rolling('1s').groupby('method').agg(calls=('latency', px.count), mean=('latency', px.mean))`,
    sql: `SELECT time_ // 1000000000 * 1000000000 AS t, method, count(*), avg(latency)
FROM calls GROUP BY t, method ORDER BY min(seq_)`,
  },
  {
    name: 'group by two, mean',
    pxl: `df = px.DataFrame('calls')
df = df.groupby(['method', 'status']).agg(calls=('latency', px.count), mean=('latency', px.mean), most=('size', px.max))`,
    sql: `SELECT method, status, count(*), avg(latency), max(size) FROM calls GROUP BY method, status ORDER BY min(seq_)`,
  },
  {
    name: 'filter, newest 100',
    pxl: `df = px.DataFrame('calls')
df = df[px.contains(df.path, '/things/7')].sort('latency', ascending=False).head(100)`,
    sql: `SELECT upid, time_, goid_, latency, size, status, path, method FROM calls
WHERE contains(path, '/things/7') ORDER BY latency DESC, seq_ LIMIT 100`,
  },
];

const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
const store = Store.open({ file: join(folder, 'rows.db'), maxTableBytes: 2 ** 40 });
try {
  await fill(store);
  console.log(`${total.toLocaleString('en')} rows of 8 columns, ${rounds} rounds, the ways in turn; ${machine()}`);
  const relations: Record<string, Relation> = { calls, owners };
  const catalog = { ...offlineCatalog, table: (name: string) => relations[name], tables: () => Object.keys(relations) };
  const polars = polarsTimes();
  const rows: string[][] = [];
  for (const { name, pxl, sql } of cases) {
    const compiled = compileQuery(`import px\n${pxl}\npx.display(df)`, catalog, { now: 0n, queryId: name });
    if (!compiled.ok) throw new Error(`${name}: ${compiled.diagnostics[0]!.message}`);
    const [output] = compiled.value.outputs;
    const times: { pxl: number[]; sql: number[]; processor: number[] } = { pxl: [], sql: [], processor: [] };
    const counts = new Set<number>();
    for (let round = 0; round <= rounds; round++) {
      const ours = await timed(output!.sql, output!.relation, output!.notes);
      const theirs = await timed(sql, { columns: output!.relation.columns }, false);
      counts.add(ours.rows).add(theirs.rows);
      // The first round fills caches.
      if (round === 0) continue;
      times.pxl.push(ours.milliseconds);
      times.sql.push(theirs.milliseconds);
      times.processor.push(ours.processor / theirs.processor);
    }
    if (counts.size !== 1) throw new Error(`${name}: ${[...counts].join(' and ')} rows`);
    const ratio = median(times.pxl.map((each, i) => each / times.sql[i]!));
    const other = polars.get(name);
    rows.push([
      name,
      milliseconds(median(times.pxl)),
      milliseconds(median(times.sql)),
      ratio.toFixed(2),
      median(times.processor).toFixed(2),
      other === undefined ? '–' : milliseconds(other),
    ]);
  }
  console.log(table(['query', 'PxL', 'SQL by hand', 'ratio', 'ratio of processor time', 'polars'], rows));
} finally {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}

interface Taken {
  readonly milliseconds: number;
  /** Microseconds of all threads: what other work on the machine does not change. */
  readonly processor: number;
  readonly rows: number;
}

async function timed(sql: string, relation: Relation, notes: boolean): Promise<Taken> {
  const began = performance.now();
  const used = process.cpuUsage();
  let rows = 0;
  for await (const batch of store.query(sql, relation, { notes })) rows += batch.rows;
  const { user, system } = process.cpuUsage(used);
  return { milliseconds: performance.now() - began, processor: user + system, rows };
}

/** Milliseconds of polars by query; none without it. */
function polarsTimes(): ReadonlyMap<string, number> {
  const python = process.env.POLARS;
  if (python === undefined) return new Map();
  const script = join(import.meta.dirname, 'query-polars.py');
  const { stdout, status } = spawnSync(python, [script, `${total}`, `${rounds}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${python} ${script} failed`);
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, number>));
}
