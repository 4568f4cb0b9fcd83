import { behindPackage } from './names.ts';
import type { Pclntab } from './pclntab.ts';
import type { FunctionSet, GoFunction, SourceLine } from './types.ts';

/** What the search asks of a binary. */
export interface ClosureInput {
  readonly table: Pclntab;
  readonly inlinableNames: () => Iterable<string>;
  readonly sourceLine: (fn: GoFunction) => SourceLine | undefined;
  /** Of a function that has no code of its own; the file, where it has left any code in others. */
  readonly declaredAt: (name: string) => { readonly file: string | undefined; readonly line: number } | undefined;
}

/** A closure with the place of its declaration. `function`: undefined where it is inlined everywhere. */
interface Candidate {
  readonly name: string;
  readonly function: GoFunction | undefined;
  readonly file: string;
  readonly line: number;
}

/** `main.f.func1`, `main.(*T).M.func2.1`: a closure's function, number and what is nested in it. */
const closureName = /^(.+)\.func\d+((?:\.\d+)*)$/;

/**
 * A closure as the source has it, `main.f.func1`, is compiled once more wherever `f` is inlined (Go 1.21 to 1.26), under a name of that place: `main.caller.f.func7`, numbered among the closures of
 * `main.caller`. Both are declared at the same place. All that a name stands for; undefined: no closure is called so, it has no such copies, or it is not told which of several closures they are of.
 */
export function closureCopies(name: string, input: ClosureInput): FunctionSet | undefined {
  const all = candidates(name, input);
  const { table } = input;
  const index = table.findByName(name)[0];
  const fn = index === undefined ? undefined : table.function(index);
  const place = fn === undefined ? input.declaredAt(name) : input.sourceLine(fn);
  const isThere = ({ line, file }: Pick<Candidate, 'line' | 'file'>) =>
    line === place?.line && (place.file === undefined || file === place.file);
  if (place === undefined) return all.length > 0 && isOne(all) ? setOf(all) : undefined;
  const found = all.filter(isThere);
  if (found.length === 0) return undefined;
  const own = fn === undefined ? { functions: [], inlined: [name] } : { functions: [fn], inlined: [] };
  if (ownClosures(name, input).filter(isThere).length > 1) return { ...own, unsure: found.map((each) => each.name) };
  const { functions, inlined } = setOf(found);
  return { functions: [...own.functions, ...functions], inlined: [...own.inlined, ...inlined] };
}

function setOf(found: readonly Candidate[]): FunctionSet {
  return {
    functions: found.flatMap((each) => each.function ?? []),
    inlined: found.flatMap((each) => (each.function === undefined ? each.name : [])),
  };
}

/**
 * Are they all copies of one closure? Their numbers are those of their callers. Two of one caller may be those of two calls, or of two closures on one line.
 */
function isOne(all: readonly Candidate[]): boolean {
  const callers = new Set(all.map(({ name }) => name.slice(0, name.lastIndexOf('.func'))));
  return callers.size === all.length && new Set(all.map(({ line }) => line)).size === 1;
}

/** Names of what may have been meant by one that no function has. */
export function closureCopyNames(name: string, input: ClosureInput): string[] {
  return candidates(name, input).map((each) => each.name);
}

/** The functions of such a name that are declared in the file of the function that the closure is of, and behind its beginning. */
function candidates(name: string, input: ClosureInput): readonly Candidate[] {
  const parts = closureName.exec(name);
  if (parts === null) return [];
  const [, of, nested] = parts;
  const { table, sourceLine, declaredAt } = input;
  const outer = table.findByName(of!)[0];
  const at = (outer === undefined ? undefined : sourceLine(table.function(outer))) ?? declaredAt(of!);
  if (at === undefined) return [];
  const ending = new RegExp(`\\.${escaped(behindPackage(of!))}\\.func\\d+${escaped(nested!)}$`);
  const isWanted = (each: string) => each !== name && ending.test(each) && !each.startsWith(`${of!}.func`);
  const found = declared(input, isWanted).filter(({ file, line }) => line >= at.line && (at.file ?? file) === file);
  return new Set(found.map(({ file }) => file)).size === 1 ? found : [];
}

/** The closures of the function itself that are as deeply nested. */
function ownClosures(name: string, input: ClosureInput): readonly Candidate[] {
  const [, of, nested] = closureName.exec(name)!;
  const own = new RegExp(`^${escaped(of!)}\\.func\\d+${nested === '' ? '' : '[.\\d]+'}$`);
  return declared(input, (each) => own.test(each));
}

function declared(
  { table, inlinableNames, sourceLine, declaredAt }: ClosureInput,
  isWanted: (name: string) => boolean,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (let i = 0; i < table.count; i++) {
    if (!isWanted(table.name(i)) || table.wrapper(i)) continue;
    const fn = table.function(i);
    const at = sourceLine(fn);
    if (at !== undefined) found.set(fn.name, { name: fn.name, function: fn, ...at });
  }
  for (const name of new Set(inlinableNames())) {
    const at = found.has(name) || !isWanted(name) ? undefined : declaredAt(name);
    if (at?.file !== undefined) found.set(name, { name, function: undefined, file: at.file, line: at.line });
  }
  return [...found.values()];
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
