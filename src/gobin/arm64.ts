import type { Address } from '#base';
import { CodeBuilder } from './code.ts';
import { type DecodeCode, flow, type InstructionRole, type Location, stackLocation } from './types.ts';

/**
 * Decodes arm64 code by bit masks (Arm ARM, C4.1). Words that the function loads as literals are data: they are passed over as
 * `flow.other`. A rest of fewer than four bytes counts as not decodable.
 */
export const decodeArm64: DecodeCode = (bytes, entry: Address) => {
  const builder = new CodeBuilder(bytes, entry);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  const literals = literalWords(view, whole);
  for (let at = 0; at < whole; at += 4) {
    const word = view.getUint32(at, true);
    const data = literals.has(at);
    if (builder.wantsEffects) addEffects(builder, data ? 0 : word);
    if (data) builder.add(4, flow.other, Number.NaN);
    else {
      const kind = flowOf(word);
      builder.add(4, kind, targetOf(word, at, kind));
    }
  }
  return builder.finish((start) => roleOf(view.getUint32(start, true)), whole < bytes.length);
};

function roleOf(word: number): InstructionRole {
  const arithmetic = is(word, 0x1f000000, 0x11000000) || is(word, 0x1f000000, 0x0b000000);
  const logical = is(word, 0x1f800000, 0x12000000) || is(word, 0x1f000000, 0x0a000000);
  const compares = is(word, 0x1fe00000, 0x1a400000) || is(word, 0xff200c00, 0x1e200000);
  const opc = (word >>> 29) & 3;
  const setsFlags = compares || (arithmetic && (opc & 1) === 1) || (logical && opc === 3);
  const kind = kindOf(word);
  const rt = word & 31;
  const isMemory = ((word >>> 25) & 5) === 4 && !is(word, 0x3b000000, 0x18000000);
  const base = (word >>> 5) & 31;
  const mayFault = isMemory && base !== stackPointer;
  const common = { kind, setsFlags, mayFault, follows: mayFault ? [base] : [] };
  const slot = stackLocation + ((word >>> 10) & 0xfff) * 8;
  // str and ldr of a doubleword at a distance from the stack pointer, mov between registers
  if (is(word, 0xffc003e0, 0xf90003e0)) return { ...common, writes: [slot], reads: [rt], from: rt };
  if (is(word, 0xffc003e0, 0xf94003e0)) return { ...common, writes: [rt], reads: [slot], from: slot };
  if (is(word, 0xffe0ffe0, 0xaa0003e0))
    return { ...common, writes: [rt], reads: [(word >>> 16) & 31], from: (word >>> 16) & 31 };
  return { ...common, writes: writtenBy(word), reads: [] };
}

/** DWARF number of V0. */
const firstVector = 64;

function writtenBy(word: number): Location[] {
  const found: Location[] = [];
  const [integers, floats] = effectsOf(word);
  for (let n = 0; n < 32; n++) {
    if ((integers >>> n) & 1) found.push(n);
    if ((floats >>> n) & 1) found.push(firstVector + n);
  }
  return found;
}

/** What it may write: integer and float registers, a bit each. */
function effectsOf(word: number): readonly [number, number] {
  const first = new CodeBuilder(new Uint8Array(4), 0 as Address);
  addEffects(first, word);
  const { registers, floats } = first.prefix;
  return [registers[0]!, floats[0]!];
}

function kindOf(word: number): InstructionRole['kind'] {
  if (word === 0xd503201f) return 'nop';
  // csel, csinc, csinv, csneg, fcsel
  if (is(word, 0x1fe00000, 0x1a800000) || is(word, 0xff200c00, 0x1e200c00)) return 'select';
  // movz, movn, movk, adr(p); orr with the zero register, which is mov
  if (is(word, 0x1f800000, 0x12800000) || is(word, 0x1f000000, 0x10000000)) return 'move';
  if (is(word, 0x7fe0ffe0, 0x2a0003e0)) return 'move';
  const op0 = (word >>> 25) & 15;
  if ((op0 & 5) !== 4) return 'other';
  if (((word >>> 5) & 31) === stackPointer) return 'move';
  const form = (word >>> 28) & 3;
  const isVector = (word & vector) !== 0;
  const isStore = ((word >>> 22) & (form === 3 && !isVector ? 3 : 1)) === 0 && !is(word, 0x3b000000, 0x18000000);
  // A load into the assembler's own register is there to fault.
  return isStore || (form === 3 && !isVector && (word & 31) === temporary) ? 'effect' : 'other';
}

/** REGTMP of Go's assembler. */
const temporary = 27;

/** Offsets of words that a literal load of this code reads. */
function literalWords(view: DataView, size: number): ReadonlySet<number> {
  const words = new Set<number>();
  for (let at = 0; at < size; at += 4) {
    const word = view.getUint32(at, true);
    if (!is(word, 0x3b000000, 0x18000000)) continue;
    const opc = word >>> 30;
    const length = opc === 0 || (opc === 2 && (word & vector) === 0) ? 4 : opc === 1 ? 8 : opc === 2 ? 16 : 0;
    const start = at + signed(word >>> 5, 19) * 4;
    for (let each = start; each < start + length; each += 4) words.add(each);
  }
  return words;
}

