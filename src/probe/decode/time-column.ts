import type { GrowingColumn } from '#model';
import type { Notes } from './notes.ts';

/** RFC 3339 as Go writes it: seconds, fraction, offset. */
const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

const most = 2n ** 63n - 1n;

/**
 * Appends a `time.Time` to a column of times: nanoseconds since 1970. `text` is its JSON form, what is missing in it is noted already. What such a column
 * has no place for goes into the notes: the zone's offset, the monotonic reading, and all of a time that is too far from 1970.
 */
export function writeTime(column: GrowingColumn, text: string, name: string, notes: Notes): void {
  const value: unknown = JSON.parse(text);
  if (value === null) {
    column.missing();
    return;
  }
  const time = typeof value === 'string' ? value : (value as { time?: unknown }).time;
  const match = typeof time === 'string' ? form.exec(time) : null;
  if (match === null) {
    column.missing();
    notes.missing(name, `a column of times has no place for ${text}`);
    return;
  }
  const [, whole, fraction = '', zone] = match;
  const ns = BigInt(Date.parse(`${whole}${zone}`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (ns > most || ns < -most) {
    column.missing();
    notes.missing(name, `${time}: a column of times has the years 1678 to 2262`);
    return;
  }
  column.int(ns);
  if (zone !== 'Z') notes.add(`${name}.zone`, zone!);
  // All its digits.
  const monotonic = /"monotonic_ns":(-?\d+)/.exec(text)?.[1];
  if (monotonic !== undefined) notes.add(`${name}.monotonic_ns`, monotonic);
}
