import { type Assembler, fp, immediate, type Label, r0, r1, r2, r7, r8, r9 } from '#asm';
import type { SelectionPlan } from '../plan/index.ts';
import type { Reading } from './compute.ts';
import { entryOfMap } from './entry-of-map.ts';
import { frame, mapNames } from './frame.ts';
import type { ProbeNumber } from './record.ts';
import { writeSlot } from './slot.ts';
import { bordersSize, walkFrames, withinName } from './within.ts';
import { workBytes } from './work-bytes.ts';

/** Words (u64) of what is known of the calls of a probe as it was written, or of those with one key. */
export const selectionState = {
  /** How many came to the sampling. */
  seen: 0,
  /** The second in which a call was last kept (upper half), and how many came in it. */
  second: 8,
  /** How many came to `first`. */
  first: 16,
} as const;
export const selectionStateSize = 24;

/** The map of the keys of a probe's `per`: of those that are as long, whatever function they come from. */
export function selectionKeysName({ counter, per }: SelectionPlan): string {
  return `keys_${counter}_${per?.layout.size ?? 0}`;
}

/**
 * Goes to `skipped` for a call that is not kept. Before anything is reserved; loses all but r6. Nothing here sleeps.
 */
export function select(
  asm: Assembler,
  reading: Reading,
  probe: ProbeNumber,
  plan: SelectionPlan,
  skipped: Label,
): void {
  const { counter, within, sample, rate, first, per } = plan;
  if (within !== undefined)
    walkFrames(asm, reading, { borders: withinName(counter), size: bordersSize(within) }, probe, skipped);
  if (sample === undefined && rate === undefined && first === undefined) return;
  if (per === undefined) asm.loadMapValue(r8, mapNames.selection, selectionStateSize * counter);
  else findKey(asm, reading, selectionKeysName(plan), per, skipped);
  // r8: the state.
  if (sample !== undefined) {
    asm.mov(r1, immediate(1));
    asm.fetchAdd(r8, selectionState.seen, r1);
    asm.alu('mod', r1, immediate(sample));
    asm.jumpIf('ne', r1, immediate(0), skipped);
  }
  if (rate !== undefined) limitRate(asm, rate, skipped);
  if (first !== undefined) {
    // The look comes first: a counter that every call of the rest of the process's life adds to is a cache line that all CPUs fight for.
    asm.load(8, r1, r8, selectionState.first);
    asm.jumpIf('ge', r1, immediate(first), skipped);
    asm.mov(r1, immediate(1));
    asm.fetchAdd(r8, selectionState.first, r1);
    asm.jumpIf('ge', r1, immediate(first), skipped);
  }
}

/** One u64 holds second and count, so that both change together: who is first in a new second starts its count. */
function limitRate(asm: Assembler, rate: number, skipped: Label): void {
  const sameSecond = asm.newLabel();
  const kept = asm.newLabel();
  asm.call('ktime_get_ns');
  asm.alu('div', r0, immediate(1_000_000_000));
  asm.mov(r9, r0);
  asm.alu('lsh', r9, immediate(32));
  asm.load(8, r1, r8, selectionState.second);
  asm.mov(r2, r1);
  asm.alu('rsh', r2, immediate(32));
  asm.alu('lsh', r2, immediate(32));
  asm.jumpIf('eq', r2, r9, sameSecond);
  asm.mov(r0, r1);
  asm.mov(r2, r9);
  asm.alu('add', r2, immediate(1));
  asm.compareExchange(r8, selectionState.second, r2);
  asm.jumpIf('eq', r0, r1, kept);
  // Another CPU was quicker: the second is this one.
  asm.label(sameSecond);
  asm.mov(r1, immediate(1));
  asm.fetchAdd(r8, selectionState.second, r1);
  asm.alu('lsh', r1, immediate(32));
  asm.alu('rsh', r1, immediate(32));
  asm.jumpIf('ge', r1, immediate(rate), skipped);
  asm.label(kept);
}

/** r8 = the state of the calls with this call's key: made where there is none. */
function findKey(
  asm: Assembler,
  reading: Reading,
  map: string,
  per: NonNullable<SelectionPlan['per']>,
  skipped: Label,
): void {
  const { layout, sources } = per;
  const state = frame.keys - Math.max(selectionStateSize, workBytes(sources));
  const key = state - layout.size;
  for (let at = key; at < state; at += 8) asm.store(8, fp, at, immediate(0));
  asm.mov(r7, fp);
  asm.alu('add', r7, immediate(key));
  layout.slots.forEach((slot, i) => {
    writeSlot(asm, reading, slot, sources[i]!, []);
  });
  for (let at = state; at < frame.keys; at += 8) asm.store(8, fp, at, immediate(0));
  entryOfMap(asm, () => asm.loadMapFd(r1, map), { key, fresh: state }, skipped);
}
