import { type Assembler, fp, immediate, type Label, type Register, r0, r1, r2, r3, r6, r8, r9 } from '#asm';
import type { RuntimeOffsets } from '#gobin';
import { headerFlags } from '#model';
import type { EmitFeatures } from '../types.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser, readWord } from './read.ts';
import { type FrameBytes, frameBytesOfSite } from './record.ts';

/** `g.stack.lo` and `g.stack.hi` (runtime2.go: `stack` is the first field of `g` in every version). */
const gStack = 0;
const stackBytes = 16;
/** One longer read costs less than two. */
const mostToGoid = 256;

/** Puts zeros where the record's header is taken from: nothing is known of the goroutine yet. */
export function clearGoroutine(asm: Assembler): void {
  for (const word of [frame.g, frame.goid, frame.depth, frame.flags]) asm.store(8, fp, word, immediate(0));
}

/**
 * Finds the goroutine of the hit: the `g` register if the stack pointer lies on its stack, else `g` from thread-local
 * storage under the same test, else none (FACTS, rule 19). Fills the frame's g, goid, depth and flags. Loses r0–r5, r8, r9.
 * `frameBytes`: so far above the stack pointer lies the return address.
 */
export function findGoroutine(
  asm: Assembler,
  machine: Machine,
  runtime: RuntimeOffsets,
  features: EmitFeatures,
  frameBytes: FrameBytes = 0,
): void {
  const found = asm.newLabel();
  const done = asm.newLabel();
  const fallback = machine.hasFsBase && features.fsbaseOffset !== undefined && runtime.tlsG !== undefined;
  clearGoroutine(asm);
  asm.load(8, r8, r6, machine.g);
  asm.load(8, r9, r6, machine.stackPointer);
  const second = asm.newLabel();
  const bytes = bytesOfG(runtime);
  acceptG(asm, fallback ? second : done, frameBytes, bytes);
  if (fallback) {
    asm.jump(found);
    asm.label(second);
    asm.call('get_current_task');
    asm.mov(r3, r0);
    asm.alu('add', r3, immediate(features.fsbaseOffset!));
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(8));
    asm.call('probe_read_kernel');
    asm.jumpIf('ne', r0, immediate(0), done);
    asm.load(8, r8, fp, frame.scratch);
    readWord(asm, r8, r8, runtime.tlsG!, done);
    acceptG(asm, done, frameBytes, bytes);
    asm.label(found);
  }
  asm.store(8, fp, frame.g, r8);
  asm.store(8, fp, frame.flags, immediate(headerFlags.g));
  if (bytes > stackBytes) asm.load(8, r1, fp, placeOfG(bytes) + runtime.gGoid!);
  readGoid(asm, runtime, done, bytes > stackBytes);
  asm.label(done);
}

/** How much of `g` is read: its stack and, where that lies near enough for one read, its goid. */
function bytesOfG({ gGoid }: RuntimeOffsets): number {
  return gGoid === undefined || gGoid > mostToGoid ? stackBytes : (gGoid + 15) & ~7;
}

/** Where it is read to: nothing that is built on the stack is kept across `findGoroutine`. */
function placeOfG(bytes: number): number {
  return bytes === stackBytes ? frame.scratch : frame.keys - bytes;
}

/**
 * r8 is `g` if r9, the stack pointer, is in (g.stack.lo, g.stack.hi]; then the depth is stored. Else goes to `refused`. `bytes`: so much of `g` is
 * read.
 */
export function acceptG(asm: Assembler, refused: Label, frameBytes: FrameBytes = 0, bytes: number = stackBytes): void {
  const place = placeOfG(bytes);
  asm.mov(r3, r8);
  readUser(asm, fp, place, bytes, refused);
  asm.load(8, r1, fp, place + gStack);
  asm.jumpIf('le', r9, r1, refused);
  asm.load(8, r1, fp, place + gStack + 8);
  asm.jumpIf('gt', r9, r1, refused);
  asm.alu('sub', r1, r9);
  if (frameBytes !== 'cookie' && frameBytes !== 0) asm.alu('sub', r1, immediate(frameBytes));
  asm.store(8, fp, frame.depth, r1);
  if (frameBytes !== 'cookie') return;
  frameBytesOfSite(asm);
  asm.load(8, r1, fp, frame.depth);
  asm.alu('sub', r1, r0);
  asm.store(8, fp, frame.depth, r1);
}

/** The goid of the `g` in r8 (`known`: it is in r1); where that is 0 (g0, the signal g) of `m.curg`. Goes to `done` where it cannot be read. */
export function readGoid(asm: Assembler, runtime: RuntimeOffsets, done: Label, known = false): void {
  const { gGoid, gM, mCurg } = runtime;
  if (gGoid === undefined) return;
  const have = asm.newLabel();
  const id: Register = r1;
  if (!known) readWord(asm, id, r8, gGoid, done);
  asm.jumpIf('ne', id, immediate(0), have);
  if (gM === undefined || mCurg === undefined) {
    asm.jump(done);
  } else {
    readWord(asm, r9, r8, gM, done);
    asm.jumpIf('eq', r9, immediate(0), done);
    readWord(asm, r9, r9, mCurg, done);
    asm.jumpIf('eq', r9, immediate(0), done);
    readWord(asm, id, r9, gGoid, done);
    asm.jumpIf('eq', id, immediate(0), done);
    asm.store(8, fp, frame.flags, immediate(headerFlags.g | headerFlags.curg));
  }
  asm.label(have);
  asm.store(8, fp, frame.goid, id);
  asm.load(8, r2, fp, frame.flags);
  asm.alu('or', r2, immediate(headerFlags.goid));
  asm.store(8, fp, frame.flags, r2);
}
