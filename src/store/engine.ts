import { chmodSync, mkdirSync, renameSync } from 'node:fs';
import duckdb, { type Connection, type Database } from '@duckdb/node-bindings';
import { spillFolder } from './files.ts';
import type { WorkerOptions } from './messages.ts';
import { registerRowFunctions } from './row-functions.ts';
import { quoteText } from './schema.ts';

/** The name under which the store's file is attached. */
export const catalog = 'sonde_rows';

/** The one DuckDB instance of a store, in the thread that owns it. */
export class Engine {
  readonly #database: Database;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();

  private constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Rows need not survive the process, so nothing is written ahead (`RECOVERY_MODE no_wal_writes`), which is an option of ATTACH
   * only: hence an instance in memory with the file attached. The engine would create the file with the umask's mode
   * and takes no empty one: it is made under another name, closed, made 0600, and only then opened under its own.
   */
  static async start(options: WorkerOptions): Promise<Engine> {
    mkdirSync(spillFolder(options.file), { recursive: true, mode: 0o700 });
    const config = duckdb.create_config();
    const settings = {
      threads: String(options.threads),
      memory_limit: options.memoryLimit,
      temp_directory: spillFolder(options.file),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // Freed memory goes back to the system soon, not only at the next burst.
      allocator_background_threads: 'true',
      allocator_flush_threshold: '4MB',
      allocator_bulk_deallocation_flush_threshold: '16MB',
    };
    for (const [name, value] of Object.entries(settings)) {
      try {
        duckdb.set_config(config, name, value);
      } catch (cause) {
        throw new Error(`the engine refuses the setting ${name} = ${value}`, { cause });
      }
    }
    const engine = new Engine(await duckdb.open(':memory:', config));
    const connection = await duckdb.connect(engine.#database);
    const fresh = `${options.file}.new`;
    await duckdb.query(connection, `ATTACH ${quoteText(fresh)} AS ${catalog}`);
    await duckdb.query(connection, `DETACH ${catalog}`);
    chmodSync(fresh, 0o600);
    renameSync(fresh, options.file);
    await duckdb.query(connection, `ATTACH ${quoteText(options.file)} AS ${catalog} (RECOVERY_MODE no_wal_writes)`);
    registerRowFunctions(connection);
    await duckdb.query(connection, 'SET enable_external_access = false');
    await duckdb.query(connection, 'SET lock_configuration = true');
    duckdb.disconnect_sync(connection);
    return engine;
  }

  async connect(): Promise<Connection> {
    const connection = this.#idle.pop() ?? (await this.#newConnection());
    this.#open.add(connection);
    return connection;
  }

  /** Gives a connection back. `clean` only when its last result was read to the end: otherwise it holds a transaction, and is closed. */
  release(connection: Connection, clean: boolean): void {
    if (!this.#open.delete(connection)) return;
    if (clean && this.#idle.length < 2) this.#idle.push(connection);
    else duckdb.disconnect_sync(connection);
  }

  close(): void {
    for (const connection of [...this.#open, ...this.#idle]) duckdb.disconnect_sync(connection);
    this.#open.clear();
    this.#idle.length = 0;
    duckdb.close_sync(this.#database);
  }

  async #newConnection(): Promise<Connection> {
    const connection = await duckdb.connect(this.#database);
    await duckdb.query(connection, `USE ${catalog}`);
    return connection;
  }
}
