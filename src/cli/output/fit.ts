/** Between two columns. */
export const gap = 2;

/** What a column that may be cut is not cut below. */
export const narrowest = 20;

/**
 * Column widths with which a row fits into one line of a terminal, or into as few as it takes when every column is as narrow as it may
 * be. The widest columns give way first.
 */
export function fitted(widths: readonly number[], floors: readonly number[], terminal: number): number[] {
  const capped = (cap: number) => widths.map((width, i) => Math.min(width, Math.max(floors[i]!, cap)));
  const total = (cap: number) => capped(cap).reduce((sum, width) => sum + width, gap * (widths.length - 1));
  const budget = terminal * Math.ceil(total(0) / terminal);
  let low = 0;
  let high = Math.max(0, ...widths);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (total(middle) <= budget) low = middle;
    else high = middle - 1;
  }
  return capped(low);
}
