/** A place in a source text: offsets in UTF-16 units, end exclusive; line and column of the start, both from 1. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** What a user did wrong, said so that it can be mended. Returned in lists, never thrown from the depths. */
export interface Diagnostic {
  /** Stable id, dotted: `pxl.syntax`, `pxl.unknown-name`, `probe.no-such-function`. */
  readonly id: string;
  /** One sentence or two: what is wrong and where. No trailing candidates: those go in `hints`. */
  readonly message: string;
  /** Undefined when the fault has no place in a script (a UPID given on the command line). */
  readonly span?: Span;
  /** What is near it and what to do: `did you mean main.computeE?`, one line each. */
  readonly hints?: readonly string[];
}

/** A longer line is cut to this many UTF-16 units, around the fault. */
const longestLine = 160;
/** What a terminal shows two columns wide (East Asian Width W and F, emoji), and what it shows in the column before. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/gu;
const joined = /[\p{Mn}\p{Me}]|[\u200b-\u200d]/gu;

/** The offending line with a caret under the span: two lines, no trailing newline. A long line is cut on both sides. */
export function excerpt(source: string, span: Span): string {
  const line = source.split('\n')[span.line - 1]?.replace(/\r$/, '') ?? '';
  const at = span.column - 1;
  const from = line.length <= longestLine ? 0 : Math.max(0, Math.min(at - longestLine / 2, line.length - longestLine));
  const shown = line.slice(from, from + longestLine).replaceAll('\t', ' ');
  const [before, after] = [from > 0 ? '…' : '', from + shown.length < line.length ? '…' : ''];
  const marked = shown.slice(at - from, Math.max(at + 1, at + span.end - span.start) - from);
  const caret = '^'.repeat(Math.max(1, columnsOf(marked).length));
  return `${before}${shown}${after}\n${columnsOf(before + shown.slice(0, at - from))}${caret}`;
}

/** As many spaces as a text takes columns. */
function columnsOf(text: string): string {
  return text.replace(joined, '').replace(wide, '  ').replace(/[^ ]/gu, ' ');
}

/** The diagnostic at a place, unless it has one of its own. */
export function placed(diagnostic: Diagnostic, span: Span | undefined): Diagnostic {
  return diagnostic.span !== undefined || span === undefined ? diagnostic : { ...diagnostic, span };
}
