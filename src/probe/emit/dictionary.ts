import { type Assembler, type Label, r1, r2 } from '#asm';
import type { DictionaryTest } from '../resolve/index.ts';

/** Goes on if r1, the pointer to a call's dictionary, is one of those that the probe is of; else to `out`. `bias`: as everywhere. Loses r2. */
export function requireDictionary(asm: Assembler, { is, known }: DictionaryTest, bias: number, out: Label): void {
  for (const address of is === undefined ? known : [is]) {
    asm.loadConstant(r2, BigInt(address) + BigInt(bias));
    asm.jumpIf(is === undefined ? 'eq' : 'ne', r1, r2, out);
  }
}
