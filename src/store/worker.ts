import { parentPort, workerData } from 'node:worker_threads';
import duckdb, { type Connection } from '@duckdb/node-bindings';
import { BugError } from '#base';
import { Engine } from './engine.ts';
import { TableWriter } from './ingest.ts';
import { type Reply, type Request, transferable, type WorkerOptions } from './messages.ts';
import { RunningQuery } from './query.ts';
import { quoteName, sequenceName } from './schema.ts';
import { Slots } from './slots.ts';

/**
 * Rows waiting in one table that are written at once, and how long fewer may wait (a query writes them before it runs). The engine takes a whole
 * row group (122,880 rows) at twice the speed of smaller lots.
 */
const flushRows = 122_880;
const flushMs = 500;
/** Bytes of values written between checkpoints: until one, rows stay in memory uncompressed. */
const checkpointBytes = 16 * 1024 * 1024;

if (parentPort === null) throw new BugError('the store’s worker runs only as a worker');
const port = parentPort;
const engine = Engine.start(workerData as WorkerOptions);
const writing = engine.then((started) => started.connect());
const slots = new Slots(2);
const writers = new Map<string, TableWriter>();
const queries = new Map<number, RunningQuery>();
/** The engine must not be closed under a call of theirs. */
const running = new Set<Promise<void>>();
let unsaved = 0;
let timer: NodeJS.Timeout | undefined;
/** Everything that must keep its order, one after another. */
let last: Promise<void> = engine.then(() => undefined);
last.catch(() => undefined);

port.on('message', (request: Request) => {
  switch (request.op) {
    case 'more':
      queries.get(request.id)?.more();
      return;
    case 'cancel':
      queries.get(request.id)?.cancel();
      return;
    case 'query': {
      const query = new RunningQuery(request);
      queries.set(request.id, query);
      const run = inOrder(async () => flushAll()).then(() => runQuery(request.id, request.sql, query));
      running.add(run);
      run.finally(() => running.delete(run));
      return;
    }
    default:
      if (request.op === 'close') for (const query of queries.values()) query.cancel();
      inOrder(() => perform(request)).then(
        () => {
          reply({ op: 'done', id: request.id });
          if (request.op === 'close') port.close();
        },
        (error: unknown) =>
          reply({
            op: 'failed',
            id: request.id,
            reason: reasonOf(error),
            sql: 'sql' in request ? request.sql.join('; ') : '',
          }),
      );
  }
});

function inOrder(action: () => Promise<void>): Promise<void> {
  const done = last.then(action);
  last = done.catch(() => undefined);
  return done;
}

async function perform(request: Exclude<Request, { op: 'more' | 'cancel' | 'query' }>): Promise<void> {
  const connection = await writing;
  switch (request.op) {
    case 'create':
      for (const table of request.closes) letGo(table);
      await atOnce(connection, request.sql);
      writers.set(request.table, new TableWriter(connection, request.table, request.relation));
      return;
    case 'append':
      return append(request);
    case 'drop':
      writers.get(request.table)?.close();
      writers.delete(request.table);
      await duckdb.query(connection, `DROP TABLE IF EXISTS ${quoteName(request.table)}`);
      return;
    case 'cut':
      flush(request.table);
      await duckdb.query(
        connection,
        `DELETE FROM ${quoteName(request.table)} WHERE ${sequenceName} < ${request.below}`,
      );
      await checkpoint(connection);
      return;
    case 'trim':
      globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      return;
    case 'close':
      clearTimeout(timer);
      await Promise.all(running);
      for (const writer of writers.values()) writer.close();
      (await engine).close();
  }
}

async function atOnce(connection: Connection, statements: readonly string[]): Promise<void> {
  await duckdb.query(connection, 'BEGIN TRANSACTION');
  try {
    for (const sql of statements) await duckdb.query(connection, sql);
    await duckdb.query(connection, 'COMMIT');
  } catch (error) {
    await duckdb.query(connection, 'ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function append(request: Request & { op: 'append' }): Promise<void> {
  const writer = writers.get(request.table);
  if (writer === undefined) throw new Error(`no table ${request.table}`);
  writer.add(request.batch, request.sequence);
  unsaved += request.bytes;
  if (writer.rows >= flushRows) flush(request.table);
  else timer ??= setTimeout(() => inOrder(async () => flushAll()), flushMs);
  if (unsaved >= checkpointBytes) {
    flushAll();
    await checkpoint(await writing);
  }
}

/** Moves rows from memory to the file, and gives back the room of deleted ones. May be refused while others read; the next one serves. */
async function checkpoint(connection: Connection): Promise<void> {
  unsaved = 0;
  await duckdb.query(connection, 'CHECKPOINT').catch(() => undefined);
}

function flushAll(): void {
  clearTimeout(timer);
  timer = undefined;
  for (const table of writers.keys()) flush(table);
}

function flush(table: string): void {
  const writer = writers.get(table);
  const rows = writer?.rows ?? 0;
  try {
    writer?.flush();
  } catch (error) {
    reply({ op: 'lost', table, rows, reason: reasonOf(error) });
  }
}

/** Writes what waits for a table and closes its writer, for the table is about to change. */
function letGo(table: string): void {
  flush(table);
  writers.get(table)?.close();
  writers.delete(table);
}

async function runQuery(id: number, sql: string, query: RunningQuery): Promise<void> {
  try {
    await query.run(await engine, slots, (rows) => {
      const { batch, buffers } = transferable(rows);
      port.postMessage({ op: 'rows', id, batch } satisfies Reply, buffers);
    });
    reply(query.cancelled ? { op: 'failed', id, reason: 'cancelled', sql } : { op: 'done', id });
  } catch (error) {
    reply({ op: 'failed', id, reason: reasonOf(error), sql });
  } finally {
    queries.delete(id);
  }
}

function reply(message: Reply): void {
  port.postMessage(message);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
