import { type Assembler, fp, immediate, type Label, type Register, r1, r2, r3, r6, r8, r9 } from '#asm';
import { BugError, floatBits } from '#base';
import type { CgoCallback } from '#gobin';
import type { Computation, Scalar } from '../computation/index.ts';
import type { Root, ScalarSource, SlotSource, Way } from '../plan/index.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser } from './read.ts';
import type { FrameBytes } from './record.ts';

/** What reading depends on. */
export interface Reading {
  readonly machine: Machine;
  /** How many probes the tracepoint has. */
  readonly probes: number;
  /** Addresses of the file plus this are the process's. */
  readonly bias?: number;
  readonly cgoCallback?: CgoCallback | undefined;
  /** Of inlined copies and lines: bytes between the stack pointer at the site and the return address. */
  readonly frameBytes?: FrameBytes | undefined;
}

/** Where control goes when a value cannot be read. */
export interface Fails {
  readonly nil: Label;
  readonly unreadable: Label;
  readonly outOfRange: Label;
  readonly otherType: Label;
  readonly noIndex: Label;
}

function allTo(label: Label): Fails {
  return { nil: label, unreadable: label, outOfRange: label, otherType: label, noIndex: label };
}

/** Words of the stack for what is under way; a level is one word. */
const mostLevels = 44;

export function temp(level: number): number {
  if (level >= mostLevels) throw new BugError(`a computation that is nested ${level} deep`);
  return frame.temps - 8 * level;
}

/** `destination` = the 8 bytes at a root. Loses r0–r5. */
export function word(asm: Assembler, reading: Reading, root: Root, destination: Register, unreadable: Label): void {
  if (root.kind === 'register') {
    asm.load(8, destination, r6, reading.machine.register(root.register));
    if (root.shift !== 0) asm.alu('rsh', destination, immediate(root.shift));
    return;
  }
  if (root.kind === 'latency') {
    asm.load(8, destination, fp, frame.latency);
    return;
  }
  if (root.kind === 'goroutine') {
    // 0 where it is not known.
    asm.load(8, destination, fp, frame.g);
    asm.jumpIf('eq', destination, immediate(0), unreadable);
    return;
  }
  baseAddress(asm, reading, root);
  readUser(asm, fp, frame.scratch, 8, unreadable);
  asm.load(8, destination, fp, frame.scratch);
}

/** r3 = where a root in memory is; for one in a register, where the stack is. */
function baseAddress(asm: Assembler, { machine, bias = 0 }: Reading, root: Root): void {
  if (root.kind === 'static') {
    asm.loadConstant(r3, BigInt(root.address) + BigInt(bias));
    return;
  }
  asm.load(8, r3, r6, machine.stackPointer);
  if (root.kind === 'stack') asm.alu('add', r3, immediate(root.frameOffset));
}

/** Goes to where a guard that does not hold says. Loses r0–r5, r8, r9. */
export function checkGuards(
  asm: Assembler,
  reading: Reading,
  { guards = [] }: { readonly guards?: Way['guards'] },
  fails: Fails,
  level = 0,
): void {
  for (const { check, otherwise } of guards) {
    const holds = asm.newLabel();
    // What a guard reads is what is read behind it: nil or unreadable here is nil or unreadable there.
    branch(asm, reading, check, { yes: holds, no: fails[otherwise], fails }, level);
    asm.label(holds);
  }
}

/** r3 = the address that the hops lead to (of the root itself without hops: it is in memory then). Loses r0–r5, r8, r9. */
export function addressOf(asm: Assembler, reading: Reading, { root, hops }: Way, fails: Fails, level = 0): void {
  if (hops.length === 0 || typeof hops[0] !== 'number') baseAddress(asm, reading, root);
  hops.forEach((hop, at) => {
    if (typeof hop !== 'number') {
      asm.store(8, fp, temp(level), r3);
      compute(asm, reading, hop.index, allTo(fails.noIndex), level + 1);
      asm.load(8, r3, fp, temp(level));
      if (hop.stride !== 1) asm.alu('mul', r8, immediate(hop.stride));
      asm.alu('add', r3, r8);
      if (hop.offset !== 0) asm.alu('add', r3, immediate(hop.offset));
      return;
    }
    if (at === 0) word(asm, reading, root, r3, fails.unreadable);
    else {
      readUser(asm, fp, frame.scratch, 8, fails.unreadable);
      asm.load(8, r3, fp, frame.scratch);
    }
    asm.jumpIf('eq', r3, immediate(0), fails.nil);
    if (hop !== 0) asm.alu('add', r3, immediate(hop));
  });
}

