import type { Address } from '#base';
import { CodeBuilder } from './code.ts';
import { type DecodeCode, flow, type InstructionRole, type Location, stackLocation } from './types.ts';

/** The parts of the package iced-x86 that are used here; it is handed in, because this part is plain ECMAScript. */
export interface IcedX86 {
  readonly Decoder: new (bitness: number, data: Uint8Array, options: number) => IcedDecoder;
  readonly Instruction: new () => IcedInstruction;
  readonly InstructionInfoFactory: new () => IcedInfoFactory;
  readonly RegisterExt: {
    isGPR(register: number): boolean;
    isVectorRegister(register: number): boolean;
    /** 0–15 in the machine's own numbering. */
    number(register: number): number;
  };
  readonly Formatter: new (syntax: number) => IcedFormatter;
  readonly Mnemonic: { readonly [name in (typeof moves)[number] | 'Lea' | 'Xor' | 'Test' | 'Nop']: number };
  readonly Register: { readonly RSP: number; readonly RIP: number; readonly None: number };
  readonly OpKind: { readonly Register: number; readonly Memory: number };
}

interface IcedDecoder {
  ip: bigint;
  readonly canDecode: boolean;
  decodeOut(instruction: IcedInstruction): void;
  free(): void;
}

interface IcedInstruction {
  readonly length: number;
  readonly isInvalid: boolean;
  readonly flowControl: number;
  readonly op0Kind: number;
  readonly nearBranchTarget: bigint;
  readonly mnemonic: number;
  readonly op0Register: number;
  readonly op1Kind: number;
  readonly op1Register: number;
  readonly memoryBase: number;
  readonly memoryIndex: number;
  readonly memoryDisplacement: bigint;
  readonly rflagsModified: number;
  free(): void;
}

interface IcedUse {
  readonly register?: number;
  /** Of a use of memory. */
  readonly base?: number;
  readonly index?: number;
  readonly access: number;
  free(): void;
}

interface IcedInfo {
  // biome-ignore lint/suspicious/noExplicitAny: iced's own declaration
  usedRegisters(): any[];
  // biome-ignore lint/suspicious/noExplicitAny: iced's own declaration
  usedMemory(): any[];
  free(): void;
}

interface IcedInfoFactory {
  info(instruction: IcedInstruction): IcedInfo;
  free(): void;
}

interface IcedFormatter {
  format(instruction: IcedInstruction): string;
  free(): void;
}

/** By iced's `FlowControl`: Next, UnconditionalBranch, IndirectBranch, ConditionalBranch, Return, Call, IndirectCall, Interrupt, XbeginXabortXend, Exception. */
const flowOf = [
  flow.next,
  flow.jump,
  flow.indirectJump,
  flow.conditional,
  flow.return,
  flow.call,
  flow.indirectCall,
  flow.other,
  flow.other,
  flow.other,
] as const;

/** iced's `OpKind.NearBranch64`; far and register operands have other kinds. */
const nearBranch64 = 3;

/** iced's `OpAccess` Write, CondWrite, ReadWrite, ReadCondWrite. */
const writes = (access: number): boolean => access >= 3 && access <= 6;

/** iced's `OpAccess` Read, CondRead, CondWrite, ReadWrite, ReadCondWrite. */
const reads = (access: number): boolean => access === 1 || access === 2 || (access >= 4 && access <= 6);

/** iced's `OpAccess` Read, Write, ReadWrite, ReadCondWrite. */
const isCertain = (access: number): boolean => access === 1 || access === 3 || access === 5 || access === 6;

/** DWARF number of machine register n (System V psABI, figure 3.36): only the first eight differ. */
const dwarfNumber = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15] as const;

