import type { InstructionClass } from '#gobin';

/**
 * What the kernel does with a uprobe on one arm64 instruction. Source: arch/arm64/kernel/probes/decode-insn.c. Simulated: branches, `ret`,
 * `adr(p)`. Literal loads count as refused (uprobes of older kernels refuse them), `nop` as stepped (simulated from 6.13 only).
 */
export function classifyArm64(bytes: Uint8Array): InstructionClass {
  if (bytes.length < 4) return 'refused';
  const word = (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
  const is = (mask: number, value: number): boolean => (word & mask) >>> 0 === value;
  if (simulated.some(([mask, value]) => is(mask, value))) return 'emulated';
  // Hints: nop and the yield, wfe, … family; only nop is sure to be steppable on every kernel.
  if (is(0xfffff01f, 0xd503201f)) return word === 0xd503201f ? 'stepped' : 'refused';
  return unsteppable.some(([mask, value]) => is(mask, value)) ? 'refused' : 'stepped';
}

type Pattern = readonly [mask: number, value: number];

/** Masks and values as in Arm ARM C4.1, "A64 instruction set encoding". */
const simulated: readonly Pattern[] = [
  [0xff000010, 0x54000000], // b.cond
  [0x7e000000, 0x34000000], // cbz, cbnz
  [0x7e000000, 0x36000000], // tbz, tbnz
  [0x7c000000, 0x14000000], // b, bl
  [0xfffffc1f, 0xd61f0000], // br
  [0xfffffc1f, 0xd63f0000], // blr
  [0xfffffc1f, 0xd65f0000], // ret
  [0x1f000000, 0x10000000], // adr, adrp
];
const unsteppable: readonly Pattern[] = [
  [0xfe000000, 0xd6000000], // other branches to a register: with pointer authentication, eret
  [0xff000000, 0xd4000000], // svc, hvc, smc, brk, hlt
  [0xff000000, 0xd5000000], // system: msr, mrs, barriers, cache operations
  [0x3b000000, 0x18000000], // loads of literals
  [0x3f000000, 0x08000000], // exclusive and ordered loads and stores
  [0xffe00000, 0x00000000], // udf
  [0xff000010, 0x54000010], // bc.cond
];
