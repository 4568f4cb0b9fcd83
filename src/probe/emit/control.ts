import { control } from '../types.ts';

/** Offset in the control value, bytes, of a word of a probe. */
export function controlOffset(
  probe: number,
  word: 'hits' | 'entryDrops' | 'returnDrops' | 'undecided' | 'skipped',
): number {
  return 8 * (1 + control.wordsPerProbe * probe + control[word]);
}

/** Offset in the control value, bytes, of the count of dropped recovery and Goexit events. */
export function unwindDropsOffset(probes: number): number {
  return 8 * (1 + control.wordsPerProbe * probes);
}

/** Offset in the control value, bytes, of the nanoseconds that hits have waited for their float registers to be saved, or for pages. */
export function waitedNsOffset(probes: number): number {
  return unwindDropsOffset(probes) + 8;
}

/** Offset in the control value, bytes, of the count of dropped events of all probes and kinds: counted only where calls have a place in a tree. */
export function allDropsOffset(probes: number): number {
  return waitedNsOffset(probes) + 8;
}

/** Offset in the control value, bytes, of the word that is 1 from when a program has woken the reader until that has drained the ring. */
export function wokenOffset(probes: number): number {
  return allDropsOffset(probes) + 8;
}

/** Offset in the control value, bytes, of the calls of a probe that were counted while the gate was at `gates.counting`. */
export function estimateOffset(probes: number, probe: number): number {
  return wokenOffset(probes) + 8 + 8 * probe;
}
