import { address, encodeUtf8, SondeError } from '#base';
import {
  attribute,
  type Die,
  type Dwarf,
  type FunctionTable,
  type InlinedSubroutine,
  readInlined,
  readScope,
  readSubprogram,
  type Scope,
  type Subprogram,
  tag,
} from '#dwarf';
import { type FunctionIndex, hashName, hashTail } from './function-index.ts';
import { TypeReader } from './gotypes.ts';
import { asWritten, endsAtBorder } from './names.ts';
import type { GoField, GoFunction, GoType, SourceLine, TypeRef } from './types.ts';

/** A function of the debug info: without what only the function table knows. */
export type DebugFunction = Omit<GoFunction, 'assembly'> & { readonly die: number };

/** Functions of the runtime that take a `*runtime.g`: the way to the runtime's structs that reads no more than their types. */
const takeG = ['runtime.goready', 'runtime.casgstatus', 'runtime.execute', 'runtime.gogo', 'runtime.gfput'] as const;

/** More functions than this of one hash are not looked at one by one. */
const mostIndexed = 40;

/** The questions that debug info answers about a Go binary. */
export class DebugInfo {
  readonly dwarf: Dwarf;
  readonly #types: TypeReader;
  readonly #index: FunctionIndex | undefined;
  readonly #dieByEntry = new Map<number, number>();
  #sorted: Uint32Array | undefined;
  #g: GoType | undefined;
  /** By package, then by type. */
  readonly #constants = new Map<string, Map<TypeRef, Map<string, string>>>();
  #runtimeTypes: ReadonlyMap<number, TypeRef> | undefined;

  constructor(dwarf: Dwarf, index?: FunctionIndex) {
    this.dwarf = dwarf;
    this.#index = index;
    this.#types = new TypeReader(dwarf);
  }

  /** Everything that a scan of all units tells. With an index not needed, as long as names are found in that. */
  get functions(): FunctionTable {
    return this.dwarf.functions();
  }

  type(ref: TypeRef): GoType {
    return this.#types.type(ref);
  }

  /** As `TypeReader.dictionaryIndex`. */
  dictionaryIndex(ref: TypeRef): number | undefined {
    return this.#types.dictionaryIndex(ref);
  }

  /** Types by the offset of their descriptor from `runtime.types`. */
  runtimeTypes(): ReadonlyMap<number, TypeRef> {
    this.#runtimeTypes ??= new Map([...this.dwarf.runtimeTypes()].map(({ die, offset }) => [offset, die]));
    return this.#runtimeTypes;
  }

  /**
   * Names of the constants of a named integer type, by their value in decimal: those that its package declares, of several of one value the
   * first.
   */
  constants(ref: TypeRef): ReadonlyMap<string, string> | undefined {
    const { kind, name } = this.type(ref);
    const dot = name.lastIndexOf('.');
    if ((kind !== 'int' && kind !== 'uint') || dot < 0) return undefined;
    const unit = asWritten(name.slice(0, dot));
    let known = this.#constants.get(unit);
    if (known === undefined) {
      known = new Map<TypeRef, Map<string, string>>();
      this.#constants.set(unit, known);
      for (const { name: constant, type, value } of this.dwarf.constants(unit)) {
        const names = known.get(type) ?? new Map<string, string>();
        known.set(type, names);
        const text = `${value < 0n && this.type(type).kind === 'uint' ? BigInt.asUintN(64, value) : value}`;
        if (!names.has(text)) names.set(text, constant);
      }
    }
    return known.get(ref);
  }

