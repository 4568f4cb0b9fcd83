import { escapeControls } from '../format/escape.ts';
import { cutToWidth, displayWidth } from '../format/width.ts';
import { tableCell } from './cell.ts';
import { fitted, gap, narrowest } from './fit.ts';
import { type Look, lookOf, painted } from './look.ts';
import type { Row, RowPrinter, TableHead } from './row.ts';
import type { Sink } from './sink.ts';

/** Rows whose widths decide the columns' widths; later rows are printed as they come. */
const measuredRows = 1000;
/** A longer cell is printed whole and pushes its own line only. */
const widestColumn = 120;

/** A cell's text, without the sequences that its look takes. */
interface Shown {
  readonly text: string;
  readonly look?: Look;
}

/** `output` → `Table ID: output`, a header, columns separated by two spaces. On a terminal, long texts are cut to what fits (`…`). */
export class TablePrinter implements RowPrinter {
  readonly #sink: Sink;
  readonly #titled: boolean;
  readonly #terminal: number | undefined;
  readonly #colours: boolean;
  #head: TableHead | undefined;
  #waiting: Shown[][] = [];
  #widths: number[] | undefined;
  /** Columns whose cells are cut to their width. */
  #cut: readonly boolean[] = [];
  #tables = 0;

  /** `titled`: each table begins with its `Table ID` line. `terminal`: its width, if a person reads. */
  constructor(sink: Sink, titled = true, terminal?: number, colours = false) {
    this.#sink = sink;
    this.#titled = titled;
    this.#terminal = terminal;
    this.#colours = colours;
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
    const ofRow =
      row.notes?.row !== undefined && !head.columns.some((column) => column.name === 'row')
        ? ` <${escapeControls(row.notes.row)}>`
        : '';
    const cells = head.columns.map((column, i): Shown => {
      const text = tableCell(column, row.cells[i]!, row.notes) + (i === head.columns.length - 1 ? ofRow : '');
      const look = this.#colours ? lookOf(column, row.cells[i]!) : undefined;
      return look === undefined ? { text } : { text, look };
    });
    if (head.clusterId !== undefined) cells.unshift({ text: head.clusterId });
    if (this.#widths !== undefined) return this.#sink.write(this.#line(cells, this.#widths));
    this.#waiting.push(cells);
    if (this.#waiting.length === measuredRows) return this.#printWaiting();
  }

  pause(): void | Promise<void> {
    if (this.#widths === undefined) return this.#printWaiting();
  }

  end(): void | Promise<void> {
    if (this.#widths === undefined) return this.#printWaiting();
  }

  #printWaiting(): void | Promise<void> {
    const head = this.#head!;
    const titles = head.columns.map((column) => title(column.name));
    if (head.clusterId !== undefined) titles.unshift('CLUSTERID');
    const titled = titles.map((text): Shown => (this.#colours ? { text, look: 'title' } : { text }));
    const lines = [titled, ...this.#waiting];
    const cut = head.columns.map((column) => this.#terminal !== undefined && column.cut === true);
    if (head.clusterId !== undefined) cut.unshift(false);
    let widths = titles.map((_, i) =>
      lines.reduce((widest, cells) => {
        const width = displayWidth(cells[i]!.text);
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

  #line(cells: readonly Shown[], widths: readonly number[]): string {
    // Blanks behind the last text are left out.
    const last = cells.findLastIndex(({ text }) => text !== '');
    let line = '';
    for (let i = 0; i <= last; i++) {
      const { text, look } = cells[i]!;
      const shown = this.#cut[i] ? cutToWidth(text, widths[i]!) : i === last ? text.trimEnd() : text;
      line += painted(shown, look);
      if (i < last) line += ' '.repeat(Math.max(0, widths[i]! - displayWidth(shown)) + gap);
    }
    return `${line}\n`;
  }
}

/** `time_` → `TIME`, `latency_ns` → `LATENCY NS`. */
export function title(name: string): string {
  return escapeControls(name).replace(/_+$/, '').replaceAll('_', ' ').toUpperCase();
}
