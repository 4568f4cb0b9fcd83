import { type Diagnostic, nearest } from '#base';
import { type CaptureLimits, limitSettings } from '#model';

/** What comments of a script ask of the run: `#px:set key=value`, one blank, at the beginning of a line (Pixie's query_flags.go). */
export interface Directives {
  /** Rows of each output at most; undefined: all. */
  readonly mostRows?: bigint;
  /** What of values is captured, where the script says other than the defaults. */
  readonly limits: Partial<CaptureLimits>;
  /** Its tracepoints stay whatever they cost. */
  readonly noBudget: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

const limitKeys = new Map(
  Object.entries(limitSettings).map(([limit, setting]) => [setting.directive, { ...setting, limit }]),
);
const keys = ['max_output_rows_per_table', 'explain', 'analyze', 'no_budget', ...limitKeys.keys()];

export function directivesOf(source: string): Directives {
  const diagnostics: Diagnostic[] = [];
  let mostRows: bigint | undefined;
  const limits: Record<string, number> = {};
  let noBudget = false;
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
      } else if (limitKeys.has(key)) {
        const { limit, least, most } = limitKeys.get(key)!;
        if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) limits[limit] = Number(value);
        else {
          const message = `#px:set ${key} is a number from ${least} to ${most}, not '${value}'`;
          diagnostics.push({ id: 'pxl.directive', message, span });
        }
      } else if (key !== 'max_output_rows_per_table') {
        if (!/^(true|false)$/.test(value)) {
          diagnostics.push({ id: 'pxl.directive', message: `#px:set ${key} is true or false, not '${value}'`, span });
        } else if (key === 'no_budget') noBudget = value === 'true';
      } else if (/^[1-9]\d{0,17}$/.test(value)) mostRows = BigInt(value);
      else
        diagnostics.push({ id: 'pxl.directive', message: `#px:set ${key} is a number above 0, not '${value}'`, span });
    }
    start += line.length + 1;
  });
  return { diagnostics, limits, noBudget, ...(mostRows === undefined ? {} : { mostRows }) };
}
