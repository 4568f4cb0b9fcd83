import { type Assembler, fp, immediate, type Label, r0, r1, r2, r3, r4, r6, r7, r8, r9 } from '#asm';
import type { Address } from '#base';
import { type Slot, slotStatus } from '#model';
import type { Reading } from './compute.ts';
import { noExist } from './entry-of-map.ts';
import { frame, mapNames } from './frame.ts';
import { readUser, readWord } from './read.ts';
import { frameBytesOfSite } from './record.ts';

/** Fills a slot with the return addresses of the goroutine's stack; more frames than there is room for: the count says one more. Loses all but r6, r7. */
export function writeStack(asm: Assembler, reading: Reading, slot: Extract<Slot, { kind: 'stack' }>): void {
  const failed = asm.newLabel();
  const done = asm.newLabel();
  walkStack(asm, reading, slot.frames, failed, done, (i) => keepFrame(asm, slot.offset, i));
  if (slot.frames > 1) asm.store(8, r7, slot.offset, immediate(slot.frames + 1));
  asm.jump(done);
  if (asm.isUsed(failed)) {
    asm.label(failed);
    asm.store(1, r7, slot.status, immediate(slotStatus.unreadable));
  }
  asm.label(done);
}

/** Odd, its bits evenly spread: 2^64 by the golden ratio. */
const spread = 0x9e3779b97f4a7c15n;

/**
 * Fills a slot with a number made of the goroutine's return addresses, by which the map of stacks has them. Only a stack that is not there yet is walked over again, into the map's own memory: there
 * is no room for it on the program's stack, and what is per CPU is another's as soon as the program is preempted. Loses all but r6, r7.
 */
export function writeStackId(asm: Assembler, reading: Reading, slot: Extract<Slot, { kind: 'stack-id' }>): void {
  const failed = asm.newLabel();
  const walked = asm.newLabel();
  const added = asm.newLabel();
  const written = asm.newLabel();
  const done = asm.newLabel();
  walkStack(asm, reading, slot.frames, failed, walked, () => {
    asm.load(8, r1, r7, slot.offset);
    asm.alu('xor', r1, r8);
    asm.loadConstant(r2, spread);
    asm.alu('mul', r1, r2);
    asm.mov(r2, r1);
    asm.alu('rsh', r2, immediate(29));
    asm.alu('xor', r1, r2);
    asm.store(8, r7, slot.offset, r1);
  });
  asm.label(walked);
  const find = (found: Label) => {
    asm.loadMapFd(r1, mapNames.stacks);
    asm.mov(r2, r7);
    asm.alu('add', r2, immediate(slot.offset));
    asm.call('map_lookup_elem');
    asm.jumpIf('ne', r0, immediate(0), found);
  };
  find(done);
  asm.loadMapFd(r1, mapNames.stacks);
  asm.mov(r2, r7);
  asm.alu('add', r2, immediate(slot.offset));
  asm.loadMapValue(r3, mapNames.noStack, 0);
  asm.mov(r4, immediate(noExist));
  asm.call('map_update_elem');
  find(added);
  asm.jump(failed);
  asm.label(added);
  asm.store(8, fp, frame.key, r7);
  asm.mov(r7, r0);
  walkStack(asm, reading, slot.frames, written, written, (i) => keepFrame(asm, 0, i));
  asm.store(8, r7, 0, immediate(slot.frames + 1));
  asm.label(written);
  asm.load(8, r7, fp, frame.key);
  asm.jump(done);
  asm.label(failed);
  asm.store(1, r7, slot.status, immediate(slotStatus.unreadable));
  asm.label(done);
}

/**
 * Goes over the return addresses of the goroutine's stack, by its frame pointers, which every Go frame that calls anything keeps: `each` has one in r8, and may use r0–r5; `done` at the bottom.
 * The steps are written out one after the other: no loop for the verifier to follow. In the middle of a function the first one is 0.
 */
function walkStack(
  asm: Assembler,
  reading: Reading,
  frames: number,
  failed: Label,
  done: Label,
  each: (index: number) => void,
): void {
  const isInside = reading.frameBytes !== undefined;
  if (isInside) asm.mov(r8, immediate(0));
  else callerFrame(asm, reading, failed);
  for (let i = 0; i < frames; i++) {
    each(i);
    // The bottom of the stack; and who wants one frame is not told of others.
    if (frames === 1) continue;
    if (i === 0 && isInside) {
      callerFrame(asm, reading, failed);
      continue;
    }
    nextFrame(asm, reading, done);
  }
}

/**
 * From one return address in r8, and the frame pointer in r9 of the function that it is in, to the next ones; goes to `end` at the bottom of the stack. Loses r0–r5. Behind the return address in
 * `runtime.cgocallback` r9 is where that has its own.
 */
export function nextFrame(asm: Assembler, reading: Reading, end: Label): void {
  const { cgoCallback, bias = 0 } = reading;
  const next = asm.newLabel();
  const unless = (pc: Address, label: Label) => {
    asm.loadConstant(r1, BigInt(pc + bias));
    asm.jumpIf('ne', r8, r1, label);
  };
  if (cgoCallback !== undefined) {
    const { pc, calleeBytes, below } = cgoCallback;
    const usual = asm.newLabel();
    unless(pc, usual);
    readWord(asm, r8, r9, 8 + calleeBytes, end);
    // Else a thread of C has come into Go: nothing is below.
    unless(below.pc, end);
    asm.alu('add', r9, immediate(8 + calleeBytes + below.frameBytes));
    asm.jump(next);
    asm.label(usual);
  }
  asm.jumpIf('eq', r9, immediate(0), end);
  asm.mov(r3, r9);
  readUser(asm, fp, frame.scratch, 16, end);
  asm.load(8, r8, fp, frame.scratch + 8);
  if (cgoCallback !== undefined) {
    const usual = asm.newLabel();
    unless(cgoCallback.pc, usual);
    asm.alu('add', r9, immediate(16 + cgoCallback.frameBytes));
    asm.jump(next);
    asm.label(usual);
  }
  asm.load(8, r9, fp, frame.scratch);
  if (cgoCallback !== undefined) asm.label(next);
}

/** The return address in r8 as the one of this number, at `offset` of r7. */
function keepFrame(asm: Assembler, offset: number, index: number): void {
  asm.store(8, r7, offset + 8 + 8 * index, r8);
  asm.store(8, r7, offset, immediate(index + 1));
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
