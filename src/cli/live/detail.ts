import { escapeControls } from '#base';
import { cutToWidth } from '../format/width.ts';
import { jsonCell } from '../output/json.ts';
import type { OutputColumn, Row } from '../output/row.ts';

/** A row as indented JSON, its columns in order; a text that is JSON itself is laid out too, with its own digits. */
export function rowLines(columns: readonly OutputColumn[], row: Row, width: number): string[] {
  const members = columns.map((column, i): [string, unknown] => [column.name, valueOfCell(column, row.cells[i]!)]);
  const whole = Object.fromEntries(row.notes === undefined ? members : [...members, ['notes_', row.notes]]);
  return JSON.stringify(whole, null, 2)
    .split('\n')
    .flatMap((line) => folded(escapeControls(line), width));
}

function valueOfCell(column: OutputColumn, cell: Row['cells'][number]): unknown {
  if (typeof cell === 'string' && /^\s*[[{]/.test(cell)) {
    try {
      return withDigits(cell);
    } catch {
      return cell;
    }
  }
  return withDigits(jsonCell(column, cell));
}

/** Parses JSON so that stringifying it again gives the numbers as they were written. */
function withDigits(json: string): unknown {
  const parse = JSON.parse as (
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ) => unknown;
  const raw = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
  return parse(json, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? raw(source) : value,
  );
}

/** Lines no wider than the screen: nothing of a row is hidden. */
function folded(line: string, width: number): string[] {
  const indent = /^ */.exec(line)![0].length + 2;
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width && width > indent + 10) {
    const piece = cutToWidth(rest, width).replace(/…$/, '');
    lines.push(piece);
    rest = ' '.repeat(indent) + rest.slice(piece.length);
  }
  return [...lines, rest];
}
