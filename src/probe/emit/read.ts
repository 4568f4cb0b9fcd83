import { type Assembler, fp, immediate, type Label, type Register, r0, r1, r2, r3 } from '#asm';
import { frame } from './frame.ts';

/** Reads `size` bytes of the process's memory at the address in r3 to `base + offset`; goes to `failed` where the page is not there. */
export function readUser(asm: Assembler, base: Register, offset: number, size: number, failed: Label): void {
  asm.mov(r1, base);
  if (offset !== 0) asm.alu('add', r1, immediate(offset));
  asm.mov(r2, immediate(size));
  asm.call('probe_read_user');
  asm.jumpIf('ne', r0, immediate(0), failed);
}

/** `destination` = the 8 bytes at `pointer + offset` in the process. Loses r0–r5. */
export function readWord(
  asm: Assembler,
  destination: Register,
  pointer: Register,
  offset: number,
  failed: Label,
): void {
  asm.mov(r3, pointer);
  if (offset !== 0) asm.alu('add', r3, immediate(offset));
  readUser(asm, fp, frame.scratch, 8, failed);
  asm.load(8, destination, fp, frame.scratch);
}