/** A decoder of x86-64 code. It keeps nothing of iced's between calls. */
export function createX86Decoder(iced: IcedX86): DecodeCode {
  /** All of it, or the first instructions with what they write: that takes longer than all else. */
  const pass = (builder: CodeBuilder, bytes: Uint8Array, mostEffects: number): boolean => {
    if (bytes.length === 0) return true;
    const decoder = new iced.Decoder(64, bytes, 0);
    const instruction = new iced.Instruction();
    const infos = mostEffects > 0 ? new iced.InstructionInfoFactory() : undefined;
    try {
      // With the instruction pointer counted from 0, branch targets are offsets from the entry.
      while (decoder.canDecode && (infos === undefined || (builder.wantsEffects && builder.told < mostEffects))) {
        decoder.decodeOut(instruction);
        if (instruction.isInvalid) return false;
        const kind = flowOf[instruction.flowControl] ?? flow.other;
        const direct =
          (kind === flow.jump || kind === flow.conditional || kind === flow.call) &&
          instruction.op0Kind === nearBranch64;
        const target = direct ? Number(BigInt.asIntN(64, instruction.nearBranchTarget)) : Number.NaN;
        if (infos !== undefined) addEffects(builder, iced, infos.info(instruction));
        builder.add(instruction.length, kind, target);
      }
      return true;
    } finally {
      infos?.free();
      instruction.free();
      decoder.free();
    }
  };
  return (bytes, entry) => {
    const builder = new CodeBuilder(bytes, entry);
    const whole = pass(builder, bytes, 0);
    const role = (start: number, end: number) => roleOf(iced, bytes.subarray(start, end));
    return builder.finish(role, !whole, (most) => {
      const first = new CodeBuilder(bytes, entry);
      pass(first, bytes, most);
      return first.finish(role).prefix;
    });
  };
}

/** Behind a REX prefix or none: cmov (Intel SDM, 0F 40–4F). */
function isConditionalMove(bytes: Uint8Array): boolean {
  const at = bytes[0]! >> 4 === 4 ? 1 : 0;
  return bytes[at] === 0x0f && bytes[at + 1]! >> 4 === 4;
}

const nothing: InstructionRole = {
  kind: 'other',
  setsFlags: false,
  mayFault: false,
  follows: [],
  writes: [],
  reads: [],
};

function roleOf(iced: IcedX86, bytes: Uint8Array): InstructionRole {
  const decoder = new iced.Decoder(64, bytes, 0);
  const instruction = new iced.Instruction();
  const infos = new iced.InstructionInfoFactory();
  try {
    decoder.decodeOut(instruction);
    if (instruction.isInvalid) return nothing;
    const { Mnemonic, OpKind, Register } = iced;
    if (instruction.mnemonic === Mnemonic.Nop) return { ...nothing, kind: 'nop' };
    const { mnemonic, op0Kind, op1Kind, memoryBase, memoryIndex } = instruction;
    const onStack = memoryBase === Register.RSP && memoryIndex === Register.None;
    const slot = stackLocation + Number(BigInt.asIntN(64, instruction.memoryDisplacement));
    const info = infos.info(instruction);
    const registers = used(iced, info);
    const memory = memoryWritten(iced, info);
    const pointers = pointersOf(iced, info);
    info.free();
    const writes = [...registers.written, ...(memory === 'stack' ? [slot] : [])];
    const readsSlot = onStack && (op1Kind === OpKind.Memory || (op0Kind === OpKind.Memory && !isStore(iced, mnemonic)));
    const reads = [...registers.read, ...(readsSlot ? [slot] : [])];
    const isMove = moves.some((name) => mnemonic === Mnemonic[name]);
    const fromMemory = op1Kind === OpKind.Memory;
    const isRead = isMove && fromMemory && onStack;
    const isStored = isMove && memory === 'stack' && op1Kind === OpKind.Register;
    const isCopy = isMove && op0Kind === OpKind.Register && op1Kind === OpKind.Register;
    const isConstant =
      (isMove && !fromMemory && op1Kind !== OpKind.Register && memory === 'none') ||
      (mnemonic === Mnemonic.Lea && (onStack || memoryBase === Register.RIP)) ||
      (mnemonic === Mnemonic.Xor && op1Kind === OpKind.Register && instruction.op0Register === instruction.op1Register);
    const isFault = mnemonic === Mnemonic.Test && op0Kind === OpKind.Memory;
    const kind =
      memory === 'elsewhere' || isFault
        ? 'effect'
        : isRead || memory === 'stack' || isCopy || isConstant
          ? 'move'
          : isConditionalMove(bytes)
            ? 'select'
            : 'other';
    // Into itself, it cuts off upper bits.
    const isSame = isCopy && instruction.op0Register === instruction.op1Register;
    const isCut = isSame || (mnemonic === Mnemonic.Movzx && !isRead);
    const source = isRead ? slot : isStored || isCopy ? locationOf(iced, instruction.op1Register) : undefined;
    const from = isCut || writes.length !== 1 || source === undefined ? {} : { from: source };
    return { kind, setsFlags: instruction.rflagsModified !== 0, ...pointers, writes, reads, ...from };
  } finally {
    infos.free();
    instruction.free();
    decoder.free();
  }
}

