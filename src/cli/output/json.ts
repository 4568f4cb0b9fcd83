import { jsonString } from '#base';
import { rfc3339Utc } from '../format/time.ts';
import type { Cell, OutputColumn, Row, RowPrinter, TableHead } from './row.ts';
import type { Sink } from './sink.ts';

/**
 * One object a line: `_tableName_`, the columns in their order, then `notes_` if the row has any. Integers are exact (also beyond
 * 2^53), times RFC 3339 in UTC with nanoseconds, missing values null, NaN and the infinities the strings "NaN", "+Inf", "-Inf".
 */
export class JsonPrinter implements RowPrinter {
  readonly #sink: Sink;
  #columns: readonly OutputColumn[] = [];
  #keys: readonly string[] = [];
  #prefix = '';

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  begin(head: TableHead): void {
    this.#columns = head.columns;
    this.#keys = head.columns.map((column) => `,${jsonString(column.name)}:`);
    this.#prefix = `{"_tableName_":${jsonString(head.name)}`;
  }

  row(row: Row): void | Promise<void> {
    let text = this.#prefix;
    for (let i = 0; i < this.#columns.length; i++) text += this.#keys[i]! + jsonCell(this.#columns[i]!, row.cells[i]!);
    if (row.notes !== undefined) text += `,"notes_":${notesJson(row.notes)}`;
    return this.#sink.write(`${text}}\n`);
  }

  end(): void {}
}

export function notesJson(notes: Readonly<Record<string, string>>): string {
  return `{${Object.entries(notes)
    .map(([key, note]) => `${jsonString(key)}:${jsonString(note)}`)
    .join(',')}}`;
}

export function jsonCell(column: OutputColumn, value: Cell): string {
  switch (typeof value) {
    case 'string':
      return jsonString(value);
    case 'bigint':
      return column.type === 'TIME64NS' ? `"${rfc3339Utc(value)}"` : String(value);
    case 'number':
      if (Number.isNaN(value)) return '"NaN"';
      if (!Number.isFinite(value)) return value > 0 ? '"+Inf"' : '"-Inf"';
      return Object.is(value, -0) ? '-0' : String(value);
    default:
      return String(value);
  }
}
