import type { MapSpec } from '#asm';
import { dynamicKeyBytes, dynamicValueBytes, type TypeTable } from '../graph/index.ts';
import { control, type TracepointMaps } from '../types.ts';
import { mapNames } from './frame.ts';
import { mostWanted, wantedKeyBytes } from './wanted.ts';

/** Records of the largest size that the ring should hold, at least: 15 ms of a million hits a second, three times what the reader lets gather; large records get fewer, for a ring's pages count twice in the reader's memory. */
const ringRecords = 16_384;
const smallestRing = 1 << 20;
const largestRing = 1 << 23;

/** Bytes of the ring buffer's own header before each record (kernel/bpf/ringbuf.c, BPF_RINGBUF_HDR_SZ). */
const recordOverhead = 8;

/** Offset in the control value, bytes, of a word of a probe. */
export function controlOffset(probe: number, word: 'hits' | 'entryDrops' | 'returnDrops' | 'undecided'): number {
  return 8 * (1 + control.wordsPerProbe * probe + control[word]);
}

/** Offset in the control value, bytes, of the count of dropped recovery and Goexit events. */
export function unwindDropsOffset(probes: number): number {
  return 8 * (1 + control.wordsPerProbe * probes);
}

/** Offset in the control value, bytes, of the nanoseconds that hits have waited for their float registers to be saved. */
export function floatNsOffset(probes: number): number {
  return unwindDropsOffset(probes) + 8;
}

/** Offset in the control value, bytes, of the calls of a probe that were counted while the gate was at `gates.counting`. */
export function estimateOffset(probes: number, probe: number): number {
  return floatNsOffset(probes) + 8 + 8 * probe;
}

/** Maps for `probes` probes (`wanted`: some have a condition that decides which returns count) whose largest record has `recordBytes`, and whose values are of `types` (undefined: none is walked over). The ring's memory is the kernel's, charged when it is made. */
export function tracepointMaps(
  probes: number,
  recordBytes: number,
  {
    types,
    wanted = false,
    estimate = false,
  }: { readonly types?: TypeTable | undefined; readonly wanted?: boolean; readonly estimate?: boolean } = {},
): TracepointMaps {
  const room = ringRecords * (recordBytes + recordOverhead);
  let size = smallestRing;
  while (size < room && size < largestRing) size *= 2;
  const ring: MapSpec = { name: mapNames.ring, type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size };
  const values = estimate ? estimateOffset(probes, probes) : floatNsOffset(probes) + 8;
  const controls: MapSpec = { name: mapNames.control, type: 'array', keySize: 4, valueSize: values, maxEntries: 1 };
  const calls: MapSpec = {
    name: mapNames.calls,
    type: 'lru_hash',
    keySize: wantedKeyBytes,
    valueSize: 8,
    maxEntries: mostWanted,
  };
  const common = { ring, control: controls, ...(wanted ? { calls } : {}) };
  if (types === undefined) return common;
  const table: MapSpec = {
    name: mapNames.types,
    type: 'array',
    keySize: 4,
    valueSize: types.bytes.length,
    maxEntries: 1,
  };
  if (types.dynamic.length === 0) return { ...common, types: { spec: table, bytes: types.bytes } };
  const dynamic: MapSpec = {
    name: mapNames.dynamic,
    type: 'hash',
    keySize: dynamicKeyBytes,
    valueSize: dynamicValueBytes,
    maxEntries: types.dynamic.length,
  };
  return {
    ...common,
    types: { spec: table, bytes: types.bytes },
    dynamic: { spec: dynamic, entries: types.dynamic },
  };
}
