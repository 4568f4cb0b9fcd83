import { BugError } from '#base';
import { type Helper, helpers } from './helper.ts';
import { encode, type Instruction, loadImmediate64, slots } from './instruction.ts';
import {
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
import type { MapReference, Program } from './program.ts';
import type { Register } from './register.ts';

/** A place in the code that jumps go to. Made by `newLabel`, put down once by `label`. */
export type Label = number & { readonly __label?: never };

/** The other operand of an instruction: a register, or a signed 32-bit immediate. */
export type Operand = Register | { readonly immediate: number };

export const immediate = (value: number): Operand => ({ immediate: value });

/** Builds one program, instruction by instruction; `program` resolves the labels. A misuse is a `BugError`. */
export class Assembler {
  readonly #code: Instruction[] = [];
  readonly #maps: MapReference[] = [];
  /** Slot (8-byte unit) of each instruction. */
  readonly #at: number[] = [];
  /** Label → slot. */
  readonly #labels: (number | undefined)[] = [];
  /** Instruction index → label it jumps to. */
  readonly #jumps = new Map<number, Label>();
  #slots = 0;

  newLabel(): Label {
    return this.#labels.push(undefined) - 1;
  }

  /** Puts `label` before the next instruction. */
  label(label: Label): void {
    if (this.#labels[label] !== undefined) throw new BugError('an eBPF label was put down twice');
    this.#labels[label] = this.#slots;
  }

  /** Whether a jump goes to `label` so far: code that nothing reaches is refused by the verifier. */
  isUsed(label: Label): boolean {
    for (const target of this.#jumps.values()) if (target === label) return true;
    return false;
  }

  /** 64-bit arithmetic: `destination op= operand`; `mov` sets it. */
  alu(op: Arithmetic, destination: Register, operand: Operand): void {
    this.#operate(opcodeClass.alu64, op, destination, operand);
  }

  /** 32-bit arithmetic; clears the upper half of `destination`. */
  alu32(op: Arithmetic, destination: Register, operand: Operand): void {
    this.#operate(opcodeClass.alu, op, destination, operand);
  }

  mov(destination: Register, operand: Operand): void {
    this.alu('mov', destination, operand);
  }

  /** `destination = value`, all 64 bits. */
  loadConstant(destination: Register, value: bigint): void {
    const signed = BigInt.asIntN(64, value);
    if (signed === BigInt.asIntN(32, signed)) {
      this.mov(destination, immediate(Number(signed)));
      return;
    }
    this.#emit({
      opcode: loadImmediate64,
      destination,
      source: 0,
      offset: 0,
      immediate: Number(BigInt.asIntN(32, signed)),
      high: Number(BigInt.asIntN(32, signed >> 32n)),
    });
  }

  /** `destination` = the map, for helpers that take one. */
  loadMapFd(destination: Register, map: string): void {
    this.#maps.push({ instruction: this.#slots, map, kind: 'fd', offset: 0 });
    this.#emit({ opcode: loadImmediate64, destination, source: pseudo.mapFd, offset: 0, immediate: 0, high: 0 });
  }

  /** `destination` = address of the array map's only value plus `offset` bytes: no helper call, no NULL test. */
  loadMapValue(destination: Register, map: string, offset: number): void {
    this.#maps.push({ instruction: this.#slots, map, kind: 'value', offset });
    this.#emit({
      opcode: loadImmediate64,
      destination,
      source: pseudo.mapValue,
      offset: 0,
      immediate: 0,
      high: offset,
    });
  }

  /** `destination = *(u{8·size} *)(base + offset)`, zero-extended. */
  load(size: AccessSize, destination: Register, base: Register, offset: number): void {
    this.#emit({
      opcode: opcodeClass.ldx | mode.mem | sizeBits[size],
      destination,
      source: base,
      offset,
      immediate: 0,
    });
  }

  /** `*(u{8·size} *)(base + offset) = operand`; an immediate is sign-extended. */
  store(size: AccessSize, base: Register, offset: number, operand: Operand): void {
    const register = typeof operand === 'number';
    this.#emit({
      opcode: (register ? opcodeClass.stx : opcodeClass.st) | mode.mem | sizeBits[size],
      destination: base,
      source: register ? operand : 0,
      offset,
      immediate: register ? 0 : operand.immediate,
    });
  }

  /** `*(u64 *)(base + offset) += source`, atomically. */
  atomicAdd(base: Register, offset: number, source: Register): void {
    this.#atomic(base, offset, source, arithmetic.add);
  }

  /** `source` = `*(u64 *)(base + offset)`, to which the old `source` is added, atomically. Kernel 5.12. */
  fetchAdd(base: Register, offset: number, source: Register): void {
    this.#atomic(base, offset, source, arithmetic.add | fetch);
  }

  /** If `*(u64 *)(base + offset)` is r0, it becomes `source`; r0 = what it was; atomically. Kernel 5.12. */
  compareExchange(base: Register, offset: number, source: Register): void {
    this.#atomic(base, offset, source, compareAndExchange);
  }

  #atomic(base: Register, offset: number, source: Register, immediate: number): void {
    const opcode = opcodeClass.stx | mode.atomic | sizeBits[8];
    this.#emit({ opcode, destination: base, source, offset, immediate });
  }

  jump(label: Label): void {
    this.#jumpTo(label, { opcode: opcodeClass.jmp | jumpAlways, destination: 0, source: 0, offset: 0, immediate: 0 });
  }

  /** 64-bit comparison; goes to `label` where it holds. */
  jumpIf(test: Condition, left: Register, right: Operand, label: Label): void {
    const register = typeof right === 'number';
    this.#jumpTo(label, {
      opcode: opcodeClass.jmp | condition[test] | (register ? registerOperand : 0),
      destination: left,
      source: register ? right : 0,
      offset: 0,
      immediate: register ? 0 : right.immediate,
    });
  }

  /** Kernel 6.9. Bounds a loop for the verifier: falls through, until the program has looped millions of times. */
  mayGoto(label: Label): void {
    this.#jumpTo(label, { opcode: opcodeClass.jmp | mayGoto, destination: 0, source: 0, offset: 0, immediate: 0 });
  }

  call(helper: Helper): void {
    this.#emit({
      opcode: opcodeClass.jmp | callHelper,
      destination: 0,
      source: 0,
      offset: 0,
      immediate: helpers[helper],
    });
  }

  exit(): void {
    this.#emit({ opcode: opcodeClass.jmp | exit, destination: 0, source: 0, offset: 0, immediate: 0 });
  }

  /** The instructions so far, jumps resolved. */
  instructions(): Instruction[] {
    return this.#code.map((instruction, index) => {
      const label = this.#jumps.get(index);
      if (label === undefined) return instruction;
      const target = this.#labels[label];
      if (target === undefined) throw new BugError('an eBPF jump goes to a label that was never put down');
      return { ...instruction, offset: target - this.#at[index]! - 1 };
    });
  }

  program(name: string, type: Program['type'] = 'uprobe'): Program {
    if (!/^[A-Za-z0-9_.]{1,15}$/.test(name)) throw new BugError(`'${name}' is no eBPF program name`);
    return { name, type, instructions: encode(this.instructions()), maps: this.#maps };
  }

  #operate(cls: number, op: Arithmetic, destination: Register, operand: Operand): void {
    const register = typeof operand === 'number';
    this.#emit({
      opcode: cls | arithmetic[op] | (register ? registerOperand : 0),
      destination,
      source: register ? operand : 0,
      offset: 0,
      immediate: register ? 0 : operand.immediate,
    });
  }

  #jumpTo(label: Label, instruction: Instruction): void {
    this.#jumps.set(this.#code.length, label);
    this.#emit(instruction);
  }

  #emit(instruction: Instruction): void {
    this.#at.push(this.#slots);
    this.#code.push(instruction);
    this.#slots += slots(instruction);
  }
}
