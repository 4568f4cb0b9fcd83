import type { Row, RowPrinter, TableHead } from '../output/row.ts';

/** Rows of one table that are kept; the newest ones, since px live is about what happens now. */
export const mostRows = 20_000;

export interface LiveTable {
  readonly head: TableHead;
  readonly rows: Row[];
  /** All rows that came, also those that are not kept. */
  count: number;
}

/** Keeps the tables of one run in memory. */
export class TableCollector implements RowPrinter {
  readonly tables: LiveTable[] = [];
  #current: LiveTable | undefined;
  readonly #grown: () => void;

  /** `grown` is called after each row. */
  constructor(grown: () => void) {
    this.#grown = grown;
  }

  begin(head: TableHead): void {
    // A stream's table is begun again and again.
    this.#current = this.tables.find((table) => table.head.name === head.name);
    if (this.#current !== undefined) return;
    this.#current = { head, rows: [], count: 0 };
    this.tables.push(this.#current);
  }

  row(row: Row): void {
    const { rows } = this.#current!;
    rows.push(row);
    this.#current!.count++;
    if (rows.length > 2 * mostRows) rows.splice(0, rows.length - mostRows);
    this.#grown();
  }

  end(): void {
    const { rows } = this.#current!;
    if (rows.length > mostRows) rows.splice(0, rows.length - mostRows);
  }
}
