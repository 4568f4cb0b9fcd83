import { BugError } from '#base';
import type { Architecture } from '../binary.ts';

/** What the emitter knows of a machine: byte offsets in the kernel's `pt_regs`, the context of a uprobe program. */
export interface Machine {
  /** Offset of an integer register by its DWARF number. */
  register(dwarf: number): number;
  /** Integer or float register. */
  registerName(dwarf: number): string;
  /** Number of a float register, from 0, by its DWARF number. */
  floatRegister(dwarf: number): number;
  readonly stackPointer: number;
  /** Where Go keeps the frame pointer: it points to the caller's, behind which the return address lies (abi-internal.md). */
  readonly framePointer: number;
  /** The register that holds the return address at an entry; undefined: it is at the stack pointer. */
  readonly link?: number;
  readonly flags: number;
  /** Where Go keeps the current `g` (abi-internal.md). */
  readonly g: number;
  /** First integer argument and result of ABIInternal. */
  readonly firstArgument: number;
  /** Does a call push the return address, so that a callee begins with a lower stack pointer than its caller had? */
  readonly callPushes: boolean;
  /** `g` is also kept at an offset from the thread's FS base. */
  readonly hasFsBase: boolean;
}

/** DWARF number → [name, offset]. arch/x86/include/asm/ptrace.h, struct pt_regs; psABI x86-64, figure 3.36. */
const amd64Registers: readonly (readonly [string, number])[] = [
  ['rax', 80],
  ['rdx', 96],
  ['rcx', 88],
  ['rbx', 40],
  ['rsi', 104],
  ['rdi', 112],
  ['rbp', 32],
  ['rsp', 152],
  ['r8', 72],
  ['r9', 64],
  ['r10', 56],
  ['r11', 48],
  ['r12', 24],
  ['r13', 16],
  ['r14', 8],
  ['r15', 0],
];

/** psABI x86-64, figure 3.36. */
const firstXmm = 17;

const amd64: Machine = {
  register: (dwarf) => amd64Register(dwarf)[1],
  registerName: (dwarf) => (dwarf >= firstXmm ? `xmm${dwarf - firstXmm}` : amd64Register(dwarf)[0]),
  floatRegister: (dwarf) => dwarf - firstXmm,
  stackPointer: 152,
  framePointer: 32,
  flags: 144,
  g: 8,
  firstArgument: 80,
  callPushes: true,
  hasFsBase: true,
};

function amd64Register(dwarf: number): readonly [string, number] {
  const found = amd64Registers[dwarf];
  if (found === undefined) throw new BugError(`DWARF register ${dwarf} is no integer register of amd64`);
  return found;
}

/** AADWARF64, table 4.1. */
const firstV = 64;

/** arch/arm64/include/uapi/asm/ptrace.h, struct user_pt_regs: regs[31], sp, pc, pstate. */
const arm64: Machine = {
  register: (dwarf) => arm64Register(dwarf) * 8,
  registerName: (dwarf) => (dwarf >= firstV ? `v${dwarf - firstV}` : arm64Register(dwarf) === 31 ? 'sp' : `x${dwarf}`),
  floatRegister: (dwarf) => dwarf - firstV,
  stackPointer: 248,
  framePointer: 29 * 8,
  link: 30 * 8,
  flags: 264,
  g: 28 * 8,
  firstArgument: 0,
  callPushes: false,
  hasFsBase: false,
};

function arm64Register(dwarf: number): number {
  if (!(dwarf >= 0 && dwarf <= 31)) throw new BugError(`DWARF register ${dwarf} is no integer register of arm64`);
  return dwarf;
}

export function machine(architecture: Architecture): Machine {
  return architecture === 'amd64' ? amd64 : arm64;
}
