import { type Address, address, SondeError } from '#base';
import type { Elf } from '#elf';
import type { DebugInfo } from './debuginfo.ts';
import { isShapeClosure, receiverOf, typeArgumentsIn, withoutTypeArguments } from './names.ts';
import { relativeRelocations } from './relocations.ts';
import type { Closure, DictionaryPlace, GoFunction, GoSignature, GoVariable, Instantiation, TypeRef } from './types.ts';

/** In the names of dictionaries, behind the package: `main..dict.Map[int,string]`. */
const mark = '..dict.';

interface Dictionary {
  readonly address: Address;
  readonly bytes: number;
  readonly typeArguments: string;
}

/** All dictionaries of a binary, by name without type arguments. */
export interface Dictionaries {
  readonly named: ReadonlyMap<string, readonly Dictionary[]>;
  /** The address that will lie at an address of the file when it is loaded; undefined: none. */
  readonly pointerAt: (at: Address) => number | undefined;
}

/** By the symbol table: they are read-only data of the linker's, in no other list. */
export function findDictionaries(elf: Elf): Dictionaries {
  const found = new Map<string, Dictionary[]>();
  for (const { name, address, size } of elf.symbols()?.containing(mark) ?? []) {
    const plain = withoutTypeArguments(name);
    const list = found.get(plain) ?? [];
    found.set(plain, list);
    list.push({ address, bytes: size, typeArguments: typeArgumentsIn(name) });
  }
  let relocations: ReadonlyMap<number, number> | undefined;
  return {
    named: found,
    pointerAt: (at) => pointerIn(elf, at) ?? (relocations ??= relativeRelocations(elf)).get(at),
  };
}

/**
 * The instantiations that a shape function's calls may be of: one for each dictionary of its generic function, but for those whose types are not
 * of this shape. A dictionary's words are told by debug info (DW_AT_go_dict_index of a variable's type): the descriptor of the real type lies there.
 */
export function instantiationsOf(
  fn: Pick<GoFunction, 'name'>,
  signature: GoSignature,
  place: DictionaryPlace,
  elf: Elf,
  debug: DebugInfo,
  dictionaries: Dictionaries,
): readonly Instantiation[] {
  const base = elf.symbols()?.find('runtime.types')?.address;
  if (base === undefined) return [];
  const names = isShapeClosure(fn.name) ? outerNames(fn.name) : [fn.name];
  const own = names.flatMap(dictionaryNames).flatMap((name) => dictionaries.named.get(name) ?? []);
  return own.flatMap((dictionary): Instantiation[] => {
    let fits = true;
    const real = (variable: GoVariable): GoVariable => {
      const index = variable.type === 0 ? undefined : debug.dictionaryIndex(variable.type);
      if (index === undefined) return variable;
      const at =
        8 * index < dictionary.bytes ? dictionaries.pointerAt(address(dictionary.address + 8 * index)) : undefined;
      const type = at === undefined ? undefined : debug.runtimeTypes().get(at - base);
      // The linker may have no debug info of it: then what the shape says has to do.
      if (type === undefined) return variable;
      if (!hasShape(debug, type, variable.type, mostNesting)) fits = false;
      return { ...variable, type };
    };
    const { parameters, results } = signature;
    const typed = { ...signature, parameters: parameters.map(real), results: results.map(real) };
    const { address: at, typeArguments } = dictionary;
    return fits ? [{ place, dictionary: at, typeArguments, signature: typed }] : [];
  });
}

/** Deeper, types are not compared: what is let through here is told apart when it is called. */
const mostNesting = 4;

/** May values of `type` be handled by code that was made for `shape`? Where this cannot tell (methods of interfaces, what a shape's pointers point to): yes. */
function hasShape(debug: DebugInfo, type: TypeRef, shape: TypeRef, nesting: number): boolean {
  if (type === shape || nesting === 0) return true;
  const [own, wanted] = [debug.type(type), debug.type(shape)];
  if (own.size !== wanted.size) return false;
  // What is no shape itself is in all instances alike.
  if (!wanted.name.includes('go.shape.')) return own.name === wanted.name;
  const inside = (a: TypeRef, b: TypeRef) => hasShape(debug, a, b, nesting - 1);
  if (own.kind === 'pointer' && wanted.kind === 'pointer')
    return own.elem === undefined || wanted.elem === undefined || inside(own.elem, wanted.elem);
  if (own.kind === 'slice' && wanted.kind === 'slice') return inside(own.elem, wanted.elem);
  if (own.kind === 'chan' && wanted.kind === 'chan') return inside(own.elem, wanted.elem);
  if (own.kind === 'map' && wanted.kind === 'map') return inside(own.key, wanted.key) && inside(own.elem, wanted.elem);
  if (own.kind === 'array' && wanted.kind === 'array')
    return own.count === wanted.count && inside(own.elem, wanted.elem);
  if (own.kind === 'struct' && wanted.kind === 'struct') {
    const { fields } = wanted;
    return own.fields.length === fields.length && own.fields.every((field, i) => inside(field.type, fields[i]!.type));
  }
  return own.kind === wanted.kind;
}

/**
 * Where a closure has its dictionary: as debug info tells from Go 1.27 on, else behind all other variables that it has captured (cmd/compile/internal/noder, funcLit). That is only a guess where
 * they are not all listed, which harms nothing: what lies there is compared with the dictionaries that there are.
 */
export function dictionaryInClosure(closure: Closure | undefined, debug: DebugInfo): number | undefined {
  if (closure?.dictionary !== undefined) return closure.dictionary;
  let end = 8;
  for (const variable of closure?.captured ?? []) {
    if ('unknown' in variable) return undefined;
    end = Math.max(end, variable.offset + ('type' in variable ? debug.type(variable.type).size : 16));
  }
  return (end + 7) & ~7;
}

/** Of the function that a closure is inside of, as a function or as a method: `main.Map` of `main.Map[go.shape.int].func1` and, where that is inlined, of `main.main.Map[go.shape.int].func2.1`. */
function outerNames(name: string): string[] {
  const { package: path } = receiverOf(name);
  const parts = withoutTypeArguments(name)
    .slice(path.length + 1)
    .replaceAll(/-range\d+/g, '')
    .split('.');
  while (/^(?:(?:func|gowrap|deferwrap)?\d+)$/.test(parts.at(-1) ?? '')) parts.pop();
  return [...new Set([parts.slice(-1), parts.slice(-2)].map((last) => `${path}.${last.join('.')}`))];
}

/** A method's dictionary is that of its receiver's type; up to Go 1.19 each method has its own. */
function dictionaryNames(name: string): string[] {
  const { package: path, receiver, rest } = receiverOf(name);
  if (receiver === undefined) return [`${path}${mark}${rest}`];
  const type = receiver.replace('*', '');
  return [`${path}${mark}${type}`, `${path}${mark}${receiver === type ? type : `(${receiver})`}.${rest}`];
}

function pointerIn(elf: Elf, at: Address): number | undefined {
  try {
    const bytes = elf.read(at, 8);
    const found = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
    return found === 0 ? undefined : found;
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return undefined;
  }
}
