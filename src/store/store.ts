import { BugError } from '#base';
import { type Relation, type RowBatch, sameRelation } from '#model';
import { EngineThread } from './connection.ts';
import { NameClash, NoSuchTable, StoreClosed } from './errors.ts';
import { claimFile } from './files.ts';
import { Ledger } from './ledger.ts';
import { batchBytes, transferable } from './messages.ts';
import { createTableSql, quoteName } from './schema.ts';
import { streamQuery } from './stream.ts';

export interface StoreOptions {
  /** The file of the rows, mode 0600; made at the first use, removed by `close`. Beside it `<file>.owner` and `<file>.spill`. */
  readonly file: string;
  /** Most bytes of values in one table (as they come, not as they are kept): the oldest rows go. Default 64 MiB. */
  readonly maxTableBytes?: number;
  /** Rows older than this go; counted from their arrival. Default one hour. */
  readonly maxAgeNs?: bigint;
  /** Most memory of the engine, as DuckDB writes it. Default 256MB. */
  readonly memoryLimit?: string;
  /** Default 2. */
  readonly threads?: number;
  /** How often age is looked at while there are rows. Default ten seconds. */
  readonly retentionMs?: number;
  /** Wall clock in nanoseconds, for tests. */
  readonly now?: () => bigint;
  /** Told of rows that `append` took but that could not be written (the disk is full, the memory limit is reached). */
  readonly onLost?: (table: string, rows: number, reason: string) => void;
}

export interface StoredTable {
  readonly name: string;
  readonly relation: Relation;
  readonly rows: number;
  /** Bytes of the rows' values, as they came. */
  readonly bytes: number;
  /** When the oldest row arrived, wall clock; undefined without rows. */
  readonly oldestNs: bigint | undefined;
  /** An older version that was replaced by one with other columns; `name` ends in `@` and its number. Goes when it is empty. */
  readonly replaced: boolean;
}

export interface QueryOptions {
  /** The SQL's last column is each row's notes. */
  readonly notes: boolean;
  readonly signal?: AbortSignal;
  /** Rows of a batch, about: default 8192. */
  readonly batchRows?: number;
}

interface Table {
  readonly name: string;
  readonly relation: Relation;
  readonly ledger: Ledger;
  readonly version: number;
  readonly replaced: boolean;
}

/** How many replaced versions of a table are kept. */
const keptVersions = 3;

/**
 * Tables in DuckDB, in a thread of its own that starts with the first use. Calls may overlap: writes are done in the order of the calls,
 * and a query sees every write that was called before it began.
 */
export class Store {
  readonly #options: StoreOptions;
  readonly #file: { file: string; release: () => void };
  readonly #tables = new Map<string, Table>();
  #thread: EngineThread | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  readonly #atExit = () => this.#file.release();

