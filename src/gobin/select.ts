import type { Address } from '#base';
import { endsAtBorder, typeArgumentsIn, withoutTypeArguments } from './names.ts';
import { BadPattern, type FunctionPattern } from './pattern.ts';
import type { Pclntab } from './pclntab.ts';
import type { FunctionSet, GoFunction } from './types.ts';

/** What the search for functions asks of a binary. */
export interface SelectInput {
  readonly table: Pclntab | undefined;
  /** With type arguments, where the function table has `main.Map[...]` only. */
  readonly named: (fn: GoFunction) => GoFunction;
  /** Names of functions that were inlined somewhere; a name may come twice. */
  readonly inlinableNames: () => Iterable<string>;
  readonly implementations: (
    interfaceName: string,
    method: string,
  ) => { readonly methods: readonly string[]; readonly entries: readonly Address[] } | undefined;
}

/** Symbols that the linker makes and nobody calls by name. */
const linkerMade = /^(?:type|go)[:.]/;

/**
 * All code of generic functions is that of shapes. Where one is used as a value, there is a function of the type arguments themselves besides (`main.Map[int]`), which has the
 * dictionary and calls that code, or has it inlined: a wrapper that the function table does not call so.
 */
function bringsDictionary({ name }: GoFunction): boolean {
  const told = typeArgumentsIn(name);
  return told !== '' && told !== '...' && !told.includes('go.shape.');
}

/** Every function with code that a pattern stands for, by address, each once: wrappers are left out, since they call what they wrap. */
export function selectFunctions(pattern: FunctionPattern, input: SelectInput): FunctionSet {
  return pattern.kind === 'names' ? byNames(pattern.matches, input) : byMethod(pattern, input);
}

function byNames(matches: (name: string) => boolean, { table, named, inlinableNames }: SelectInput): FunctionSet {
  const functions: GoFunction[] = [];
  for (let i = 0; i < (table?.count ?? 0); i++) {
    const name = table!.name(i);
    if (linkerMade.test(name)) continue;
    // Of a generic function the table may have the plain name: with its arguments it may match what it does not without.
    const fn = name.includes('[') ? named(table!.function(i)) : undefined;
    if (!matches(fn?.name ?? name) || table!.wrapper(i) || (fn && bringsDictionary(fn))) continue;
    functions.push(fn ?? table!.function(i));
  }
  const inlined = new Set<string>();
  for (const name of inlinableNames()) if (!linkerMade.test(name) && matches(name)) inlined.add(name);
  for (const { name } of functions) inlined.delete(name);
  return { functions, inlined: [...inlined] };
}

function byMethod(pattern: Extract<FunctionPattern, { kind: 'implementations' }>, input: SelectInput): FunctionSet {
  const { table, named } = input;
  const found = input.implementations(pattern.interface, pattern.method);
  if (found === undefined) {
    throw new BadPattern(
      `there is no interface ${pattern.interface} with a type descriptor in the binary (or it has no symbol table and debug info to find it by)`,
    );
  }
  if (!found.methods.includes(pattern.method)) {
    throw new BadPattern(
      `interface ${pattern.interface} has no method ${pattern.method}: its methods are ${found.methods.join(', ')}`,
    );
  }
  const functions = new Map<Address, GoFunction>();
  for (const entry of found.entries) {
    const index = table?.findByPc(entry) ?? -1;
    if (index < 0) continue;
    const body = table!.wrapper(index) ? (wrapped(table!, table!.name(index)) ?? index) : index;
    functions.set(table!.entry(body), named(table!.function(body)));
  }
  return { functions: [...functions.values()].sort((a, b) => a.entry - b.entry), inlined: [] };
}

/** Index of `main.T.M`, which the compiler made `main.(*T).M` for. */
export function wrapped(table: Pclntab, name: string): number | undefined {
  const pointer = /^(.*)\(\*([^)]+)\)(\..+)$/.exec(name);
  if (pointer === null) return undefined;
  return table.findByName(`${pointer[1]}${pointer[2]}${pointer[3]}`).find((index) => !table.wrapper(index));
}

/**
 * The instances of the generic function that is named without type arguments (`main.Map`, `Map`, `main.(*Box).Set`), those that are inlined everywhere too: empty where
 * there is none, or where the name, as a suffix, could be one of several.
 */
export function instancesOf(name: string, { table, named, inlinableNames }: SelectInput): FunctionSet {
  const functions: GoFunction[] = [];
  const plainNames = new Set<string>();
  const isInstance = (candidate: string): boolean => {
    const plain = withoutTypeArguments(candidate);
    if (plain !== name && !endsAtBorder(plain, name)) return false;
    plainNames.add(plain);
    return true;
  };
  for (let i = 0; i < (table?.count ?? 0); i++) {
    const candidate = table!.name(i);
    if (!candidate.includes('[') || table!.wrapper(i) || !isInstance(candidate)) continue;
    const fn = named(table!.function(i));
    if (!bringsDictionary(fn)) functions.push(fn);
  }
  const inlined = new Set<string>();
  for (const candidate of inlinableNames())
    if (candidate.includes('[') && isInstance(candidate)) inlined.add(candidate);
  for (const fn of functions) inlined.delete(fn.name);
  return plainNames.size === 1 ? { functions, inlined: [...inlined] } : { functions: [], inlined: [] };
}
