import duckdb, { type Connection, type PreparedStatement, type Type } from '@duckdb/node-bindings';
import type { Relation, RowBatch } from '#model';
import type { Engine } from './engine.ts';
import { BatchReader } from './read.ts';
import { castSql } from './schema.ts';
import type { Slots } from './slots.ts';
import { typeId } from './typeid.ts';

export interface QueryText {
  readonly sql: string;
  readonly relation: Relation;
  readonly notes: boolean;
  readonly batchRows: number;
}

/** One query that runs, on a connection of its own. */
export class RunningQuery {
  readonly #query: QueryText;
  #connection: Connection | undefined;
  #cancelled = false;
  #credits = 2;
  #wake: (() => void) | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(query: QueryText) {
    this.#query = query;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** The reader has room for one more batch. */
  more(): void {
    this.#credits++;
    this.#wake?.();
  }

  /** Again and again until the query has ended: the engine forgets an interrupt that comes just before a statement begins. */
  cancel(): void {
    this.#cancelled = true;
    this.#wake?.();
    if (this.#connection === undefined) return;
    duckdb.interrupt(this.#connection);
    this.#again ??= setInterval(() => this.cancel(), 20);
  }

  /** Sends the result batch by batch, never more than two ahead of the reader. Throws DuckDB's error; ends early when cancelled. */
  async run(engine: Engine, slots: Slots, send: (batch: RowBatch) => void): Promise<void> {
    if (this.#cancelled) return;
    const connection = await engine.connect();
    this.#connection = connection;
    let ended = false;
    try {
      ended = await this.#read(connection, slots, send);
    } finally {
      this.#connection = undefined;
      clearInterval(this.#again);
      engine.release(connection, ended);
    }
  }

  async #read(connection: Connection, slots: Slots, send: (batch: RowBatch) => void): Promise<boolean> {
    const { relation, notes, batchRows } = this.#query;
    const prepared = await slots.run(() => this.#prepare(connection));
    try {
      const result = await slots.run(async () =>
        this.#cancelled ? null : duckdb.execute_prepared_streaming(prepared),
      );
      if (result === null) return false;
      const reader = new BatchReader(relation, notes);
      for (;;) {
        while (this.#credits === 0 && !this.#cancelled) await new Promise<void>((resolve) => (this.#wake = resolve));
        if (this.#cancelled) return false;
        const chunk = await slots.run(async () => (this.#cancelled ? null : duckdb.fetch_chunk(result)));
        if (this.#cancelled) return false;
        const ended = chunk === null || duckdb.data_chunk_get_size(chunk) === 0;
        if (!ended) reader.add(chunk);
        if (reader.rows >= batchRows || (ended && reader.rows > 0)) {
          this.#credits--;
          send(reader.take());
        }
        if (ended) return true;
      }
    } finally {
      duckdb.destroy_prepare_sync(prepared);
    }
  }

  /** Prepares the query; when its columns are of other types than the relation's, the query with casts. */
  async #prepare(connection: Connection): Promise<PreparedStatement> {
    const { sql, relation, notes } = this.#query;
    const wanted: Type[] = relation.columns.map(typeId);
    if (notes) wanted.push(duckdb.Type.VARCHAR);
    const prepared = await duckdb.prepare(connection, sql);
    if (duckdb.prepared_statement_type(prepared) !== duckdb.StatementType.SELECT) {
      duckdb.destroy_prepare_sync(prepared);
      throw new Error('it is no SELECT');
    }
    const count = duckdb.prepared_statement_column_count(prepared);
    if (count !== wanted.length) {
      duckdb.destroy_prepare_sync(prepared);
      throw new Error(`the query has ${count} columns, its relation ${wanted.length}`);
    }
    if (wanted.every((type, i) => duckdb.prepared_statement_column_type(prepared, i) === type)) return prepared;
    duckdb.destroy_prepare_sync(prepared);
    return duckdb.prepare(connection, castSql(sql, relation, notes));
  }
}
