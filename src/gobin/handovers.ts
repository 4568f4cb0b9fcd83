import type { Address } from '#base';
import { type DecodedCode, flow, type GoFunction } from './types.ts';

/** Where functions begin and where their calls return to: there values are where the calling convention puts them. */
export class Handovers {
  readonly #code: (fn: GoFunction) => DecodedCode;
  readonly #known = new Map<Address, ReadonlySet<number>>();

  constructor(code: (fn: GoFunction) => DecodedCode) {
    this.#code = code;
  }

  has(fn: GoFunction, pc: number): boolean {
    let found = this.#known.get(fn.entry);
    if (found === undefined) {
      const { offsets, flow: kinds, count } = this.#code(fn);
      const addresses = new Set<number>([fn.entry]);
      for (let i = 1; i < count; i++) {
        if (kinds[i - 1] === flow.call || kinds[i - 1] === flow.indirectCall) addresses.add(fn.entry + offsets[i]!);
      }
      found = addresses;
      this.#known.set(fn.entry, found);
    }
    return found.has(pc);
  }
}
