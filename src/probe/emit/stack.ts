import { type Assembler, fp, immediate, type Label, r0, r3, r6, r7, r8, r9 } from '#asm';
import { type Slot, slotStatus } from '#model';
import type { StackInside } from '../plan/index.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser } from './read.ts';
import { type FrameBytes, frameBytesOfSite } from './record.ts';

/**
 * Fills a slot with the return addresses of the goroutine's stack, by its frame pointers, which every Go frame that calls anything keeps; loses all but r6, r7.
 * The steps are written out one after the other: no loop for the verifier to follow. More frames than there is room for: the count says one more. `inside`: the first one is that of an
 * inlined copy, which is left empty; the frame pointer is that of the function around, if that has a frame.
 */
export function writeStack(
  asm: Assembler,
  machine: Machine,
  slot: Extract<Slot, { kind: 'stack' }>,
  inside: StackInside | undefined,
): void {
  const failed = asm.newLabel();
  const done = asm.newLabel();
  if (inside !== undefined) asm.mov(r8, immediate(0));
  else firstReturnAddress(asm, machine, r8, failed);
  asm.load(8, r9, r6, machine.framePointer);
  for (let i = 0; i < slot.frames; i++) {
    asm.store(8, r7, slot.offset + 8 + 8 * i, r8);
    asm.store(8, r7, slot.offset, immediate(i + 1));
    // The bottom of the stack; and who wants one frame is not told of others.
    if (slot.frames === 1) continue;
    if (i === 0 && inside === 'frameless') {
      firstReturnAddress(asm, machine, r8, done);
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

/** `destination` = where the call under way returns to. `frameBytes`: between the stack pointer and where that lies, inside of a function; undefined: at its ends. */
export function firstReturnAddress(
  asm: Assembler,
  machine: Machine,
  destination: 8 | 1,
  failed: Label,
  frameBytes?: FrameBytes,
): void {
  if (machine.link !== undefined && frameBytes === undefined) {
    asm.load(8, destination, r6, machine.link);
    return;
  }
  if (frameBytes === 'cookie') frameBytesOfSite(asm);
  asm.load(8, r3, r6, machine.stackPointer);
  if (frameBytes === 'cookie') asm.alu('add', r3, r0);
  else if (frameBytes !== undefined) asm.alu('add', r3, immediate(frameBytes));
  readUser(asm, fp, frame.scratch, 8, failed);
  asm.load(8, destination, fp, frame.scratch);
}