  /** Functions of exactly that name: a body and its ABI wrappers. */
  find(name: string): DebugFunction[] {
    const known = this.#indexed(hashName(name), 'names').filter((found) => found.name === name);
    if (known.length > 0) return known;
    // Known by the index to be inlined everywhere: no need to look for it.
    if (this.#indexedCopies(name) !== undefined) return [];
    const table = this.functions;
    return table.find(encodeUtf8(name)).map((index) => this.#at(index));
  }

  /** Names that end so, at a border; those that are only inlined too. */
  namesEndingIn(suffix: string): { readonly withCode: readonly string[]; readonly inlined: readonly string[] } {
    const known = new Set(this.#indexed(hashTail(suffix), 'tails').map(({ name }) => name));
    const quick = [...known].filter((name) => endsAtBorder(name, suffix));
    if (quick.length > 0) return { withCode: quick, inlined: [] };
    const table = this.functions;
    const bytes = encodeUtf8(suffix);
    const withCode = new Set(table.findSuffix(bytes).map((index) => table.name(index)));
    const inlined = new Set(table.findAbstractSuffix(bytes).map((index) => table.abstractName(index)));
    for (const name of withCode) inlined.delete(name);
    return { withCode: [...withCode], inlined: [...inlined] };
  }

  /** Inlined copies of a function in the whole binary; undefined when debug info does not know the name as an inlinable one. */
  inlinedCopies(name: string): number | undefined {
    if (this.#index) {
      const known = this.#indexedCopies(name);
      if (known !== undefined || this.#indexed(hashName(name), 'names').some((found) => found.name === name))
        return known;
    }
    const table = this.functions;
    const abstract = table.findAbstract(encodeUtf8(name));
    if (abstract.length === 0) return undefined;
    return abstract.reduce((sum, index) => sum + table.inlinedCopies(table.abstractDie[index]!), 0);
  }

  /** The inlined copies of the function of exactly that name, with the functions that have them. Reads all of the debug info. */
  copies(name: string): { readonly owner: DebugFunction; readonly copy: InlinedSubroutine }[] {
    const table = this.functions;
    return table
      .findAbstract(encodeUtf8(name))
      .flatMap((index) => table.copiesOf(table.abstractDie[index]!))
      .flatMap(({ die, owner }) => {
        const copy = readInlined(this.dwarf, die);
        return copy === undefined || copy.ranges.length === 0 ? [] : [{ owner: this.#at(owner), copy }];
      });
  }

  /** The subprogram of exactly that name, with code of its own or inlined wherever it is called: its parameters and their types. */
  declaration(name: string): Subprogram | undefined {
    const own = this.find(name)[0]?.die;
    const die = own ?? this.#abstract(name);
    return die === undefined ? undefined : readSubprogram(this.dwarf, die);
  }

  #abstract(name: string): number | undefined {
    const index = this.#index;
    if (index === undefined) {
      const found = this.functions.findAbstract(encodeUtf8(name))[0];
      return found === undefined ? undefined : this.functions.abstractDie[found];
    }
    const hash = hashName(name);
    for (let i = index.abstractNames.indexOf(hash); i >= 0; i = index.abstractNames.indexOf(hash, i + 1)) {
      if (readSubprogram(this.dwarf, index.abstractDies[i]!)?.name === name) return index.abstractDies[i];
    }
    return undefined;
  }

  *names(): Generator<string> {
    const table = this.functions;
    for (let i = 0; i < table.count; i++) yield table.name(i);
  }

  /** Names of functions that were inlined somewhere, with or without code of their own; a name may come twice. */
  *inlinableNames(): Generator<string> {
    const table = this.functions;
    for (let i = 0; i < table.abstractDie.length; i++) yield table.abstractName(i);
  }

  /** Is a function whose name begins so inlined into a subprogram? */
  inlines(subprogram: Die, start: string): boolean {
    for (const child of this.dwarf.children(subprogram)) {
      if (child.tag !== tag.inlinedSubroutine && child.tag !== tag.lexicalBlock) continue;
      const origin = this.dwarf.number(child, attribute.abstractOrigin);
      const die = origin === undefined ? undefined : this.dwarf.die(origin);
      if (die !== undefined && this.dwarf.string(die, attribute.name)?.startsWith(start) === true) return true;
      if (this.inlines(child, start)) return true;
    }
    return false;
  }

  /** The subprogram whose code begins at an address. */
  subprogram(entry: number): Subprogram | undefined {
    const die = this.#dieByEntry.get(entry) ?? this.#search(entry);
    return die === undefined ? undefined : readSubprogram(this.dwarf, die);
  }

  /** What can be named at `pc` in the function whose code begins at an address. */
  scopeAt(entry: number, pc: number): Scope | undefined {
    const die = this.#dieByEntry.get(entry) ?? this.#search(entry);
    return die === undefined ? undefined : readScope(this.dwarf, die, pc);
  }

  /** `main.Map[go.shape.int]` where the function table has only `main.Map[...]`. */
  nameAt(entry: number): string | undefined {
    const index = this.#indexOf(entry);
    return index === undefined ? undefined : this.functions.name(index);
  }

  /** Where a function is declared; undefined when debug info does not tell (its line is missing before Go 1.21). */
  declaredAt(subprogram: Subprogram): SourceLine | undefined {
    const { declFile, declLine, die } = subprogram;
    if (declFile === undefined || declLine === undefined) return undefined;
    const file = this.dwarf.lineHeader(die)?.files[declFile];
    return file === undefined ? undefined : { file, line: declLine };
  }

  /** A field of one of the runtime's structs that hang on `runtime.g` (`runtime.g`, `runtime.m`, `runtime._panic`, …). */
  structField(type: string, field: string): GoField | undefined {
    const struct = this.#runtimeStruct(type);
    return struct?.kind === 'struct' ? struct.fields.find((candidate) => candidate.name === field) : undefined;
  }

  #runtimeStruct(name: string): GoType | undefined {
    try {
      const g = (this.#g ??= this.#pointee('*runtime.g'));
      if (g === undefined || g.kind !== 'struct' || g.name === name) return g;
      for (const field of g.fields) {
        const pointer = this.type(field.type);
        if (pointer.kind !== 'pointer' || pointer.elem === undefined || pointer.name !== `*${name}`) continue;
        return this.type(pointer.elem);
      }
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
    return undefined;
  }

  #pointee(pointerName: string): GoType | undefined {
    for (const name of takeG) {
      for (const { die } of this.find(name)) {
        for (const parameter of readSubprogram(this.dwarf, die)?.parameters ?? []) {
          const type = parameter.type === undefined ? undefined : this.type(parameter.type);
          if (type?.kind === 'pointer' && type.name === pointerName && type.elem !== undefined)
            return this.type(type.elem);
        }
      }
    }
    return undefined;
  }

  #at(index: number): DebugFunction {
    const { name, low, size, die } = this.functions.at(index);
    this.#dieByEntry.set(low, die);
    return { name, entry: address(low), end: address(low + size), die };
  }

  /** Functions by the hash of their name or of its last component; other names of the same hash are among them. */
  #indexed(hash: number, by: 'names' | 'tails'): DebugFunction[] {
    const index = this.#index;
    const found: DebugFunction[] = [];
    if (index === undefined) return found;
    for (let i = index[by].indexOf(hash); i >= 0; i = index[by].indexOf(hash, i + 1)) {
      // So many are quicker found by reading everything.
      if (found.length === mostIndexed) return [];
      const die = index.dies[i]!;
      const entry = index.base + index.entries[i]!;
      const name = readSubprogram(this.dwarf, die)?.name ?? '';
      this.#dieByEntry.set(entry, die);
      found.push({ name, entry: address(entry), end: address(entry + index.sizes[i]!), die });
    }
    return found;
  }

  #indexedCopies(name: string): number | undefined {
    const index = this.#index;
    if (index === undefined) return undefined;
    const hash = hashName(name);
    let copies: number | undefined;
    for (let i = index.abstractNames.indexOf(hash); i >= 0; i = index.abstractNames.indexOf(hash, i + 1)) {
      if (readSubprogram(this.dwarf, index.abstractDies[i]!)?.name === name) copies = (copies ?? 0) + index.copies[i]!;
    }
    return copies;
  }

  #search(entry: number): number | undefined {
    const indexed = this.#index?.entries.indexOf(entry - this.#index.base) ?? -1;
    if (indexed >= 0) return this.#index!.dies[indexed];
    const row = this.#indexOf(entry);
    return row === undefined ? undefined : this.functions.die[row];
  }

  /** Index in the function table, by binary search over the entries. */
  #indexOf(entry: number): number | undefined {
    const { low, count } = this.functions;
    this.#sorted ??= Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => low[a]! - low[b]!);
    let from = 0;
    let to = count - 1;
    while (from <= to) {
      const middle = (from + to) >>> 1;
      const index = this.#sorted[middle]!;
      const found = low[index]!;
      if (found === entry) return index;
      if (found < entry) from = middle + 1;
      else to = middle - 1;
    }
    return undefined;
  }
}
