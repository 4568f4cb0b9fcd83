/** A section of which only the asked-for parts are read. `bytes` has the section's full size; a part is valid after `need`. */
export interface SectionWindow {
  readonly bytes: Uint8Array;
  /** Makes [start, end) valid. What lies outside of the section is ignored. */
  need(start: number, end: number): void;
}

/** A window whose parts begin at `starts` (ascending, the first 0); `load` gives the bytes of [start, end), a whole number of parts. */
export function partialWindow(
  size: number,
  starts: ArrayLike<number>,
  load: (part: number, start: number, end: number) => Uint8Array,
): SectionWindow {
  // Zero pages that nobody touches take no memory.
  const bytes = new Uint8Array(size);
  const loaded = new Uint8Array(starts.length);
  const partOf = (offset: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return {
    bytes,
    need(start, end) {
      const to = Math.min(end, size);
      if (start >= to || starts.length === 0) return;
      for (let part = partOf(Math.max(0, start)); part < starts.length && starts[part]! < to; part++) {
        if (loaded[part] !== 0) continue;
        const from = starts[part]!;
        bytes.set(load(part, from, Math.min(size, starts[part + 1] ?? size)), from);
        loaded[part] = 1;
      }
    },
  };
}

/** A window over bytes that are there already. */
export function wholeWindow(bytes: Uint8Array): SectionWindow {
  return { bytes, need() {} };
}
