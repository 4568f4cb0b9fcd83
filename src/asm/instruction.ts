import { BugError } from '#base';
import { mode, opcodeClass } from './opcode.ts';
import type { Register } from './register.ts';

/** One eBPF instruction. `ld_imm64` takes two slots of 8 bytes: the second holds the immediate's high half. */
export interface Instruction {
  readonly opcode: number;
  readonly destination: Register;
  readonly source: number;
  /** Signed 16 bits: bytes of a memory access, or instruction slots of a jump. */
  readonly offset: number;
  /** Signed 32 bits; of an `ld_imm64` the low half. */
  readonly immediate: number;
  /** Only of an `ld_imm64`. */
  readonly high?: number;
}

export const loadImmediate64 = opcodeClass.ld | mode.imm | 0x18;

export function slots(instruction: Instruction): 1 | 2 {
  return instruction.opcode === loadImmediate64 ? 2 : 1;
}

export function encode(instructions: readonly Instruction[]): Uint8Array {
  const count = instructions.reduce((sum, instruction) => sum + slots(instruction), 0);
  const bytes = new Uint8Array(count * 8);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const instruction of instructions) {
    if (instruction.offset < -32768 || instruction.offset > 32767) {
      throw new BugError(`an eBPF offset of ${instruction.offset} does not fit 16 bits`);
    }
    view.setUint8(at, instruction.opcode);
    view.setUint8(at + 1, instruction.destination | (instruction.source << 4));
    view.setInt16(at + 2, instruction.offset, true);
    view.setInt32(at + 4, instruction.immediate, true);
    at += 8;
    if (slots(instruction) === 2) {
      view.setInt32(at + 4, instruction.high ?? 0, true);
      at += 8;
    }
  }
  return bytes;
}

/** The instructions of `bytes` (a multiple of 8). A cut `ld_imm64` is a bug: only our own output is decoded. */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % 8 !== 0) throw new BugError(`eBPF code of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const opcode = view.getUint8(at);
    const plain = {
      opcode,
      destination: (view.getUint8(at + 1) & 15) as Register,
      source: view.getUint8(at + 1) >> 4,
      offset: view.getInt16(at + 2, true),
      immediate: view.getInt32(at + 4, true),
    };
    if (opcode !== loadImmediate64) {
      instructions.push(plain);
      continue;
    }
    at += 8;
    if (at >= bytes.length) throw new BugError('eBPF code ends inside ld_imm64');
    instructions.push({ ...plain, high: view.getInt32(at + 4, true) });
  }
  return instructions;
}
