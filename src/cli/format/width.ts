import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
let stringWidth: ((text: string) => number) | undefined;

/** Printable Latin-1 and the few signs that our own output uses: one column each. */
const narrow = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u00ff—…→✔✕]*$/;

/** Columns that a text without control characters takes on a terminal. The package is loaded at the first text that needs it (25 ms). */
export function displayWidth(text: string): number {
  if (narrow.test(text)) return text.length;
  stringWidth ??= (load('string-width') as { default: (text: string) => number }).default;
  return stringWidth(text);
}

/** The text, or as much of it as leaves room for `…` within `width` columns. Never half a character as people see it. */
export function cutToWidth(text: string, width: number): string {
  if (text.length <= width && narrow.test(text)) return text;
  if (displayWidth(text) <= width) return text;
  let room = width - 1;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    room -= displayWidth(segment);
    if (room < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/**
 * The text in lines of at most `width` columns, broken behind a blank where the line is half full by then; one that is empty has one line. Never half a
 * character as people see it.
 */
export function wrapToWidth(text: string, width: number): string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  let taken = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const wide = displayWidth(segment);
    if (taken + wide > width && line !== '') {
      const blank = segment === ' ' ? line.length : line.lastIndexOf(' ') + 1;
      const end = blank * 2 > line.length ? blank : line.length;
      lines.push(line.slice(0, end));
      line = line.slice(end);
      taken = displayWidth(line);
      // The blank behind a full line belongs to it.
      if (segment === ' ' && line === '') {
        lines[lines.length - 1] += segment;
        continue;
      }
    }
    line += segment;
    taken += wide;
  }
  return line === '' ? lines : [...lines, line];
}
