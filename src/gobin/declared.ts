import { type Architecture, assignAbi, UnassignableType } from './abi.ts';
import { argumentBytes } from './frame.ts';
import { hasDictionary, isClosure, receiverOf, typeArgumentsIn } from './names.ts';
import { minorVersion } from './runtime.ts';
import type { GoFunction, GoSignature, GoType, GoVariable, TypeRef } from './types.ts';

/** A parameter or result as somebody has declared it. `name`: empty, or `_`, for none. */
export interface DeclaredVariable {
  readonly name: string;
  readonly type: TypeRef;
}

export interface DeclaredFunction {
  /** Receiver first. */
  readonly parameters: readonly DeclaredVariable[];
  readonly results: readonly DeclaredVariable[];
}

export interface DeclaredInput {
  readonly architecture: Architecture;
  readonly goVersion: string;
  readonly fn: GoFunction;
  /** Bytes of the argument frame by the function table (`_func.args`); undefined: not known. */
  readonly frameBytes: number | undefined;
  readonly resolve: (ref: TypeRef) => GoType;
}

/** The dictionary pointer of an instance of a generic function. */
const dictionary: GoType = { kind: 'uint', name: 'uintptr', size: 8 };

/**
 * Places by the calling convention alone, for a function of which debug info knows nothing. What the function table tells is the size of the argument
 * frame: a text says how a declaration does not fit that.
 */
export function placeDeclared(declared: DeclaredFunction, input: DeclaredInput): GoSignature | string {
  const { architecture, fn, frameBytes, resolve } = input;
  const minor = minorVersion(input.goVersion) ?? 26;
  const assembly = fn.assembly || (architecture === 'arm64' && minor < 18);
  const results = declared.results.map(({ type }) => resolve(type));
  const own = declared.parameters.map(({ type }) => resolve(type));
  const hidden = dictionaryPlace(fn.name, minor);
  const all = hidden < 0 ? own : [...own.slice(0, hidden), dictionary, ...own.slice(hidden)];
  try {
    const assigned = assignAbi(architecture, all, results, resolve, { assembly });
    const { bytes } = argumentBytes(
      all.map((type, i) => [type, assigned.parameters[i]!]),
      assigned.results,
      resolve,
    );
    if (frameBytes !== undefined && bytes !== frameBytes) return otherSize(fn.name, frameBytes, bytes, hidden >= 0);
    const places = assigned.parameters.filter((_, i) => i !== hidden);
    const shown =
      (sign: string, at: readonly (readonly GoVariable['places'][number][])[]) =>
      (each: DeclaredVariable, i: number) => ({
        name: each.name === '' || each.name === '_' ? `${sign}${i}` : each.name,
        type: each.type,
        places: at[i]!,
      });
    return {
      parameters: declared.parameters.map(shown('#', places)),
      results: declared.results.map(shown('$', assigned.results)),
    };
  } catch (error) {
    if (!(error instanceof UnassignableType)) throw error;
    return error.message;
  }
}

function otherSize(name: string, is: number, said: number, isGeneric: boolean): string {
  const receiver = receiverOf(name).receiver === undefined ? '' : ' with the receiver, which is not to be declared';
  const dictionary = isGeneric ? ` (8 of them, which are not to be declared, tell a generic function's types)` : '';
  return `the function table says that arguments of ${name} take ${is} bytes, those declared take ${said}${dictionary}${receiver}`;
}

/**
 * Index among the parameters where the hidden dictionary is; -1: there is none. The function table of Go up to 1.25 calls `main.Map[...]` what has been compiled for shapes and has one, and
 * the few wrappers that bring one and have none: these are taken for the first, since another shape's call would otherwise pass for a wrapper's.
 */
function dictionaryPlace(name: string, minor: number): number {
  const shapes = typeArgumentsIn(name);
  if (!hasDictionary(name) && shapes !== '...') return -1;
  if (isClosure(name) || /\.(gowrap|deferwrap)\d+|-fm$/.test(name)) return -1;
  return minor < 20 || receiverOf(name).receiver === undefined ? 0 : 1;
}
