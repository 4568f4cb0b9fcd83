import { type Assembler, fp, immediate, type Label, r1, r2, r3, r6 } from '#asm';
import type { DictionaryTest } from '../resolve/index.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser } from './read.ts';

/** r1 = the pointer to the call's dictionary, at the entry; where it cannot be read, to `out`. Of a closure it lies in what that has captured. Loses r0–r5. */
export function loadDictionary(asm: Assembler, machine: Machine, { place }: DictionaryTest, out: Label): void {
  asm.load(8, r1, r6, machine.register(place.register));
  if (place.offset === undefined) return;
  asm.mov(r3, r1);
  asm.alu('add', r3, immediate(place.offset));
  readUser(asm, fp, frame.scratch, 8, out);
  asm.load(8, r1, fp, frame.scratch);
}

/** Goes on if r1, the pointer to a call's dictionary, is one of those that the probe is of; else to `out`. `bias`: as everywhere. Loses r2. */
export function requireDictionary(asm: Assembler, { is, known }: DictionaryTest, bias: number, out: Label): void {
  for (const address of is === undefined ? known : [is]) {
    asm.loadConstant(r2, BigInt(address) + BigInt(bias));
    asm.jumpIf(is === undefined ? 'eq' : 'ne', r1, r2, out);
  }
}