  private constructor(options: StoreOptions) {
    this.#options = options;
    this.#file = claimFile(options.file);
    process.once('exit', this.#atExit);
  }

  /** Takes the file; no engine yet. @throws StoreInUse when another store has it. */
  static open(options: StoreOptions): Store {
    return new Store(options);
  }

  /** The tables, by name; also older versions that still hold rows. */
  tables(): StoredTable[] {
    return [...this.#tables.values()]
      .map(({ name, relation, ledger, replaced }) => ({
        name,
        relation,
        rows: ledger.rows,
        bytes: ledger.bytes,
        oldestNs: ledger.oldestNs,
        replaced,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  relation(table: string): Relation | undefined {
    return this.#tables.get(table)?.relation;
  }

  /**
   * Makes a table, or does nothing when it is there with an equal relation. With another relation the table gets a new version of
   * itself: the old rows stay, as `name@1` and so on, until they are too old.
   * @throws NameClash for names that the engine cannot hold beside each other.
   */
  async createTable(name: string, relation: Relation): Promise<void> {
    const old = this.#tables.get(name);
    if (old !== undefined && sameRelation(old.relation, relation)) return;
    if (old === undefined) this.#refuseClash(name);
    const create = createTableSql(name, relation);
    const made: Table = {
      name,
      relation,
      ledger: this.#newLedger(old?.ledger.nextSequence),
      version: (old?.version ?? 0) + 1,
      replaced: false,
    };
    if (old === undefined) await this.#replace(made, undefined, [create]);
    else {
      const kept: Table = { ...old, name: `${name}@${old.version}`, replaced: true };
      await this.#replace(made, kept, [`ALTER TABLE ${quoteName(name)} RENAME TO ${quoteName(kept.name)}`, create]);
      if (kept.ledger.rows === 0) await this.dropTable(kept.name);
      const surplus = `${name}@${old.version - keptVersions}`;
      if (this.#tables.get(surplus)?.replaced) await this.dropTable(surplus);
    }
  }

  /**
   * Adds rows, in the relation's columns. The batch's buffers go to the engine's thread and are empty here afterwards. Ends when the
   * rows are in order for writing: they are in every query begun after the call.
   * @throws NoSuchTable
   */
  async append(table: string, batch: RowBatch): Promise<void> {
    const known = this.#tables.get(table);
    if (known === undefined || known.replaced) throw new NoSuchTable(table);
    if (batch.rows === 0) return;
    checkBatch(table, known.relation, batch);
    const bytes = batchBytes(batch);
    const sequence = known.ledger.add(batch.rows, bytes, this.#now());
    const done = this.#send(table, batch, sequence, bytes);
    if (known.ledger.bytes > this.#maxTableBytes * 1.25) this.#cut(known);
    this.#timer ??= this.#startTimer();
    await done;
  }

  /** A table for the rows of a table function: not listed, not subject to retention; replaces one of its name. Drop it with `dropTemporary`. */
  async putTemporary(name: string, relation: Relation, batch: RowBatch): Promise<void> {
    if (this.#tables.has(name)) throw new NameClash(`a table ${name} exists`);
    checkBatch(name, relation, batch);
    const sql = [`DROP TABLE IF EXISTS ${quoteName(name)}`, createTableSql(name, relation)];
    const made = this.#make(this.#engine(), name, relation, sql, [name]);
    const filled = batch.rows === 0 ? undefined : this.#send(name, batch, 0, batchBytes(batch));
    await Promise.all([made, filled]);
  }

  async dropTemporary(name: string): Promise<void> {
    if (this.#tables.has(name)) throw new BugError(`${name} is no temporary table`);
    await this.#thread?.ask({ op: 'drop', table: name });
  }

  /** Nothing happens when there is no such table. */
  async dropTable(name: string): Promise<void> {
    if (!this.#tables.delete(name)) return;
    await this.#engine().ask({ op: 'drop', table: name });
  }

  /**
   * The rows of a query, batch by batch as they are made; its columns are the relation's in order (cast where the engine's types
   * differ), then the notes if `notes`. Begins with the first step of the loop; leaving the loop ends it.
   * @throws QueryFailed, QueryAborted, StoreClosed, StoreFailed
   */
  async *query(sql: string, relation: Relation, options: QueryOptions): AsyncGenerator<RowBatch, void, undefined> {
    const { notes, signal, batchRows = 8192 } = options;
    yield* streamQuery(this.#engine(), { op: 'query', sql, relation, notes, batchRows }, signal);
  }

  /** Place of a table's last row in its order of arrival (`seq_`); -1 before the first. @throws NoSuchTable */
  lastPlace(table: string): bigint {
    const known = this.#tables.get(table);
    if (known === undefined) throw new NoSuchTable(table);
    return BigInt(known.ledger.nextSequence - 1);
  }

  /** Applies the limits now. */
  async retain(): Promise<void> {
    await Promise.all([...this.#tables.values()].map((table) => this.#cut(table)));
  }

  /** Gives back the memory that the thread does not need, if Node.js runs with `--expose-gc`; one that does not run is not started for that. */
  async trimMemory(): Promise<void> {
    await this.#thread?.ask({ op: 'trim' });
  }

  /** Ends all queries, the thread and the file. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#tables.clear();
    await this.#thread?.close();
    process.off('exit', this.#atExit);
    this.#file.release();
  }

  get #maxTableBytes(): number {
    return this.#options.maxTableBytes ?? 64 * 1024 * 1024;
  }

  get #maxAgeNs(): bigint {
    return this.#options.maxAgeNs ?? 3_600_000_000_000n;
  }

  #now(): bigint {
    return this.#options.now?.() ?? BigInt(Date.now()) * 1_000_000n;
  }

  #engine(): EngineThread {
    if (this.#closed !== undefined) throw new StoreClosed();
    this.#thread ??= new EngineThread(
      { file: this.#file.file, memoryLimit: this.#options.memoryLimit ?? '256MB', threads: this.#options.threads ?? 2 },
      (table, rows, reason) => {
        this.#tables.get(table)?.ledger.forget(rows);
        this.#options.onLost?.(table, rows, reason);
      },
    );
    return this.#thread;
  }

  #newLedger(firstSequence = 0): Ledger {
    return new Ledger({ runBytes: this.#maxTableBytes / 32, runNs: this.#maxAgeNs / 32n, firstSequence });
  }

  /** The engine takes table names that differ only in case for one. */
  #refuseClash(name: string): void {
    for (const other of this.#tables.keys()) {
      if (other.toLowerCase() === name.toLowerCase())
        throw new NameClash(`table ${name} cannot be stored beside ${other}`);
    }
  }

  /** Both tables are known at once, so that calls made meanwhile find them; when the engine refuses, it is as before. */
  async #replace(made: Table, kept: Table | undefined, sql: string[]): Promise<void> {
    const { name, relation } = made;
    const old = this.#tables.get(name);
    const done = this.#make(this.#engine(), name, relation, sql, [name]);
    this.#tables.set(name, made);
    if (kept) this.#tables.set(kept.name, kept);
    try {
      await done;
    } catch (error) {
      if (kept) this.#tables.delete(kept.name);
      if (old) this.#tables.set(name, old);
      else this.#tables.delete(name);
      throw error;
    }
  }

  #make(thread: EngineThread, table: string, relation: Relation, sql: string[], closes: string[]): Promise<void> {
    return thread.ask({ op: 'create', table, sql, relation, closes });
  }

  #send(table: string, batch: RowBatch, sequence: number, bytes: number): Promise<void> {
    const mine = transferable(batch);
    return this.#engine().ask({ op: 'append', table, batch: mine.batch, sequence, bytes }, mine.buffers);
  }

  #startTimer(): NodeJS.Timeout {
    return setInterval(() => {
      this.retain().catch(() => undefined);
      if ([...this.#tables.values()].some((table) => table.ledger.rows > 0)) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, this.#options.retentionMs ?? 10_000).unref();
  }

  async #cut(table: Table): Promise<void> {
    const below = table.ledger.cut(this.#maxTableBytes, this.#now() - this.#maxAgeNs);
    if (table.replaced && table.ledger.rows === 0) await this.dropTable(table.name);
    else if (below !== undefined) await this.#engine().ask({ op: 'cut', table: table.name, below });
  }
}

function checkBatch(table: string, relation: Relation, batch: RowBatch): void {
  const matches =
    batch.columns.length === relation.columns.length &&
    batch.columns.every(
      (column, i) => column.type === relation.columns[i]!.type && valueCount(column.type, column.values) === batch.rows,
    );
  if (!matches) {
    const found = batch.columns.map((column) => column.type).join(', ');
    throw new BugError(`a batch of ${batch.rows} rows (${found}) does not fit table ${table}`);
  }
}

function valueCount(type: string, values: { readonly length: number } | { readonly offsets: Uint32Array }): number {
  if ('offsets' in values) return values.offsets.length - 1;
  return type === 'UINT128' ? values.length / 2 : values.length;
}