/** The upper bits of a register that holds less than 8 bytes are undefined (abi-internal.md). */
export function extend(asm: Assembler, register: Register, size: number, signed: boolean): void {
  if (size === 8) return;
  asm.alu('lsh', register, immediate(64 - 8 * size));
  asm.alu(signed ? 'arsh' : 'rsh', register, immediate(64 - 8 * size));
}

/** r8 = pointer to a string's bytes, r9 = its length. Loses r0–r5. */
export function stringHeader(
  asm: Assembler,
  reading: Reading,
  source: Extract<SlotSource, { kind: 'string-parts' | 'string-header' }>,
  fails: Fails,
  level = 0,
): void {
  if (source.kind === 'string-header') {
    checkGuards(asm, reading, source, fails, level);
    addressOf(asm, reading, source, fails, level);
    readUser(asm, fp, frame.scratch, 16, fails.unreadable);
    asm.load(8, r8, fp, frame.scratch);
    asm.load(8, r9, fp, frame.scratch + 8);
    return;
  }
  word(asm, reading, source.pointer, r8, fails.unreadable);
  word(asm, reading, source.length, r9, fails.unreadable);
}

/** r8 = a number as 8 bytes, extended from its own width; of a float its bits. */
function read(asm: Assembler, reading: Reading, source: ScalarSource, fails: Fails, level: number): void {
  checkGuards(asm, reading, source, fails, level);
  const { root, hops, size, kind } = source;
  if (hops.length === 0 && (root.kind === 'register' || root.kind === 'latency')) {
    word(asm, reading, root, r8, fails.unreadable);
    extend(asm, r8, size, kind === 'int');
    return;
  }
  addressOf(asm, reading, source, fails, level);
  readUser(asm, fp, frame.scratch, size, fails.unreadable);
  asm.load(size === 1 || size === 2 || size === 4 ? size : 8, r8, fp, frame.scratch);
  if (kind === 'int') extend(asm, r8, size, true);
}

/**
 * r8 = a computation's value: an integer in its own width, extended; a bool as 0 or 1; a float's bits. `fails`: where it has none (a division by
 * zero goes to `unreadable`). Keeps what is under way on the stack from `level` on. Loses r0–r5, r9.
 */
export function compute(
  asm: Assembler,
  reading: Reading,
  node: Computation<SlotSource>,
  fails: Fails,
  level: number,
): void {
  switch (node.op) {
    case 'leaf':
      read(asm, reading, scalarOf(node.leaf), fails, level);
      return;
    case 'constant':
      asm.loadConstant(r8, bitsOf(node.value, node.type));
      return;
    case 'address':
      asm.loadConstant(r8, BigInt(node.address) + BigInt(reading.bias ?? 0));
      return;
    case 'unknown':
      asm.jump(fails.unreadable);
      return;
    case 'zeroIfNil': {
      const nil = asm.newLabel();
      const done = asm.newLabel();
      compute(asm, reading, node.operand, { ...fails, nil }, level);
      if (!asm.isUsed(nil)) return;
      asm.jump(done);
      asm.label(nil);
      asm.mov(r8, immediate(0));
      asm.label(done);
      return;
    }
    case 'negate':
    case 'complement':
      compute(asm, reading, node.operand, fails, level);
      if (node.op === 'negate') asm.alu('neg', r8, immediate(0));
      else asm.alu('xor', r8, immediate(-1));
      narrow(asm, node.type);
      return;
    case 'convert':
      compute(asm, reading, node.operand, fails, level);
      narrow(asm, node.type);
      return;
    default:
  }
  if (node.type.kind === 'bool') {
    truth(asm, reading, node, fails, level);
    return;
  }
  if (!('left' in node)) throw new BugError(`the kernel does not compute ${node.op}`);
  compute(asm, reading, node.left, fails, level);
  asm.store(8, fp, temp(level), r8);
  compute(asm, reading, node.right, fails, level + 1);
  asm.mov(r9, r8);
  asm.load(8, r8, fp, temp(level));
  operate(asm, node.op, node.type, node.right.type, fails.unreadable);
  narrow(asm, node.type);
}

function scalarOf(source: SlotSource): ScalarSource {
  switch (source.kind) {
    case 'int':
    case 'uint':
    case 'bool':
    case 'address':
    case 'float':
      return source;
    default:
      throw new BugError(`a ${source.kind} is no number`);
  }
}

