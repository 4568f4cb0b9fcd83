import type { Address } from '#base';
import type { DebugInfo } from './debuginfo.ts';
import { behindPackage, endsAtBorder, linkerSpellings, withoutTypeArguments } from './names.ts';
import type { Pclntab } from './pclntab.ts';
import type { FunctionLookup, GoFunction } from './types.ts';

/** At most so many candidates of an ambiguous name are listed. */
const mostCandidates = 20;

/** Where functions are looked for: in debug info; without it, in the function table. */
export interface LookupInput {
  readonly debug: DebugInfo | undefined;
  readonly table: Pclntab | undefined;
  /** By the function table: how many copies there are of each function that is inlined somewhere. */
  readonly inlined: () => ReadonlyMap<string, number>;
}

type Near = (name: string, candidates: Iterable<string>) => string[];

/**
 * Finds a function by its exact name, without its type arguments, or by a suffix that only one function has
 * (`computeE` for `main.computeE`). `near` is `nearest` of #base.
 */
export function findFunction(name: string, input: LookupInput, near: Near): FunctionLookup {
  const { debug, table } = input;
  const spellings = linkerSpellings(name);
  for (const spelling of spellings) {
    const fn = exact(spelling, debug, table);
    if (fn) return { kind: 'found', function: fn, inlinedCopies: debug?.inlinedCopies(spelling) ?? 0 };
    const copies = debug ? debug.inlinedCopies(spelling) : input.inlined().get(spelling);
    if (copies !== undefined) return { kind: 'inlined', copies };
  }
  let candidates: string[] = [];
  for (const spelling of spellings) {
    const { withCode, inlined } = debug?.namesEndingIn(spelling) ?? namesInTable(input, spelling);
    candidates = [...withCode, ...inlined];
    if (candidates.length > 0) break;
  }
  if (candidates.length === 0) candidates = instances(name, debug, table);
  if (candidates.length === 1 && candidates[0] !== name) return findFunction(candidates[0]!, input, near);
  if (candidates.length > 1) {
    return {
      kind: 'ambiguous',
      candidates: candidates.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, mostCandidates),
      more: Math.max(0, candidates.length - mostCandidates),
    };
  }
  const inlined = inlinedInstances(name, input);
  if (inlined > 0) return { kind: 'inlined', copies: inlined };
  return { kind: 'missing', nearest: nearestNames(name, allNames(debug, table), near) };
}

/** The function of exactly this name; a miss costs nothing more. */
export function exact(name: string, debug: DebugInfo | undefined, table: Pclntab | undefined): GoFunction | undefined {
  const bodies = debug?.find(name) ?? [];
  if (bodies.length > 0) {
    // A name that is there twice is a body and its ABI wrapper: the body counts.
    const index = (entry: Address) => table?.findByPc(entry) ?? -1;
    const isWrapper = (entry: Address) => index(entry) >= 0 && table!.wrapper(index(entry));
    const body = bodies.length === 1 ? bodies[0]! : (bodies.find(({ entry }) => !isWrapper(entry)) ?? bodies[0]!);
    const at = index(body.entry);
    return { name: body.name, entry: body.entry, end: body.end, assembly: at >= 0 && table!.assembly(at) };
  }
  const found = table?.findByName(name) ?? [];
  return found.length > 0 ? table!.function(found[0]!) : undefined;
}

/** Names that were perhaps meant; `compteE` means `main.computeE`, without its package, `main.Map[string]` the function whose instances have other names. */
function nearestNames(name: string, candidates: Iterable<string>, near: Near): string[] {
  const all = [...candidates];
  const plain = withoutTypeArguments(name);
  if (plain !== name) {
    const generic = all.filter((each) => each.includes('[')).map(withoutTypeArguments);
    const named = new Set(generic.filter((each) => each === plain || endsAtBorder(each, plain)));
    if (named.size > 0) return [...named].slice(0, mostCandidates);
  }
  const whole = near(name, all);
  if (whole.length > 0) return whole;
  const byRest = new Map<string, string>();
  for (const candidate of all) {
    // Nobody means the linker's own: `type:.eq.internal/poll.FD`.
    if (/^(?:type|go)[:.]/.test(candidate)) continue;
    const rest = behindPackage(candidate);
    // The program's own functions before those of libraries.
    if (!byRest.has(rest) || candidate.startsWith('main.')) byRest.set(rest, candidate);
  }
  return near(behindPackage(name), byRest.keys()).map((rest) => byRest.get(rest)!);
}

/** Instances of a generic function that was named without type arguments. */
function instances(name: string, debug: DebugInfo | undefined, table: Pclntab | undefined): string[] {
  const found = new Set<string>();
  for (const candidate of allNames(debug, table)) {
    if (!candidate.includes('[')) continue;
    const plain = withoutTypeArguments(candidate);
    if (plain === name || endsAtBorder(plain, name)) found.add(candidate);
  }
  return [...found];
}

/** Inlined copies of a generic function that was named without type arguments and has no instance with code. */
function inlinedInstances(name: string, { debug, inlined }: LookupInput): number {
  const names = debug?.inlinableNames() ?? inlined().keys();
  const found = new Set<string>();
  for (const candidate of names) {
    if (candidate.includes('[') && endsAtBorder(withoutTypeArguments(candidate), name)) found.add(candidate);
  }
  let copies = 0;
  for (const instance of found) copies += (debug ? debug.inlinedCopies(instance) : inlined().get(instance)) ?? 0;
  return copies;
}

function namesInTable({ table, inlined }: LookupInput, suffix: string) {
  const withCode = new Set<string>();
  for (const name of allNames(undefined, table)) if (endsAtBorder(name, suffix)) withCode.add(name);
  const alone = [...inlined().keys()].filter((name) => endsAtBorder(name, suffix) && !withCode.has(name));
  return { withCode: [...withCode], inlined: alone };
}

function* allNames(debug: DebugInfo | undefined, table: Pclntab | undefined): Generator<string> {
  if (debug) yield* debug.names();
  else if (table) for (let i = 0; i < table.count; i++) yield table.name(i);
}
