import { escapeControls } from '../format/escape.ts';
import { cutToWidth, displayWidth } from '../format/width.ts';
import { tableCell } from './cell.ts';
import { fitted, gap, narrowest } from './fit.ts';
import type { Row, RowPrinter, TableHead } from './row.ts';
import type { Sink } from './sink.ts';

/** Rows whose widths decide the columns' widths; later rows are printed as they come. */
const measuredRows = 1000;
/** A longer cell is printed whole and pushes its own line only. */
const widestColumn = 120;

/** `output` → `Table ID: output`, a header, columns separated by two spaces. On a terminal, long texts are cut to what fits (`…`). */
export class TablePrinter implements RowPrinter {
  readonly #sink: Sink;
  readonly #titled: boolean;
  readonly #terminal: number | undefined;
  #head: TableHead | undefined;
  #waiting: string[][] = [];
  #widths: number[] | undefined;
  /** Columns whose cells are cut to their width. */
  #cut: readonly boolean[] = [];
  #tables = 0;

  /** `titled`: each table begins with its `Table ID` line. `terminal`: its width, if a person reads. */
  constructor(sink: Sink, titled = true, terminal?: number) {
    this.#sink = sink;
    this.#titled = titled;
    this.#terminal = terminal;
  }

  begin(head: TableHead): void | Promise<void> {
    this.#head = head;
    this.#waiting = [];
    this.#widths = undefined;
    const gap = this.#tables++ > 0 ? '\n' : '';
    if (this.#titled) return this.#sink.write(`${gap}Table ID: ${escapeControls(head.name)}\n`);
  }

  row(row: Row): void | Promise<void> {
    const head = this.#head!;
    const cells = head.columns.map((column, i) => tableCell(column, row.cells[i]!, row.notes));
    if (row.notes?.row !== undefined && !head.columns.some((column) => column.name === 'row')) {
      cells[cells.length - 1] += ` <${escapeControls(row.notes.row)}>`;
    }
    if (head.clusterId !== undefined) cells.unshift(head.clusterId);
    if (this.#widths !== undefined) return this.#sink.write(this.#line(cells, this.#widths));
    this.#waiting.push(cells);
    if (this.#waiting.length === measuredRows) return this.#printWaiting();
  }

  end(): void | Promise<void> {
    if (this.#widths === undefined) return this.#printWaiting();
  }

  #printWaiting(): void | Promise<void> {
    const head = this.#head!;
    const titles = head.columns.map((column) => title(column.name));
    if (head.clusterId !== undefined) titles.unshift('CLUSTERID');
    const lines = [titles, ...this.#waiting];
    const cut = head.columns.map((column) => this.#terminal !== undefined && column.cut === true);
    if (head.clusterId !== undefined) cut.unshift(false);
    let widths = titles.map((_, i) =>
      lines.reduce((widest, cells) => {
        const width = displayWidth(cells[i]!);
        return width > widest && (cut[i] || width <= widestColumn) ? width : widest;
      }, 0),
    );
    if (this.#terminal !== undefined) {
      const floors = titles.map((text, i) => (cut[i] ? Math.max(narrowest, displayWidth(text)) : Infinity));
      widths = fitted(widths, floors, this.#terminal);
    }
    this.#cut = cut;
    this.#widths = widths;
    this.#waiting = [];
    return this.#sink.write(lines.map((cells) => this.#line(cells, widths)).join(''));
  }

  #line(cells: readonly string[], widths: readonly number[]): string {
    let text = '';
    for (let i = 0; i < cells.length; i++) {
      const cell = this.#cut[i] ? cutToWidth(cells[i]!, widths[i]!) : cells[i]!;
      text += i === cells.length - 1 ? cell : cell + ' '.repeat(Math.max(0, widths[i]! - displayWidth(cell)) + gap);
    }
    return `${text.trimEnd()}\n`;
  }
}

/** `time_` → `TIME`, `latency_ns` → `LATENCY NS`. */
export function title(name: string): string {
  return escapeControls(name).replace(/_+$/, '').replaceAll('_', ' ').toUpperCase();
}
