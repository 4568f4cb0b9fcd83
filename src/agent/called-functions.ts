import type { Address } from '#base';
import { type GoFunction, type Pclntab, withoutShapes } from '#gobin';

/** A function that is looked for, at a place in the code: called, or inlined into another one. */
export interface CalledFunction {
  /** As the linker has it; `main.Map[...]` of an inlined instance of a generic function, where the function table does not tell more. */
  readonly function: string;
  /** Empty: it was called. */
  readonly inlinedInto: string;
}

/** What runs on top of a frame that it has interrupted: there the frame's address is no return address. */
const interrupting = ['runtime.sigpanic', 'runtime.asyncPreempt'];

/** Finds functions, and their inlined copies, on stacks. Stacks have few different addresses: what is at each is kept. */
export class CalledFunctions {
  readonly #table: Pclntab;
  readonly #byEntry: ReadonlyMap<Address, string>;
  readonly #inlined: ReadonlyMap<string, string>;
  readonly #interrupting: ReadonlySet<Address>;
  readonly #known = new Map<number, readonly CalledFunction[]>();

  /** `names`: those of the functions, and of others that are inlined everywhere. */
  constructor(table: Pclntab, functions: readonly GoFunction[], names: readonly string[]) {
    this.#table = table;
    this.#byEntry = new Map(functions.map((fn) => [fn.entry, fn.name]));
    this.#inlined = new Map(
      names.flatMap((name) => [
        [withoutShapes(name), withoutShapes(name)],
        [name, name],
      ]),
    );
    this.#interrupting = new Set(
      interrupting.flatMap((name) => table.findByName(name).map((index) => table.entry(index))),
    );
  }

  /** Those of a stack, innermost first. `frames`: its addresses in the file, the first one where it stands, the others return addresses. */
  *on(frames: readonly Address[]): Generator<CalledFunction> {
    let isExact = true;
    for (const pc of frames) {
      yield* this.#at(isExact ? pc : ((pc - 1) as Address));
      const index = this.#table.findByPc(pc);
      isExact = index >= 0 && this.#interrupting.has(this.#table.entry(index));
    }
  }

  #at(pc: Address): readonly CalledFunction[] {
    let found = this.#known.get(pc);
    if (found === undefined) {
      const all = this.#table.framesAt(pc);
      const index = this.#table.findByPc(pc);
      const around = all.at(-1)?.function ?? '';
      const own = index < 0 ? undefined : this.#byEntry.get(this.#table.entry(index));
      found = [
        ...all.slice(0, -1).flatMap((frame) => {
          const name = this.#inlined.get(frame.function);
          return name === undefined ? [] : [{ function: name, inlinedInto: around }];
        }),
        ...(own === undefined ? [] : [{ function: own, inlinedInto: '' }]),
      ];
      this.#known.set(pc, found);
    }
    return found;
  }
}
