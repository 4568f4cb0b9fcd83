import { SondeError } from '#base';

/** DuckDB refused or failed a statement; `cause` is its error. Out of memory shows here too, as DuckDB words it. */
export class QueryFailed extends SondeError {
  readonly code = 'store.query';
  readonly sql: string;

  constructor(reason: string, sql: string) {
    super(`query failed: ${reason}`);
    this.sql = sql;
  }
}

/** The caller's signal ended the query; `cause` is the signal's reason. */
export class QueryAborted extends SondeError {
  readonly code = 'store.aborted';

  constructor(reason: unknown) {
    super('query aborted', { cause: reason });
  }
}

export class NoSuchTable extends SondeError {
  readonly code = 'store.no-table';
  readonly table: string;

  constructor(table: string) {
    super(`no table ${table}`);
    this.table = table;
  }
}

/** The engine does not tell `Err` from `err`, and has two columns of its own. */
export class NameClash extends SondeError {
  readonly code = 'store.name-clash';
}

/** Another store, of this process or another, has the file. One file must never be opened twice: the engine would corrupt it. */
export class StoreInUse extends SondeError {
  readonly code = 'store.in-use';
  readonly file: string;
  readonly pid: number;

  constructor(file: string, pid: number) {
    super(`the store ${file} is in use by process ${pid}`);
    this.file = file;
    this.pid = pid;
  }
}

export class StoreClosed extends SondeError {
  readonly code = 'store.closed';

  constructor() {
    super('the store is closed');
  }
}

/** The engine's thread is gone, and the rows with it; every later call fails the same way. */
export class StoreFailed extends SondeError {
  readonly code = 'store.failed';

  constructor(reason: string, options?: { cause?: unknown }) {
    super(`the store has failed: ${reason}`, options);
  }
}
