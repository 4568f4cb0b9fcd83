import { type Assembler, immediate, type Label, r1, r2, r3, r4, r5, r7, r8 } from '#asm';
import type { CodeRange } from '../resolve/index.ts';
import type { Reading } from './compute.ts';
import { countProbe, type ProbeNumber } from './record.ts';
import { callerFrame, nextFrame } from './stack.ts';

/** Frames that are looked at for `within`: each a read of 16 bytes. Of a call with more of them it cannot be told. */
const mostFrames = 1024;

/** The map of the borders of the code that calls are within, of a probe as it was written. */
export function withinName(counter: number): string {
  return `within_${counter}`;
}

/** Stands where there are no more borders: no address is above it. */
const noBorder = 0x7fff_ffff_ffff_ffffn;

/**
 * What that map holds: starts and ends of the ranges by turns, in order, up to a power of two. An address lies behind an odd number of them where it is in a range. Addresses of the
 * file.
 */
export function bordersOf(ranges: readonly CodeRange[]): BigUint64Array<ArrayBuffer> {
  const borders = new BigUint64Array(bordersSize(ranges)).fill(noBorder);
  borders.set(ranges.flatMap(({ start, end }) => [BigInt(start), BigInt(end)]));
  return borders;
}

/** How many there are: one more than the ranges have, at least, so that an address behind all of them is behind an even number. */
export function bordersSize(ranges: readonly CodeRange[]): number {
  let size = 2;
  while (size <= 2 * ranges.length) size *= 2;
  return size;
}

/**
 * Goes on if a return address on the goroutine's stack lies in one of the ranges of a map of `size` borders, else to `skipped`; loses all but r6. By frame pointers, which every Go frame
 * that calls anything keeps.
 */
export function walkFrames(
  asm: Assembler,
  reading: Reading,
  { borders, size }: { readonly borders: string; readonly size: number },
  probe: ProbeNumber,
  skipped: Label,
): void {
  const loop = asm.newLabel();
  const found = asm.newLabel();
  const { bias = 0 } = reading;
  callerFrame(asm, reading, skipped);
  asm.mov(r7, immediate(0));
  asm.label(loop);
  asm.mov(r5, r8);
  if (bias !== 0) {
    asm.loadConstant(r1, BigInt(bias));
    asm.alu('sub', r5, r1);
  }
  // A return address may be the one behind the range's last instruction, and is never its first: counted are the borders below it.
  asm.mov(r2, immediate(0));
  // Without jumps: the verifier would follow each way through the search, in each turn of the loop.
  for (let half = size / 2; half >= 1; half /= 2) {
    asm.loadMapValue(r3, borders, 8 * (half - 1));
    asm.alu('add', r3, r2);
    asm.load(8, r4, r3, 0);
    asm.alu('sub', r4, r5);
    // Its sign, as the bytes to skip. An `arsh` and an `and` would do, but newer verifiers take that for a jump.
    asm.alu('rsh', r4, immediate(63));
    asm.alu('lsh', r4, immediate(3 + Math.log2(half)));
    asm.alu('add', r2, r4);
  }
  asm.alu('and', r2, immediate(8));
  asm.jumpIf('ne', r2, immediate(0), found);
  nextFrame(asm, reading, skipped);
  asm.alu('add', r7, immediate(1));
  asm.jumpIf('lt', r7, immediate(mostFrames), loop);
  countProbe(asm, probe, 'undecided');
  asm.jump(skipped);
  asm.label(found);
}
