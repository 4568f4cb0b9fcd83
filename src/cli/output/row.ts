import type { ColumnType } from '#model';

export type OutputFormat = 'table' | 'json' | 'csv';
export const outputFormats: readonly OutputFormat[] = ['table', 'json', 'csv'];

export interface OutputColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Name of Pixie's semantic type, `ST_NONE` if there is nothing to say. */
  readonly semantic: string;
  /** A table that is wider than the terminal may cut it. */
  readonly cut?: true;
}

export interface TableHead {
  readonly name: string;
  readonly columns: readonly OutputColumn[];
  /** Shown as the first column, CLUSTERID, by the table format only. */
  readonly clusterId?: string;
}

/** INT64 (signed or not) and TIME64NS: bigint; FLOAT64: number; UINT128: UUID text; STRING: string; missing: null. */
export type Cell = null | boolean | bigint | number | string;

export interface Row {
  readonly cells: readonly Cell[];
  /** Column (or `column.path`) → why its value is missing or how it was cut. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Prints the tables of one command, one table after the other. */
export interface RowPrinter {
  begin(head: TableHead): void | Promise<void>;
  row(row: Row): void | Promise<void>;
  /** More rows may be long in coming: prints those that wait. */
  pause?(): void | Promise<void>;
  /** End of the table that `begin` started. */
  end(): void | Promise<void>;
}

/** Notes of a row from their JSON text; undefined for none. What is no object of texts is shown under the key `row`. */
export function parseNotes(json: string | null | undefined): Readonly<Record<string, string>> | undefined {
  if (!json) return undefined;
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { row: String(parsed) };
    const entries = Object.entries(parsed).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  } catch {
    return { row: json };
  }
}
