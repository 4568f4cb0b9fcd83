import type { Address } from '#base';
import { type DecodedCode, flow } from './types.ts';

/** Beyond this many instructions nobody looks for an entry site. */
const mostEffects = 64;

/** Collects decoded instructions in address order into the parallel arrays of a `DecodedCode`. */
export class CodeBuilder {
  readonly #bytes: Uint8Array;
  readonly #entry: Address;
  readonly #offsets: number[] = [];
  readonly #flow: number[] = [];
  readonly #targets: number[] = [];
  readonly #registers: number[] = [];
  readonly #floats: number[] = [];
  readonly #memory: number[] = [];
  #end = 0;
  #prefix = true;

  constructor(bytes: Uint8Array, entry: Address) {
    this.#bytes = bytes;
    this.#entry = entry;
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
    this.#offsets.push(this.#end);
    this.#flow.push(kind);
    this.#targets.push(target);
    this.#end += length;
    if ((kind !== flow.next && kind !== flow.conditional) || this.#registers.length >= mostEffects)
      this.#prefix = false;
  }

  /** `invalid`: the bytes behind the last instruction could not be decoded. */
  finish(invalid = false): DecodedCode {
    const count = this.#offsets.length;
    this.#offsets.push(this.#end);
    return {
      entry: this.#entry,
      bytes: this.#bytes,
      count,
      offsets: Uint32Array.from(this.#offsets),
      flow: Uint8Array.from(this.#flow),
      targets: Float64Array.from(this.#targets),
      invalidAt: invalid ? count : -1,
      prefix: {
        count: this.#registers.length,
        registers: Uint32Array.from(this.#registers, (mask) => mask >>> 0),
        floats: Uint32Array.from(this.#floats, (mask) => mask >>> 0),
        memory: Uint8Array.from(this.#memory),
      },
    };
  }
}
