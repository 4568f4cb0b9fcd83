import { escapeControls } from '#base';
import { rfc3339Utc } from '../format/time.ts';
import { notesJson } from './json.ts';
import type { Cell, OutputColumn, Row, RowPrinter, TableHead } from './row.ts';
import type { Sink } from './sink.ts';

/** Rows looked at before the header is written: if one of them has notes, the table gets a last column `notes_`. */
const firstRows = 1000;

/**
 * RFC 4180 with `\n` line ends: `table_id` first, values as in JSON. A missing value is an empty field, an empty string is `""`.
 * Rows with notes that come after a header without `notes_` are counted in `untold`.
 */
export class CsvPrinter implements RowPrinter {
  readonly #sink: Sink;
  readonly #terminal: boolean;
  #head: TableHead | undefined;
  #waiting: Row[] = [];
  #notes: boolean | undefined;
  /** Rows whose notes found no column. */
  untold = 0;

  /** `terminal`: control characters are escaped, for a person is looking. */
  constructor(sink: Sink, terminal = false) {
    this.#sink = sink;
    this.#terminal = terminal;
  }

  begin(head: TableHead): void {
    this.#head = head;
    this.#waiting = [];
    this.#notes = undefined;
  }

  row(row: Row): void | Promise<void> {
    if (this.#notes !== undefined) return this.#sink.write(this.#line(row));
    this.#waiting.push(row);
    if (this.#waiting.length === firstRows) return this.#printWaiting();
  }

  end(): void | Promise<void> {
    if (this.#notes === undefined) return this.#printWaiting();
  }

  #printWaiting(): void | Promise<void> {
    this.#notes = this.#waiting.some((row) => row.notes !== undefined);
    const names = ['table_id', ...this.#head!.columns.map((column) => column.name), ...(this.#notes ? ['notes_'] : [])];
    const text = `${names.map((name) => this.#quoted(name)).join(',')}\n${this.#waiting.map((row) => this.#line(row)).join('')}`;
    this.#waiting = [];
    return this.#sink.write(text);
  }

  #line(row: Row): string {
    let text = this.#quoted(this.#head!.name);
    this.#head!.columns.forEach((column, i) => {
      text += `,${this.#field(column, row.cells[i]!)}`;
    });
    if (this.#notes) text += `,${row.notes === undefined ? '' : this.#quoted(notesJson(row.notes))}`;
    else if (row.notes !== undefined) this.untold++;
    return `${text}\n`;
  }

  #field(column: OutputColumn, value: Cell): string {
    if (value === null) return '';
    if (value === '') return '""';
    if (typeof value === 'string') return this.#quoted(value);
    if (typeof value === 'bigint' && column.type === 'TIME64NS') return rfc3339Utc(value);
    return Object.is(value, -0) ? '-0' : String(value);
  }

  #quoted(text: string): string {
    const shown = this.#terminal ? escapeControls(text) : text;
    return /[",\r\n]|^\s|\s$/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
  }
}
