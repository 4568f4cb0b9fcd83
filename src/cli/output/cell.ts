import { escapeControls } from '#base';
import { type GoText, goValue } from '#model';
import { readableBytes } from '../format/bytes.ts';
import { readableDuration } from '../format/duration.ts';
import { rfc3339Local } from '../format/time.ts';
import type { Cell, OutputColumn, Row } from './row.ts';

/** One cell as the table shows it: readable units, control characters escaped, missing and cut values marked. */
export function tableCell(column: OutputColumn, value: Cell, notes: Row['notes']): string {
  const note = notes?.[column.name];
  const structured = typeof value === 'string' && goMembers.test(value);
  const structure = structured ? goValue(value, column.name, notes) : undefined;
  const parts = notes === undefined ? [] : pathNotes(column.name, notes, structure);
  if (value === null) {
    const shown = note === undefined ? '—' : missing(note);
    return parts.length === 0 ? shown : `${shown} ${parts.join(' ')}`;
  }
  let text = structure?.text ?? readable(column, value);
  if (note !== undefined) text += cutMark(note, value);
  return parts.length === 0 ? text : `${text} ${parts.join(' ')}`;
}

/** `<not captured: nil pointer>`; a note that says so itself is not told twice. */
export function missing(note: string): string {
  return `<not captured: ${escapeControls(note.replace(/^not captured:?\s*/i, ''))}>`;
}

/** `…(512 of 9000 B)` for a cut string, ` <note>` for anything else that is to be told of a value; both if there is more to tell. */
export function cutMark(note: string, value: Cell): string {
  // The decoder's words: `truncated from 9000 bytes`, then perhaps `; …` about the bytes that are no text.
  const cut = /^truncated from (\d+) bytes(?: \(limit [^)]*\))?(?:; (.*))?$/s.exec(note);
  if (cut === null || typeof value !== 'string') return ` <${escapeControls(note)}>`;
  const [, size, more] = cut;
  if (more !== undefined) return `…(of ${size} B) <${escapeControls(more)}>`;
  return `…(${Buffer.byteLength(value)} of ${size} B)`;
}

/** Members that no field of Go, and hardly any other text, has: a value in the form of `docs/values.md` with a pointer or an interface in it. */
const goMembers = /^[[{].*"(?:&":"0x|\(type\)":")/s;

function pathNotes(column: string, notes: NonNullable<Row['notes']>, shown: GoText | undefined): string[] {
  return Object.entries(notes)
    .filter(([key]) => (key.startsWith(`${column}.`) || key.startsWith(`${column}[`)) && !shown?.tells(key))
    .map(([key, note]) => `<${escapeControls(key.slice(column.length).replace(/^\./, ''))}: ${escapeControls(note)}>`);
}

function readable(column: OutputColumn, value: Exclude<Cell, null>): string {
  if (typeof value === 'string')
    return (column.semantic === 'ST_DURATION_NS_QUANTILES' && durationQuantiles(value)) || escapeControls(value);
  if (typeof value === 'boolean') return String(value);
  if (column.type === 'TIME64NS') return rfc3339Local(BigInt(value));
  if (column.semantic === 'ST_DURATION_NS') return readableDuration(value);
  if (column.semantic === 'ST_BYTES') return readableBytes(value);
  if (column.semantic === 'ST_PERCENT' && typeof value === 'number') return `${(value * 100).toFixed(2)} %`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** `p50: 1.0 µs, p99: 2.5 ms`, as Pixie's px shows them. Undefined: it is another text, of a script's own making. */
function durationQuantiles(json: string): string | undefined {
  const members = [...json.matchAll(/"(p\d+)":(-?\d[\d.e+-]*|null)(?=[,}])/g)];
  if (json !== `{${members.map(([text]) => text).join(',')}}`) return undefined;
  return members.map(([, name, ns]) => `${name}: ${ns === 'null' ? '—' : readableDuration(Number(ns))}`).join(', ');
}