function flowOf(word: number): number {
  if (is(word, 0xfc000000, 0x14000000)) return flow.jump;
  if (is(word, 0xfc000000, 0x94000000)) return flow.call;
  if (is(word, 0xff000000, 0x54000000) || is(word, 0x7c000000, 0x34000000)) return flow.conditional;
  if (is(word, 0xfe000000, 0xd6000000)) {
    // Branches to a register, the forms with pointer authentication too: opc says which.
    const opc = (word >>> 21) & 7;
    return opc === 0 ? flow.indirectJump : opc === 1 ? flow.indirectCall : opc === 2 ? flow.return : flow.other;
  }
  if (is(word, 0xff000000, 0xd4000000)) return flow.other;
  // Reserved, unallocated, SVE: Go makes none; zeros are the linker's padding.
  return ((word >>> 25) & 0xc) === 0 ? flow.other : flow.next;
}

function targetOf(word: number, at: number, kind: number): number {
  if (kind === flow.jump || kind === flow.call) return at + signed(word, 26) * 4;
  if (kind !== flow.conditional) return Number.NaN;
  return is(word, 0x7e000000, 0x36000000) ? at + signed(word >>> 5, 14) * 4 : at + signed(word >>> 5, 19) * 4;
}

/** Bit 26 of loads and stores: the register is a vector register. */
const vector = 1 << 26;
const everything = 0xffffffff;
const stackPointer = 31;

/** What an instruction may write; where the encoding is not worth telling apart, more than it does. */
function addEffects(builder: CodeBuilder, word: number): void {
  const rd = word & 31;
  const rn = (word >>> 5) & 31;
  const one = 1 << rd;
  /** Register 31 here means zero, so nothing is written. */
  const orZero = rd === 31 ? 0 : one;
  const op0 = (word >>> 25) & 15;
  if ((op0 & 0xe) === 8) {
    const setsFlags =
      ((word >>> 29) & (is(word, 0x1f800000, 0x12000000) ? 3 : 1)) === (is(word, 0x1f800000, 0x12000000) ? 3 : 1);
    const intoStackPointer = is(word, 0x1f000000, 0x11000000) || is(word, 0x1f800000, 0x12000000);
    builder.effects(intoStackPointer && !setsFlags ? one : orZero, 0, false);
  } else if ((op0 & 0xe) === 10) {
    const link = is(word, 0xfc000000, 0x94000000) || is(word, 0xfffffc1f, 0xd63f0000);
    const readsSystem = is(word, 0xfff00000, 0xd5300000);
    builder.effects(link ? 1 << 30 : readsSystem ? orZero : 0, 0, is(word, 0xff000000, 0xd4000000));
  } else if ((op0 & 7) === 5) {
    const compare = is(word, 0x1fe00000, 0x1a400000);
    const extended = is(word, 0x3fe00000, 0x0b200000);
    builder.effects(compare ? 0 : extended ? one : orZero, 0, false);
  } else if ((op0 & 7) === 7) {
    // Some of them move to an integer register.
    builder.effects(orZero, one, false);
  } else if ((op0 & 5) === 4) loadOrStore(builder, word, rd, rn);
  else builder.effects(everything, everything, true);
}

function loadOrStore(builder: CodeBuilder, word: number, rt: number, rn: number): void {
  const isVector = (word & vector) !== 0;
  const loaded = (register: number): number => (register === stackPointer && !isVector ? 0 : 1 << register);
  const tell = (written: number, back: boolean, memory: boolean): void => {
    const base = back ? 1 << rn : 0;
    builder.effects(isVector ? base : written | base, isVector ? written : 0, memory);
  };
  const form = (word >>> 28) & 3;
  if (form === 3) {
    const opc = (word >>> 22) & 3;
    const load = isVector ? (opc & 1) === 1 : opc !== 0;
    const scaled = ((word >>> 24) & 1) === 1;
    const mode = (word >>> 10) & 3;
    const registerForm = ((word >>> 21) & 1) === 1;
    if (!scaled && registerForm && mode !== 2) builder.effects(everything, everything, true);
    else tell(load ? loaded(rt) : 0, !scaled && !registerForm && (mode & 1) === 1, !load);
  } else if (form === 2) {
    const load = ((word >>> 22) & 1) === 1;
    tell(load ? loaded(rt) | loaded((word >>> 10) & 31) : 0, ((word >>> 23) & 1) === 1, !load);
  } else if (is(word, 0x3b000000, 0x18000000)) tell(loaded(rt), false, false);
  else builder.effects(everything, everything, true);
}

function is(word: number, mask: number, value: number): boolean {
  return (word & mask) >>> 0 === value >>> 0;
}

/** The low `bits` of `value` as a signed number. */
function signed(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}
