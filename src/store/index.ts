export { NameClash, NoSuchTable, QueryAborted, QueryFailed, StoreClosed, StoreFailed, StoreInUse } from './errors.ts';
export { batchBytes } from './messages.ts';
export { notesName, quoteName, quoteText, sequenceName, sqlType } from './schema.ts';
export { type QueryOptions, Store, type StoredTable, type StoreOptions } from './store.ts';
