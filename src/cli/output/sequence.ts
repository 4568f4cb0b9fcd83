import type { Row, RowPrinter, TableHead } from './row.ts';

interface Table {
  readonly head: TableHead;
  readonly waiting: Row[];
  ended: boolean;
}

/**
 * Puts tables whose rows come interleaved one behind the other: the first announced one streams, the others wait for it. `endless` tables
 * cannot wait for each other: they are begun anew whenever another has had rows.
 */
export class TableSequence {
  readonly #printer: RowPrinter;
  readonly #tables = new Map<string, Table>();
  readonly #queue: Table[] = [];
  /** Tables begun so far. */
  count = 0;

  readonly #endless: boolean;

  constructor(printer: RowPrinter, endless = false) {
    this.#printer = printer;
    this.#endless = endless;
  }

  async announce(id: string, head: TableHead): Promise<void> {
    const table = { head, waiting: [], ended: false };
    this.#tables.set(id, table);
    this.#queue.push(table);
    this.count++;
    if (this.#queue.length === 1) await this.#printer.begin(head);
  }

  /** False when no such table was announced. */
  async rows(id: string, rows: Iterable<Row>): Promise<boolean> {
    const table = this.#tables.get(id);
    if (table === undefined) return false;
    if (this.#queue[0] !== table && this.#endless) {
      await this.#printer.end();
      this.#queue.splice(this.#queue.indexOf(table), 1);
      this.#queue.unshift(table);
      await this.#printer.begin(table.head);
    } else if (this.#queue[0] !== table) {
      for (const row of rows) table.waiting.push(row);
      return true;
    }
    for (const row of rows) {
      const slow = this.#printer.row(row);
      if (slow !== undefined) await slow;
    }
    return true;
  }

  async end(id: string): Promise<void> {
    const table = this.#tables.get(id);
    if (table === undefined || table.ended) return;
    table.ended = true;
    if (this.#queue[0] === table) await this.#next();
  }

  /** Ends what the server left open. */
  async finish(): Promise<void> {
    for (const table of this.#queue) table.ended = true;
    if (this.#queue.length > 0) await this.#next();
  }

  async #next(): Promise<void> {
    await this.#printer.end();
    this.#queue.shift();
    for (let table = this.#queue[0]; table !== undefined; table = this.#queue[0]) {
      await this.#printer.begin(table.head);
      for (const row of table.waiting.splice(0)) await this.#printer.row(row);
      if (!table.ended) return;
      await this.#printer.end();
      this.#queue.shift();
    }
  }
}
