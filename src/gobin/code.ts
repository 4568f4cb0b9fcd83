import type { Address } from '#base';
import { type DecodedCode, flow, type InstructionRole, type PrefixEffects } from './types.ts';

/** Beyond this many instructions nobody looks for an entry site. */
const mostEffects = 64;

/** Room for an instruction a byte. */
class Room {
  readonly offsets: Uint32Array;
  readonly flow: Uint8Array;
  readonly targets: Float64Array;

  constructor(bytes: number) {
    const size = Math.max(bytes + 1, 16_384);
    this.offsets = new Uint32Array(size);
    this.flow = new Uint8Array(size);
    this.targets = new Float64Array(size);
  }
}

/** Of a builder that has finished: the next one takes it. Thousands of functions are decoded one after the other. */
let spare: Room | undefined;

/** Collects decoded instructions in address order into the parallel arrays of a `DecodedCode`. */
export class CodeBuilder {
  readonly #bytes: Uint8Array;
  readonly #entry: Address;
  #count = 0;
  readonly #room: Room;
  readonly #registers: number[] = [];
  readonly #floats: number[] = [];
  readonly #memory: number[] = [];
  #end = 0;
  #prefix = true;

  constructor(bytes: Uint8Array, entry: Address) {
    this.#bytes = bytes;
    this.#entry = entry;
    this.#room = spare !== undefined && spare.flow.length > bytes.length ? spare : new Room(bytes.length);
    spare = undefined;
  }

  /** The next instruction is still one whose effects are to be told, by `effects` before `add`. */
  get wantsEffects(): boolean {
    return this.#prefix;
  }

  effects(registers: number, floats: number, memory: boolean): void {
    this.#registers.push(registers);
    this.#floats.push(floats);
    this.#memory.push(memory ? 1 : 0);
  }

  /** `target`: offset from the entry, NaN for none. */
  add(length: number, kind: number, target: number): void {
    const { offsets, flow: kinds, targets } = this.#room;
    offsets[this.#count] = this.#end;
    kinds[this.#count] = kind;
    targets[this.#count] = target;
    this.#count++;
    this.#end += length;
    if ((kind !== flow.next && kind !== flow.conditional) || this.#registers.length >= mostEffects)
      this.#prefix = false;
  }

  /** How many have been told so far. */
  get told(): number {
    return this.#registers.length;
  }

  /** What has been told. */
  get prefix(): PrefixEffects {
    return {
      count: this.#registers.length,
      registers: Uint32Array.from(this.#registers, (mask) => mask >>> 0),
      floats: Uint32Array.from(this.#floats, (mask) => mask >>> 0),
      memory: Uint8Array.from(this.#memory),
    };
  }

  /**
   * `invalid`: the bytes behind the last instruction could not be decoded. `effects`: tells those of the first instructions later; without, they
   * have been told. `role`: of the instruction in the function's bytes from one offset to another.
   */
  finish(
    role: (start: number, end: number) => InstructionRole,
    invalid = false,
    effects?: DecodedCode['effects'],
  ): DecodedCode {
    const count = this.#count;
    const room = this.#room;
    room.offsets[count] = this.#end;
    spare = room;
    const told = effects ?? (() => this.prefix);
    const offsets = room.offsets.slice(0, count + 1);
    const roles: InstructionRole[] = [];
    return {
      entry: this.#entry,
      bytes: this.#bytes,
      count,
      offsets,
      flow: room.flow.slice(0, count),
      targets: room.targets.slice(0, count),
      invalidAt: invalid ? count : -1,
      effects: told,
      role: (index) => (roles[index] ??= role(offsets[index]!, offsets[index + 1]!)),
      get prefix() {
        return told(mostEffects);
      },
    };
  }
}
