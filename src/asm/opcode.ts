/** Instruction classes, operations and modes. Authority: Linux Documentation/bpf/standardization/instruction-set.rst (RFC 9669). */
export const opcodeClass = {
  ld: 0x00,
  ldx: 0x01,
  st: 0x02,
  stx: 0x03,
  alu: 0x04,
  jmp: 0x05,
  jmp32: 0x06,
  alu64: 0x07,
} as const;

/** Bit of ALU and jump opcodes: the operand is a register, not the immediate. */
export const registerOperand = 0x08;

/** Arithmetic, the upper four bits of an ALU opcode. `asr` keeps the sign. */
export const arithmetic = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
} as const;
export type Arithmetic = keyof typeof arithmetic;

/** Conditions of jumps, the upper four bits of a jump opcode. `sgt` and its kin compare signed numbers. */
export const condition = {
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;
export type Condition = keyof typeof condition;

export const jumpAlways = 0x00;
/** `may_goto` (kernel 6.9): goes to its target when the program has looped too often; else falls through. */
export const mayGoto = 0xe0;
export const callHelper = 0x80;
export const exit = 0x90;

/** Memory access: size bits and mode bits of a load or store. */
export const sizeBits = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
export type AccessSize = keyof typeof sizeBits;
export const mode = { imm: 0x00, mem: 0x60, atomic: 0xc0 } as const;

/** In the immediate of an atomic operation: the register gets the old value. */
export const fetch = 0x01;
/** The immediate of an atomic compare-and-exchange with r0. */
export const compareAndExchange = 0xf0 | fetch;

/** `src` of an `ld_imm64` that names a map (linux/bpf.h, BPF_PSEUDO_MAP_FD and BPF_PSEUDO_MAP_VALUE). */
export const pseudo = { mapFd: 1, mapValue: 2 } as const;
