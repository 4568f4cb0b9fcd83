/** Between two columns. */
export const gap = 2;

/** Before what goes on with a row in its next line. */
export const indent = 2;

/** What a column that may be cut is not cut below. */
export const narrowest = 20;

/** Which columns go into each line of a row on a terminal: as many as fit, and one at least. */
export function folded(widths: readonly number[], terminal: number): number[][] {
  const lines: number[][] = [[]];
  let taken = 0;
  for (const [i, width] of widths.entries()) {
    if (lines.at(-1)!.length > 0 && taken + gap + width > terminal) {
      lines.push([]);
      taken = indent;
    } else if (lines.at(-1)!.length > 0) taken += gap;
    lines.at(-1)!.push(i);
    taken += width;
  }
  return lines;
}

/**
 * Column widths with which a row takes one line of a terminal, or as few as it takes when every column is as narrow as it may
 * be. The widest columns give way first.
 */
export function fitted(widths: readonly number[], floors: readonly number[], terminal: number): number[] {
  const capped = (cap: number) => widths.map((width, i) => Math.min(width, Math.max(floors[i]!, cap)));
  const lines = (cap: number) => folded(capped(cap), terminal).length;
  const fewest = lines(0);
  let low = 0;
  let high = Math.min(Math.max(0, ...widths), terminal - indent);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lines(middle) <= fewest) low = middle;
    else high = middle - 1;
  }
  return capped(low);
}
