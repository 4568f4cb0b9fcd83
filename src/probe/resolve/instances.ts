import { type GoFunction, type GoSignature, withoutTypeArguments } from '#gobin';
import type { LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import { needsSignature } from './probe.ts';
import type { DictionaryTest, ResolvedProbe } from './resolved.ts';

/** Most instantiations of one function that are told apart: each has programs of its own, which all its calls go through. */
const mostInstances = 100;

/** A function's calls with one dictionary. */
export interface Instance {
  readonly signature: GoSignature;
  readonly typeArguments: string;
  readonly dictionary: DictionaryTest;
}

/** What the calls of a function are, by dictionary, and the probe of all others; undefined: they are not wanted. */
export interface FunctionInstances {
  readonly told: readonly Instance[];
  readonly rest?: Pick<ResolvedProbe, 'dictionary' | 'shapesOnly'>;
}

/** Finds the instantiations of the functions of one probe, where its columns show what depends on them. */
export class Instances {
  readonly #binary: BinaryView;
  readonly #wanted: boolean;
  readonly #aggregates: boolean;
  readonly #only: string | undefined;
  #left: number;

  /** `most`: how many instantiations of all functions together are told apart. `only`: those with these type arguments (without spaces). */
  constructor(probe: LogicalProbe, binary: BinaryView, most: number, only?: string) {
    this.#binary = binary;
    this.#only = only;
    this.#aggregates = probe.columns.some(({ capture }) => capture.kind === 'aggregate');
    this.#wanted =
      only !== undefined ||
      needsSignature(probe) ||
      probe.columns.some(({ capture }) => capture.kind === 'type-arguments');
    this.#left = most;
  }

  of(fn: GoFunction): FunctionInstances {
    const { name } = fn;
    if (!name.includes('go.shape.') || withoutTypeArguments(name) === name) return { told: [], rest: {} };
    const none = (shapesOnly: string): FunctionInstances => ({ told: [], rest: { shapesOnly } });
    if (this.#aggregates) return none('aggregates are of all calls of this code');
    if (!this.#wanted)
      return none('told where arguments or results are captured, or pxtrace.TypeArguments() is asked for');
    if (this.#left <= 0) return none('too many functions at once for theirs to be told apart');
    const only = this.#only;
    const found = (this.#binary.instantiations?.(fn) ?? []).filter(
      ({ typeArguments }) => only === undefined || typeArguments.replaceAll(' ', '') === only,
    );
    const place = found[0]?.place;
    if (place === undefined) return none('the binary has no dictionary of it in its symbol table');
    if (found.length > Math.min(mostInstances, this.#left)) {
      return none(`this code is shared by ${found.length} instantiations, more than are told apart`);
    }
    this.#left -= found.length;
    const known = found.map(({ dictionary }) => dictionary);
    return {
      told: found.map(({ signature, typeArguments, dictionary }) => ({
        signature,
        typeArguments,
        dictionary: { place, known, is: dictionary },
      })),
      rest: {
        dictionary: { place, known },
        shapesOnly:
          place.offset === undefined
            ? 'its dictionary is not in the symbol table'
            : 'a closure of a generic function: its dictionary is not in what it has captured, or not in the symbol table',
      },
    };
  }
}

/** Is it of calls with none of the dictionaries that have a probe of their own? */
export function isRest({ dictionary }: ResolvedProbe): boolean {
  return dictionary !== undefined && dictionary.is === undefined;
}

/** Is it of a function that has a probe before it already? */
export function isFurther({ dictionary }: ResolvedProbe): boolean {
  return dictionary !== undefined && dictionary.is !== dictionary.known[0];
}
