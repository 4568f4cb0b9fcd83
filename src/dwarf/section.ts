/**
 * A debug section. Where it comes from an index, `bytes` is full-size but filled only in part: `need` makes
 * [start, end) valid before it is read. Of a section that is there as a whole, `need` does nothing.
 */
export interface DebugSection {
  readonly bytes: Uint8Array;
  need(start: number, end: number): void;
}

/** Sections by name without the leading dot's variants: `.debug_info`, …. Called when a section is wanted first. */
export type SectionLookup = (name: string) => DebugSection | undefined;

/** A section whose bytes are all there. */
export function wholeSection(bytes: Uint8Array): DebugSection {
  return { bytes, need() {} };
}
