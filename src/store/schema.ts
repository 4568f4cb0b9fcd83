import type { Column, ColumnType, Relation } from '#model';
import { NameClash } from './errors.ts';

/** Columns that every stored table has behind the relation's own. */
export const notesName = 'notes_';
export const sequenceName = 'seq_';

const sqlTypes: Readonly<Record<ColumnType, string>> = {
  BOOLEAN: 'BOOLEAN',
  INT64: 'BIGINT',
  TIME64NS: 'BIGINT',
  UINT128: 'UHUGEINT',
  FLOAT64: 'DOUBLE',
  STRING: 'VARCHAR',
};

/** DuckDB's type of a column. TIME64NS is the nanoseconds as a number: DuckDB's own TIMESTAMP_NS ends in 2262 and refuses some values. */
export function sqlType(column: Column): string {
  return column.unsigned && column.type === 'INT64' ? 'UBIGINT' : sqlTypes[column.type];
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * UPIDs of several processes in turn would be packed into bits, which DuckDB unpacks at 230 ns a value of 128 bits: a hundred times as long as it takes to read
 * 16 bytes. Those of one process are one constant a row group all the same.
 */
function storedType(column: Column): string {
  return column.type === 'UINT128' ? `${sqlType(column)} USING COMPRESSION uncompressed` : sqlType(column);
}

/** @throws NameClash when two columns differ only in case, or one has a name of the store's own. */
export function createTableSql(table: string, relation: Relation): string {
  const seen = new Map<string, string>([
    [notesName, notesName],
    [sequenceName, sequenceName],
  ]);
  for (const { name } of relation.columns) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) throw new NameClash(`table ${table}: column ${name} cannot be stored beside ${other}`);
    seen.set(name.toLowerCase(), name);
  }
  const columns = [
    ...relation.columns.map((column) => `${quoteName(column.name)} ${storedType(column)}`),
    `${notesName} VARCHAR`,
    `${sequenceName} BIGINT`,
  ];
  return `CREATE TABLE ${quoteName(table)} (${columns.join(', ')})`;
}

/** The query with every column cast to what the relation says, for a query whose own types differ (a sum is a HUGEINT). */
export function castSql(sql: string, relation: Relation, notes: boolean): string {
  const types = relation.columns.map(sqlType);
  if (notes) types.push('VARCHAR');
  const names = types.map((_, i) => `c${i}`);
  const casts = types.map((type, i) => `CAST(c${i} AS ${type})`);
  return `SELECT ${casts.join(', ')} FROM (${sql.trim().replace(/;$/, '')}\n) AS q(${names.join(', ')})`;
}
