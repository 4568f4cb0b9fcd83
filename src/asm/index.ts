export { Assembler, immediate, type Label, type Operand } from './assembler.ts';
export { disassemble } from './disassemble.ts';
export { type Helper, helperName, helpers, sleepingHelpers } from './helper.ts';
export { decode, encode, type Instruction, loadImmediate64, slots } from './instruction.ts';
export {
  type AccessSize,
  type Arithmetic,
  arithmetic,
  type Condition,
  callHelper,
  compareAndExchange,
  condition,
  exit,
  fetch,
  jumpAlways,
  mayGoto,
  mode,
  opcodeClass,
  pseudo,
  registerOperand,
  sizeBits,
} from './opcode.ts';
export type { MapReference, MapSpec, Program } from './program.ts';
export { fp, type Register, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 } from './register.ts';
