import { type Assembler, fp, immediate, type Label, r1, r2, r3, r6 } from '#asm';
import { abiRegisters } from '#gobin';
import type { Site } from '../types.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser } from './read.ts';

/** `runtime.g.sched.pc` (runtime/runtime2.go: g, gobuf; Go 1.17 to 1.27). It keeps where the goroutine went on the last time. */
const schedPc = 64;
const rbx = 3;

/** To `lost` for a call that began again as its stack had to grow (amd64, see `grownTest`): the goroutine went on last at the place behind the call of morestack in this function, and RBX still has that place, where nothing has loaded it since. Loses r0–r5. */
export function leaveOutGrown(
  asm: Assembler,
  machine: Machine,
  grown: NonNullable<Site['grown']>,
  bias: number,
  lost: Label,
): void {
  const known = asm.newLabel();
  asm.load(8, r3, r6, machine.register(abiRegisters.amd64.g));
  asm.alu('add', r3, immediate(schedPc));
  readUser(asm, fp, frame.scratch, 8, known);
  asm.load(8, r1, fp, frame.scratch);
  asm.loadConstant(r2, BigInt(grown.pc) + BigInt(bias));
  asm.jumpIf('ne', r1, r2, known);
  if (!grown.inRbx) asm.jump(lost);
  else {
    asm.load(8, r2, r6, machine.register(rbx));
    asm.jumpIf('eq', r1, r2, lost);
  }
  asm.label(known);
}
