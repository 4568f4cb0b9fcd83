import { escapeControls } from '#base';
import { cutToWidth, displayWidth, wrapToWidth } from '../format/width.ts';
import { tableCell } from './cell.ts';
import { fitted, folded, gap, indent, narrowest } from './fit.ts';
import { type Look, lookOf, painted } from './look.ts';
import type { Row, RowPrinter, TableHead } from './row.ts';
import type { Sink } from './sink.ts';

/** Rows whose widths decide the columns' widths; later rows are printed as they come. */
const measuredRows = 1000;
/** A longer cell is printed whole and pushes its own line only. */
const widestColumn = 120;
/** A row that would take more lines of the terminal has a line for each column instead. */
const mostLines = 3;

/** A cell's text, without the sequences that its look takes. */
interface Shown {
  readonly text: string;
  readonly look?: Look;
}

/**
 * `output` → `Table ID: output`, a header, columns separated by two spaces. On a terminal, texts that may be cut are cut to what fits (`…`). Rows that are
 * too wide for it are folded between two columns, as the header is, or have a line for each column.
 */
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
  /** Which columns go into each line of a row. */
  #lines: readonly (readonly number[])[] = [];
  /** Each row is so many lines with a column's title in each: the titles, and rows so far. */
  #records: { readonly titles: readonly Shown[]; count: number } | undefined;
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
    this.#records = undefined;
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
    if (this.#widths !== undefined) return this.#sink.write(this.#rowText(cells, this.#widths));
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
    this.#lines = [titles.map((_, i) => i)];
    if (this.#terminal !== undefined) {
      const floors = titles.map((text, i) => (cut[i] ? Math.max(narrowest, displayWidth(text)) : Infinity));
      const narrowed = fitted(widths, floors, this.#terminal);
      this.#lines = folded(narrowed, this.#terminal);
      if (this.#lines.length > mostLines) this.#records = { titles: titled, count: 0 };
      else widths = narrowed;
    }
    this.#cut = cut;
    this.#widths = widths;
    this.#waiting = [];
    const shown = this.#records === undefined ? lines : lines.slice(1);
    return this.#sink.write(shown.map((cells) => this.#rowText(cells, widths)).join(''));
  }

  #rowText(cells: readonly Shown[], widths: readonly number[]): string {
    if (this.#records !== undefined) return this.#record(cells, this.#records);
    return this.#lines.map((columns, i) => this.#line(columns, cells, widths, i === 0 ? 0 : indent)).join('');
  }

  /** The last text of a line goes on below itself, where the terminal is too narrow for it. */
  #line(columns: readonly number[], cells: readonly Shown[], widths: readonly number[], begin: number): string {
    // Blanks behind the last text are left out.
    const last = columns.findLastIndex((i) => cells[i]!.text !== '');
    let line = ' '.repeat(last < 0 ? 0 : begin);
    let at = begin;
    for (const i of columns.slice(0, last)) {
      const { text, look } = cells[i]!;
      const shown = this.#cut[i] ? cutToWidth(text, widths[i]!) : text;
      const width = displayWidth(shown);
      line += painted(shown, look) + ' '.repeat(Math.max(0, widths[i]! - width) + gap);
      at += Math.max(widths[i]!, width) + gap;
    }
    if (last < 0) return `${line}\n`;
    const i = columns[last]!;
    const { text, look } = cells[i]!;
    const room = (this.#terminal ?? Infinity) - at;
    if (this.#cut[i]) line += painted(cutToWidth(text, widths[i]!), look);
    else if (room < narrowest) line += painted(text.trimEnd(), look);
    else
      line += wrapToWidth(text.trimEnd(), room)
        .map((each) => painted(each.trimEnd(), look))
        .join(`\n${' '.repeat(at)}`);
    return `${line}\n`;
  }

  /** `── 3`, then each column's title with its value, which goes on below itself. */
  #record(cells: readonly Shown[], records: { readonly titles: readonly Shown[]; count: number }): string {
    const margin = Math.max(...records.titles.map(({ text }) => displayWidth(text))) + gap;
    let lines = `${painted(`── ${++records.count}`, this.#colours ? 'dim' : undefined)}\n`;
    for (const [i, { text, look }] of cells.entries()) {
      const heading = records.titles[i]!;
      const pieces = wrapToWidth(text.trimEnd(), Math.max(narrowest, this.#terminal! - margin));
      const blanks = ' '.repeat(pieces[0] === '' ? 0 : margin - displayWidth(heading.text));
      lines += `${painted(heading.text, heading.look)}${blanks}${painted(pieces[0]!.trimEnd(), look)}\n`;
      for (const piece of pieces.slice(1)) lines += `${' '.repeat(margin)}${painted(piece.trimEnd(), look)}\n`;
    }
    return lines;
  }
}

/** `time_` → `TIME`, `latency_ns` → `LATENCY NS`. */
export function title(name: string): string {
  return escapeControls(name).replace(/_+$/, '').replaceAll('_', ' ').toUpperCase();
}