/** As the compiler brings values from place to place (cmd/compile/internal/amd64, moveByType, loadByType, storeByType). */
const moves = ['Mov', 'Movzx', 'Movups', 'Movsd', 'Movss'] as const;

/** DWARF number of XMM0. */
const firstVector = 17;

function locationOf(iced: IcedX86, register: number): Location | undefined {
  if (iced.RegisterExt.isGPR(register)) return dwarfNumber[iced.RegisterExt.number(register)]!;
  return iced.RegisterExt.isVectorRegister(register) ? firstVector + iced.RegisterExt.number(register) : undefined;
}

/** Does it overwrite its first operand whole? */
const isStore = ({ Mnemonic }: IcedX86, mnemonic: number) => moves.some((name) => mnemonic === Mnemonic[name]);

function used(iced: IcedX86, info: IcedInfo): { readonly written: Location[]; readonly read: Location[] } {
  const written = new Set<Location>();
  const read = new Set<Location>();
  for (const use of info.usedRegisters() as IcedUse[]) {
    const location = locationOf(iced, use.register!);
    if (location !== undefined && writes(use.access)) written.add(location);
    if (location !== undefined && reads(use.access)) read.add(location);
    use.free();
  }
  return { written: [...written], read: [...read] };
}

function memoryWritten(iced: IcedX86, info: IcedInfo): 'none' | 'stack' | 'elsewhere' {
  let found: 'none' | 'stack' | 'elsewhere' = 'none';
  for (const use of info.usedMemory() as IcedUse[]) {
    if (writes(use.access)) found = use.base === iced.Register.RSP && found === 'none' ? 'stack' : 'elsewhere';
    use.free();
  }
  return found;
}

/** Is memory accessed by a register other than the stack pointer? Where an element is, its index was checked. */
function pointersOf(iced: IcedX86, info: IcedInfo): Pick<InstructionRole, 'mayFault' | 'follows'> {
  const { Register } = iced;
  const follows = new Set<Location>();
  let mayFault = false;
  for (const use of info.usedMemory() as IcedUse[]) {
    const { base, index, access } = use;
    use.free();
    const isElement = index !== Register.None;
    if (isElement || base === Register.RSP || base === Register.RIP || base === Register.None) continue;
    mayFault = true;
    const location = locationOf(iced, base!);
    if (location !== undefined && isCertain(access)) follows.add(location);
  }
  return { mayFault, follows: [...follows] };
}

function addEffects(builder: CodeBuilder, iced: IcedX86, info: IcedInfo): void {
  let registers = 0;
  let floats = 0;
  let memory = false;
  for (const use of info.usedRegisters() as IcedUse[]) {
    const register = use.register!;
    if (writes(use.access)) {
      if (iced.RegisterExt.isGPR(register)) registers |= 1 << dwarfNumber[iced.RegisterExt.number(register)]!;
      else if (iced.RegisterExt.isVectorRegister(register)) floats |= 1 << iced.RegisterExt.number(register);
    }
    use.free();
  }
  for (const use of info.usedMemory() as IcedUse[]) {
    memory ||= writes(use.access);
    use.free();
  }
  info.free();
  builder.effects(registers, floats, memory);
}

/** Text of the one instruction that `bytes` begin with, in AT&T syntax as Go people know it from objdump; `(bad)` for none. */
export function createX86Formatter(iced: IcedX86): (bytes: Uint8Array, at: Address) => string {
  return (bytes, at) => {
    const decoder = new iced.Decoder(64, bytes, 0);
    const instruction = new iced.Instruction();
    const formatter = new iced.Formatter(gasSyntax);
    try {
      decoder.ip = BigInt(at);
      decoder.decodeOut(instruction);
      return instruction.isInvalid ? '(bad)' : formatter.format(instruction);
    } finally {
      formatter.free();
      instruction.free();
      decoder.free();
    }
  };
}

/** iced's `FormatterSyntax.Gas`. */
const gasSyntax = 0;
