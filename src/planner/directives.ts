import { type Diagnostic, nearest } from '#base';

/** What comments of a script ask of the run: `#px:set key=value`, one blank, at the beginning of a line (Pixie's query_flags.go). */
export interface Directives {
  /** Rows of each output at most; undefined: all. */
  readonly mostRows?: bigint;
  readonly diagnostics: readonly Diagnostic[];
}

const keys = ['max_output_rows_per_table', 'explain', 'analyze'];

export function directivesOf(source: string): Directives {
  const diagnostics: Diagnostic[] = [];
  let mostRows: bigint | undefined;
  let start = 0;
  source.split('\n').forEach((line, i) => {
    const text = line.trimEnd();
    const match = /^#px:set (\S+?)=(\S*)$/.exec(text);
    if (match) {
      const [, key, value] = match as unknown as [string, string, string];
      const span = { start, end: start + text.length, line: i + 1, column: 1 };
      if (!keys.includes(key)) {
        const near = nearest(key, keys);
        const hints = [`it has: ${keys.join(', ')}`];
        if (near.length > 0) hints.unshift(`did you mean ${near[0]}?`);
        diagnostics.push({ id: 'pxl.directive', message: `#px:set has no '${key}'`, span, hints });
      } else if (key !== 'max_output_rows_per_table') {
        if (!/^(true|false)$/.test(value)) {
          diagnostics.push({ id: 'pxl.directive', message: `#px:set ${key} is true or false, not '${value}'`, span });
        }
      } else if (/^[1-9]\d{0,17}$/.test(value)) mostRows = BigInt(value);
      else
        diagnostics.push({ id: 'pxl.directive', message: `#px:set ${key} is a number above 0, not '${value}'`, span });
    }
    start += line.length + 1;
  });
  return { diagnostics, ...(mostRows === undefined ? {} : { mostRows }) };
}
