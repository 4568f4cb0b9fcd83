import { tableCell } from '../output/cell.ts';
import type { Cell, OutputColumn, Row } from '../output/row.ts';

/**
 * The rows that a filter leaves. Words stand for rows in which a cell shows them, whatever the case; `column=text`, `column!=text`, `column>5`,
 * `column<5` look at one column. All of them must hold.
 */
export function filtered(columns: readonly OutputColumn[], rows: readonly Row[], filter: string): readonly Row[] {
  const tests = filter
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => testOf(columns, word));
  return tests.length === 0 ? rows : rows.filter((row) => tests.every((test) => test(row)));
}

type Test = (row: Row) => boolean;

function testOf(columns: readonly OutputColumn[], word: string): Test {
  const [, name = '', operator, wanted = ''] = /^([^=!<>]+)(!=|=|<|>)(.*)$/.exec(word) ?? [];
  const at = columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
  if (operator === undefined || at < 0) {
    const text = word.toLowerCase();
    return (row) => columns.some((_, i) => shown(columns, row, i).includes(text));
  }
  if (operator === '<' || operator === '>') {
    const limit = Number(wanted);
    return (row) => {
      const value = row.cells[at]!;
      if (typeof value !== 'bigint' && typeof value !== 'number') return false;
      return operator === '<' ? Number(value) < limit : Number(value) > limit;
    };
  }
  const text = wanted.toLowerCase();
  const equal = (row: Row) => String(row.cells[at]).toLowerCase() === text || shown(columns, row, at) === text;
  return operator === '=' ? equal : (row) => !equal(row);
}

function shown(columns: readonly OutputColumn[], row: Row, i: number): string {
  return tableCell(columns[i]!, row.cells[i]!, row.notes).toLowerCase();
}

/** A column's order over the rows; missing values last, in both directions. */
export function sorted(rows: readonly Row[], column: number, descending: boolean): readonly Row[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => compared(a.cells[column]!, b.cells[column]!, sign));
}

function compared(a: Cell, b: Cell, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return sign * (a < b ? -1 : a > b ? 1 : 0);
}
