import { type Assembler, fp, immediate, type Label, r0, r1, r2, r3, r4 } from '#asm';
import { headerFlags } from '#model';
import { frame, mapNames } from './frame.ts';

/**
 * Which open calls are wanted: a condition at the entry decides it, and the return program asks. A call is known by its goroutine and
 * depth, as the decoder knows it. An entry notes or forgets whatever was there: a call that never returned leaves nothing behind that could mislead.
 * Calls without a goroutine are always wanted. The goroutine is in the frame, from `findGoroutine`.
 */
export const wantedKeyBytes = 16;

/** Most open calls that are wanted at once: as many as the decoder keeps. Older ones give way. */
export const mostWanted = 65_536;

export function noteWanted(asm: Assembler, probe: number): void {
  const unknown = asm.newLabel();
  key(asm, probe, unknown);
  asm.store(8, fp, frame.temps, immediate(1));
  asm.loadMapFd(r1, mapNames.calls);
  address(asm, r2, frame.scratch);
  address(asm, r3, frame.temps);
  asm.mov(r4, immediate(0));
  asm.call('map_update_elem');
  asm.label(unknown);
}

export function noteUnwanted(asm: Assembler, probe: number): void {
  const unknown = asm.newLabel();
  key(asm, probe, unknown);
  asm.loadMapFd(r1, mapNames.calls);
  address(asm, r2, frame.scratch);
  asm.call('map_delete_elem');
  asm.label(unknown);
}

/** Goes to `out` unless the call that returns is wanted, and forgets it. */
export function takeWanted(asm: Assembler, probe: number, out: Label): void {
  const unknown = asm.newLabel();
  key(asm, probe, unknown);
  asm.loadMapFd(r1, mapNames.calls);
  address(asm, r2, frame.scratch);
  asm.call('map_delete_elem');
  asm.jumpIf('ne', r0, immediate(0), out);
  asm.label(unknown);
}

/** `frame.scratch` = g, depth, probe. */
function key(asm: Assembler, probe: number, unknown: Label): void {
  asm.load(8, r1, fp, frame.flags);
  asm.alu('and', r1, immediate(headerFlags.g));
  asm.jumpIf('eq', r1, immediate(0), unknown);
  asm.load(8, r1, fp, frame.g);
  asm.store(8, fp, frame.scratch, r1);
  asm.load(8, r1, fp, frame.depth);
  asm.store(4, fp, frame.scratch + 8, r1);
  asm.store(4, fp, frame.scratch + 12, immediate(probe));
}

function address(asm: Assembler, register: typeof r2 | typeof r3, offset: number): void {
  asm.mov(register, fp);
  asm.alu('add', register, immediate(offset));
}
