import type { InstructionClass } from '#gobin';

/**
 * What the kernel does with a uprobe on one x86-64 instruction: its own rules, so that one bad site never fails a whole link.
 * Source: arch/x86/kernel/uprobes.c (good_insns_64, good_2byte_insns, is_prefix_bad, branch_setup_xol_ops, push_setup_xol_ops).
 * Where kernel versions differ, the strictest one counts. `nop` forms longer than one byte are called refused although kernels take them:
 * from 6.18 they are rewritten into calls that use the stack below SP (FACTS, rule 1).
 */
export function classifyX86(bytes: Uint8Array): InstructionClass {
  let at = 0;
  let operandSize = false;
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    // lock, es, cs, ss, ds
    if (byte === 0xf0 || byte === 0x26 || byte === 0x2e || byte === 0x36 || byte === 0x3e) return 'refused';
    if (byte === 0x66) operandSize = true;
    else if (byte !== 0x64 && byte !== 0x65 && byte !== 0x67 && byte !== 0xf2 && byte !== 0xf3) break;
  }
  let rex = 0;
  if ((bytes[at]! & 0xf0) === 0x40) rex = bytes[at++]!;
  if (at >= bytes.length) return 'refused';
  let opcode = bytes[at]!;
  const vex = opcode === 0xc4 ? 3 : opcode === 0xc5 ? 2 : 0;
  if (vex > 0) {
    if (at + vex >= bytes.length) return 'refused';
    // The kernel looks the opcode behind a VEX prefix up among the one-byte opcodes.
    opcode = bytes[at + vex]!;
    return bit(oneByte, opcode) ? 'stepped' : 'refused';
  }
  // mov to ss masks exceptions for one instruction.
  if (opcode === 0x8e) return 'refused';
  if (opcode === 0x0f) {
    const second = bytes[at + 1];
    if (second === undefined) return 'refused';
    if (second >= 0x80 && second <= 0x8f) return operandSize ? 'refused' : 'emulated';
    // nop r/m
    if (second === 0x1f) return 'refused';
    return bit(twoByte, second) ? 'stepped' : 'refused';
  }
  if (!bit(oneByte, opcode)) return 'refused';
  const branch = (opcode >= 0x70 && opcode <= 0x7f) || opcode === 0xe8 || opcode === 0xe9 || opcode === 0xeb;
  if (branch) return operandSize ? 'refused' : 'emulated';
  if (opcode === 0x90 && (rex & 1) === 0) return at === 0 ? 'emulated' : 'refused';
  // push reg: without a prefix other than REX.
  if (opcode >= 0x50 && opcode <= 0x57) return at === (rex === 0 ? 0 : 1) ? 'emulated' : 'stepped';
  return 'stepped';
}

function bit(table: readonly number[], opcode: number): boolean {
  return ((table[opcode >> 4]! >> (opcode & 15)) & 1) === 1;
}

/** A row for each high nibble of the opcode; bit n: low nibble n may be probed. */
const oneByte = [
  0x3f3f, 0x3f3f, 0x3f3f, 0x3f3f, 0x0000, 0xffff, 0x0f38, 0xffff, 0xfffb, 0xffff, 0xffff, 0xffff, 0x0fcf, 0xff8f,
  0x0f0f, 0xf3ec,
] as const;
const twoByte = [
  0xc000, 0xfeff, 0xff0f, 0x000e, 0xffff, 0xffff, 0xffff, 0xc0ff, 0xffff, 0xffff, 0xbf3f, 0xfeff, 0xffff, 0xfffe,
  0xffff, 0x7ffe,
] as const;
