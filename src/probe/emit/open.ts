import { type Assembler, fp, immediate, type Label, r1, r2, r3, r4 } from '#asm';
import { headerFlags } from '#model';
import { frame, mapNames } from './frame.ts';
import type { ProbeNumber } from './record.ts';

/**
 * The map of open calls, for probes whose returns must know of their entries: those that keep some calls only, and those that count in the
 * kernel. Key: u64 `g`, u32 depth, u32 probe, as the decoder matches calls (decision 75). A call that ends by a panic leaves its key behind, until the next
 * call at its place; the map is an LRU hash, so that such keys go first when it is full.
 */
export const openKeyBytes = 16;
export const mostOpenCalls = 65_536;

/** Builds the call's key in the frame, from the goroutine that `findGoroutine` has put there; to `unknown` where there is none. Loses r1. */
export function openKey(asm: Assembler, probe: ProbeNumber, unknown: Label): void {
  asm.load(8, r1, fp, frame.flags);
  asm.alu('and', r1, immediate(headerFlags.g));
  asm.jumpIf('eq', r1, immediate(0), unknown);
  asm.load(8, r1, fp, frame.g);
  asm.store(8, fp, frame.call, r1);
  asm.load(8, r1, fp, frame.depth);
  asm.store(4, fp, frame.call + 8, r1);
  if (probe === 'cookie') {
    asm.load(8, r1, fp, frame.probe);
    asm.store(4, fp, frame.call + 12, r1);
  } else asm.store(4, fp, frame.call + 12, immediate(probe));
}

/** The call is open: `value` is where, in the frame, what its return needs lies. */
export function openCall(asm: Assembler, value: number): void {
  call(asm, 'map_update_elem', () => {
    asm.mov(r3, fp);
    asm.alu('add', r3, immediate(value));
    asm.mov(r4, immediate(0));
  });
}

/** r0 = what `openCall` has kept of the call, or 0. */
export function findOpenCall(asm: Assembler): void {
  call(asm, 'map_lookup_elem');
}

/** r0 = 0 if the call was open; it is not any more. */
export function closeCall(asm: Assembler): void {
  call(asm, 'map_delete_elem');
}

function call(
  asm: Assembler,
  helper: 'map_update_elem' | 'map_lookup_elem' | 'map_delete_elem',
  more: () => void = () => {},
): void {
  asm.loadMapFd(r1, mapNames.open);
  asm.mov(r2, fp);
  asm.alu('add', r2, immediate(frame.call));
  more();
  asm.call(helper);
}
