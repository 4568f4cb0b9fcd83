import duckdb, { type Appender, type Connection, type DataChunk, type Type, type Vector } from '@duckdb/node-bindings';
import { type ColumnData, type ColumnType, GrowingColumn, type Relation, type RowBatch } from '#model';
import { catalog } from './engine.ts';
import { typeId } from './typeid.ts';
import { validUtf8 } from './utf8.ts';
import { chunkRows, VectorWriter } from './write.ts';

interface Waiting {
  readonly batch: RowBatch;
  readonly notes: ColumnData | undefined;
  readonly sequence: number;
}

/** Writes one table's rows. Batches wait here until `flush`, and share data chunks: a ring buffer's drain gives a handful of rows at a time. */
export class TableWriter {
  readonly #connection: Connection;
  readonly #table: string;
  readonly #types: readonly ColumnType[];
  readonly #typeIds: readonly Type[];
  #waiting: Waiting[] = [];
  #rows = 0;
  #appender: Appender | undefined;
  #chunk: DataChunk | undefined;
  #writers: VectorWriter[] | undefined;

  constructor(connection: Connection, table: string, relation: Relation) {
    this.#connection = connection;
    this.#table = table;
    this.#types = relation.columns.map((column) => column.type);
    this.#typeIds = relation.columns.map(typeId);
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  add(batch: RowBatch, sequence: number): void {
    const columns = batch.columns.map((column) =>
      column.type === 'STRING' ? { ...column, values: validUtf8(column.values) } : column,
    );
    this.#waiting.push({ batch: { rows: batch.rows, columns }, notes: noteColumn(batch), sequence });
    this.#rows += batch.rows;
  }

  /** Writes and commits what waits. Throws DuckDB's error; then those rows are gone. */
  flush(): void {
    if (this.#rows === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#rows = 0;
    try {
      this.#appender ??= duckdb.appender_create_ext(this.#connection, catalog, 'main', this.#table);
      this.#chunk ??= this.#newChunk();
      this.#write(waiting, this.#appender, this.#chunk);
      duckdb.appender_flush_sync(this.#appender);
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  /** Lets go of the table, which can then be altered; the next `flush` takes it again. */
  close(): void {
    const appender = this.#appender;
    this.#appender = undefined;
    this.#chunk = undefined;
    this.#writers = undefined;
    if (appender !== undefined) duckdb.appender_close_sync(appender);
  }

  #newChunk(): DataChunk {
    const ids = [...this.#typeIds, duckdb.Type.VARCHAR, duckdb.Type.BIGINT];
    return duckdb.create_data_chunk(ids.map((id) => duckdb.create_logical_type(id)));
  }

  #write(waiting: readonly Waiting[], appender: Appender, chunk: DataChunk): void {
    const writers = (this.#writers ??= [...this.#types, 'STRING' as const, 'INT64' as const].map(
      (type) => new VectorWriter(type),
    ));
    const columns = this.#types.length;
    let vectors = vectorsOf(chunk, writers.length);
    let at = 0;
    const send = () => {
      writers.forEach((writer, i) => {
        writer.finish(vectors[i]!, at);
      });
      duckdb.data_chunk_set_size(chunk, at);
      duckdb.append_data_chunk(appender, chunk);
      duckdb.data_chunk_reset(chunk);
      vectors = vectorsOf(chunk, writers.length);
      at = 0;
    };
    for (const { batch, notes, sequence } of waiting) {
      for (let from = 0; from < batch.rows; ) {
        const count = Math.min(batch.rows - from, chunkRows - at);
        for (let i = 0; i < columns; i++) writers[i]!.write(vectors[i]!, batch.columns[i]!, from, count, at);
        if (notes === undefined) writers[columns]!.writeMissing(count, at);
        else writers[columns]!.write(vectors[columns]!, notes, from, count, at);
        writers[columns + 1]!.writeSequence(sequence + from, count, at);
        from += count;
        at += count;
        if (at === chunkRows) send();
      }
    }
    if (at > 0) send();
  }

  /** An appender that failed still holds rows and would fail again. */
  #abandon(): void {
    try {
      if (this.#appender !== undefined) duckdb.appender_clear(this.#appender);
      this.close();
    } catch {
      // What failed is told by `flush`.
    }
  }
}

function vectorsOf(chunk: DataChunk, count: number): Vector[] {
  return Array.from({ length: count }, (_, i) => duckdb.data_chunk_get_vector(chunk, i));
}

function noteColumn(batch: RowBatch): ColumnData | undefined {
  if (batch.notes === undefined) return undefined;
  const column = new GrowingColumn('STRING');
  for (let row = 0; row < batch.rows; row++) {
    const note = batch.notes[row] ?? null;
    if (note === null) column.missing();
    else column.text(note);
  }
  return column.finish(batch.rows);
}
