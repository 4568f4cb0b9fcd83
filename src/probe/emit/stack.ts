import { type Assembler, fp, immediate, type Label, r0, r3, r6, r7, r8, r9 } from '#asm';
import { type Slot, slotStatus } from '#model';
import type { Reading } from './compute.ts';
import { frame } from './frame.ts';
import { readUser } from './read.ts';
import { frameBytesOfSite } from './record.ts';

/**
 * Fills a slot with the return addresses of the goroutine's stack, by its frame pointers, which every Go frame that calls anything keeps; loses all but r6, r7.
 * The steps are written out one after the other: no loop for the verifier to follow. More frames than there is room for: the count says one more. In the middle of a function
 * the first place is left empty.
 */
export function writeStack(asm: Assembler, reading: Reading, slot: Extract<Slot, { kind: 'stack' }>): void {
  const failed = asm.newLabel();
  const done = asm.newLabel();
  const isInside = reading.frameBytes !== undefined;
  if (isInside) asm.mov(r8, immediate(0));
  else callerFrame(asm, reading, failed);
  for (let i = 0; i < slot.frames; i++) {
    asm.store(8, r7, slot.offset + 8 + 8 * i, r8);
    asm.store(8, r7, slot.offset, immediate(i + 1));
    // The bottom of the stack; and who wants one frame is not told of others.
    if (slot.frames === 1) continue;
    if (i === 0 && isInside) {
      callerFrame(asm, reading, failed);
      continue;
    }
    asm.jumpIf('eq', r9, immediate(0), done);
    asm.mov(r3, r9);
    readUser(asm, fp, frame.scratch, 16, done);
    asm.load(8, r8, fp, frame.scratch + 8);
    asm.load(8, r9, fp, frame.scratch);
  }
  if (slot.frames > 1) asm.store(8, r7, slot.offset, immediate(slot.frames + 1));
  asm.jump(done);
  if (asm.isUsed(failed)) {
    asm.label(failed);
    asm.store(1, r7, slot.status, immediate(slotStatus.unreadable));
  }
  asm.label(done);
}

/** r8 = where the function under way returns to, r9 = its caller's frame pointer. Loses all but r6, r7. */
export function callerFrame(asm: Assembler, reading: Reading, failed: Label): void {
  const { machine, frameBytes } = reading;
  asm.load(8, r9, r6, machine.framePointer);
  if (frameBytes !== undefined) callerFromInside(asm, reading, frameBytes, failed);
  else if (machine.link !== undefined) asm.load(8, r8, r6, machine.link);
  else {
    asm.load(8, r3, r6, machine.stackPointer);
    readUser(asm, fp, frame.scratch, 8, failed);
    asm.load(8, r8, fp, frame.scratch);
  }
}

/**
 * The same in the middle of a function. A frame keeps the caller's frame pointer right below the return address, and its own frame pointer is where that is: if the register holds another one,
 * it is the caller's still, or again (prologue, epilogue, a function without a frame). On arm64 the return address is the frame's last word, and in a register where there is no frame.
 */
function callerFromInside(
  asm: Assembler,
  { machine }: Reading,
  frameBytes: NonNullable<Reading['frameBytes']>,
  failed: Label,
): void {
  const [callers, done] = [asm.newLabel(), asm.newLabel()];
  const { link } = machine;
  if (frameBytes === 'cookie') frameBytesOfSite(asm);
  else asm.mov(r0, immediate(frameBytes));
  if (link !== undefined) {
    asm.load(8, r8, r6, link);
    asm.jumpIf('eq', r0, immediate(0), done);
  }
  asm.load(8, r8, r6, machine.stackPointer);
  if (link === undefined) asm.alu('add', r8, r0);
  asm.alu('sub', r8, immediate(8));
  asm.mov(r3, r8);
  readUser(asm, fp, frame.scratch, 16, failed);
  asm.jumpIf('ne', r9, r8, callers);
  asm.load(8, r9, fp, frame.scratch);
  asm.label(callers);
  asm.load(8, r8, fp, frame.scratch + 8);
  asm.label(done);
}