function bitsOf(value: bigint | number | boolean | Uint8Array, type: Scalar): bigint {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number') throw new BugError('a text is no number');
  if (type.kind !== 'float' || type.size === 8) return floatBits(value);
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

/** r8 in the width of its type. */
function narrow(asm: Assembler, type: Scalar): void {
  if (type.kind === 'int' || type.kind === 'uint') extend(asm, r8, type.size, type.kind === 'int');
}

/** r8 = 1 or 0. */
function truth(asm: Assembler, reading: Reading, node: Computation<SlotSource>, fails: Fails, level: number): void {
  const [yes, no, done] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  branch(asm, reading, node, { yes, no, fails }, level);
  if (asm.isUsed(no)) {
    asm.label(no);
    asm.mov(r8, immediate(0));
    asm.jump(done);
  }
  if (asm.isUsed(yes)) {
    asm.label(yes);
    asm.mov(r8, immediate(1));
  }
  asm.label(done);
}

/** r8 = r8 op r9, integers; r9 is lost. */
function operate(asm: Assembler, op: string, type: Scalar, shift: Scalar, fails: Label): void {
  const signed = type.kind === 'int';
  switch (op) {
    case '+':
      asm.alu('add', r8, r9);
      return;
    case '-':
      asm.alu('sub', r8, r9);
      return;
    case '*':
      asm.alu('mul', r8, r9);
      return;
    case '&':
      asm.alu('and', r8, r9);
      return;
    case '|':
      asm.alu('or', r8, r9);
      return;
    case '^':
      asm.alu('xor', r8, r9);
      return;
    case '&^':
      asm.alu('xor', r9, immediate(-1));
      asm.alu('and', r8, r9);
      return;
    case '<<':
    case '>>': {
      const small = asm.newLabel();
      const done = asm.newLabel();
      if (shift.kind === 'int') asm.jumpIf('slt', r9, immediate(0), fails);
      asm.jumpIf('le', r9, immediate(63), small);
      if (op === '>>' && signed) asm.alu('arsh', r8, immediate(63));
      else asm.mov(r8, immediate(0));
      asm.jump(done);
      asm.label(small);
      asm.alu(op === '<<' ? 'lsh' : signed ? 'arsh' : 'rsh', r8, r9);
      asm.label(done);
      return;
    }
    case '/':
    case '%':
      asm.jumpIf('eq', r9, immediate(0), fails);
      if (signed) divideSigned(asm, op);
      else asm.alu(op === '/' ? 'div' : 'mod', r8, r9);
      return;
    default:
      throw new BugError(`the kernel does not compute ${op}`);
  }
}

/** Truncated towards zero; a remainder has the sign of the dividend. eBPF before version 4 divides unsigned only. */
function divideSigned(asm: Assembler, op: '/' | '%'): void {
  // r1: the result is negative.
  const [first, second, done] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  asm.mov(r1, immediate(0));
  asm.jumpIf('sge', r8, immediate(0), first);
  asm.alu('neg', r8, immediate(0));
  asm.mov(r1, immediate(1));
  asm.label(first);
  asm.jumpIf('sge', r9, immediate(0), second);
  asm.alu('neg', r9, immediate(0));
  if (op === '/') asm.alu('xor', r1, immediate(1));
  asm.label(second);
  asm.alu(op === '/' ? 'div' : 'mod', r8, r9);
  asm.jumpIf('eq', r1, immediate(0), done);
  asm.alu('neg', r8, immediate(0));
  asm.label(done);
}

export interface Targets {
  readonly yes: Label;
  readonly no: Label;
  readonly fails: Fails;
}

/** Goes to `yes` or `no`, never on. Go's rules: the right side of `&&` and `||` only where it counts, NaN is equal to nothing. */
export function branch(
  asm: Assembler,
  reading: Reading,
  node: Computation<SlotSource>,
  { yes, no, fails }: Targets,
  level: number,
): void {
  switch (node.op) {
    case 'constant':
      // Both ways are taken for the verifier, which refuses code that no way leads to.
      asm.mov(r1, immediate(node.value === true ? 1 : 0));
      asm.jumpIf('ne', r1, immediate(0), yes);
      asm.jump(no);
      return;
    case 'unknown':
      asm.mov(r1, immediate(0));
      asm.jumpIf('ne', r1, immediate(0), yes);
      asm.jump(fails.unreadable);
      return;
    case 'not':
      branch(asm, reading, node.operand, { yes: no, no: yes, fails }, level);
      return;
    case '&&':
    case '||': {
      const more = asm.newLabel();
      const left = node.op === '&&' ? { yes: more, no, fails } : { yes, no: more, fails };
      branch(asm, reading, node.left, left, level);
      if (!asm.isUsed(more)) return;
      asm.label(more);
      branch(asm, reading, node.right, { yes, no, fails }, level);
      return;
    }
    case 'hasPrefix':
      compareText(asm, reading, node.left, node.right, { yes, no, fails }, 'prefix', level);
      return;
    case '==':
    case '!=': {
      const [equal, different] = node.op === '==' ? [yes, no] : [no, yes];
      if (node.left.type.kind === 'string') {
        compareText(asm, reading, node.left, node.right, { yes: equal, no: different, fails }, 'whole', level);
        return;
      }
      break;
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      break;
    default:
      compute(asm, reading, node, fails, level);
      asm.jumpIf('ne', r8, immediate(0), yes);
      asm.jump(no);
      return;
  }
  const { type } = node.left;
  compute(asm, reading, node.left, fails, level);
  if (type.kind === 'float') ordered(asm, type.size, node.op === '!=' ? yes : no);
  asm.store(8, fp, temp(level), r8);
  compute(asm, reading, node.right, fails, level + 1);
  if (type.kind === 'float') ordered(asm, type.size, node.op === '!=' ? yes : no);
  asm.load(8, r1, fp, temp(level));
  const signed = type.kind === 'int' || type.kind === 'float';
  asm.jumpIf(conditions[node.op][signed ? 0 : 1], r1, r8, yes);
  asm.jump(no);
}

/** Signed and unsigned. */
const conditions = {
  '==': ['eq', 'eq'],
  '!=': ['ne', 'ne'],
  '<': ['slt', 'lt'],
  '<=': ['sle', 'le'],
  '>': ['sgt', 'gt'],
  '>=': ['sge', 'ge'],
} as const;

/** r8, the bits of a float, as an integer of the same order; a NaN goes to `nan`. */
function ordered(asm: Assembler, size: 4 | 8, nan: Label): void {
  const positive = asm.newLabel();
  const bits = BigInt(8 * size);
  const sign = 1n << (bits - 1n);
  const infinity = size === 8 ? 0x7ff0_0000_0000_0000n : 0x7f80_0000n;
  asm.loadConstant(r1, sign - 1n);
  asm.alu('and', r1, r8);
  asm.loadConstant(r2, infinity);
  asm.jumpIf('gt', r1, r2, nan);
  asm.loadConstant(r2, sign);
  asm.alu('and', r8, r2);
  asm.mov(r9, r8);
  asm.mov(r8, r1);
  asm.jumpIf('eq', r9, immediate(0), positive);
  asm.alu('neg', r8, immediate(0));
  asm.label(positive);
}

/** A string that is read against a constant. */
function compareText(
  asm: Assembler,
  reading: Reading,
  left: Computation<SlotSource>,
  right: Computation<SlotSource>,
  { yes, no, fails }: Targets,
  what: 'whole' | 'prefix',
  level: number,
): void {
  if (left.op !== 'leaf' || right.op !== 'constant' || !(right.value instanceof Uint8Array)) {
    throw new BugError('the kernel compares strings with constants');
  }
  const source = left.leaf;
  if (source.kind !== 'string-header' && source.kind !== 'string-parts') throw new BugError('no string');
  const wanted = right.value;
  stringHeader(asm, reading, source, fails, level);
  asm.jumpIf(what === 'whole' ? 'ne' : 'lt', r9, immediate(wanted.length), no);
  if (wanted.length > 0) {
    asm.mov(r3, r8);
    readUser(asm, fp, frame.text, wanted.length, fails.unreadable);
    const view = new DataView(wanted.buffer, wanted.byteOffset, wanted.length);
    for (let at = 0; at < wanted.length; ) {
      const left = wanted.length - at;
      const size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const bits =
        size === 8
          ? view.getBigUint64(at, true)
          : BigInt(size === 4 ? view.getUint32(at, true) : size === 2 ? view.getUint16(at, true) : view.getUint8(at));
      asm.load(size, r1, fp, frame.text + at);
      asm.loadConstant(r2, bits);
      asm.jumpIf('ne', r1, r2, no);
      at += size;
    }
  }
  asm.jump(yes);
}

/** The condition of an event: goes on where it holds, to `no` where it does not, to `undecided` where that cannot be told. Loses all but r6, r7. */
export function requireCondition(
  asm: Assembler,
  reading: Reading,
  condition: Computation<SlotSource>,
  targets: { readonly no: Label; readonly undecided: Label },
): void {
  const yes = asm.newLabel();
  branch(asm, reading, condition, { yes, no: targets.no, fails: allTo(targets.undecided) }, 0);
  asm.label(yes);
}
