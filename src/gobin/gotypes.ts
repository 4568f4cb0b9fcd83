import { attribute, type Die, type Dwarf, MalformedDwarf, tag } from '#dwarf';
import { reflectKind } from './kinds.ts';
import type { GoField, GoType, TypeRef } from './types.ts';

/** Longest chain of typedefs that is followed. */
const mostTypedefs = 32;

/** Reads Go types from their DIEs, each once. */
export class TypeReader {
  readonly #dwarf: Dwarf;
  readonly #known = new Map<TypeRef, GoType>();

  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /** The type whose DIE is at `ref`. Throws MalformedDwarf for a reference to what is no type. */
  type(ref: TypeRef): GoType {
    let type = this.#known.get(ref);
    if (type === undefined) {
      type = this.#read(ref);
      this.#known.set(ref, type);
    }
    return type;
  }

  /** Which word of a shape function's dictionary is the descriptor of the type that `ref` stands for there; undefined: `ref` is that type itself. */
  dictionaryIndex(ref: TypeRef): number | undefined {
    return this.#dwarf.number(this.#die(ref), attribute.goDictIndex);
  }

  #read(ref: TypeRef): GoType {
    const dwarf = this.#dwarf;
    let die = this.#die(ref);
    let name: string | undefined;
    let kind: number | undefined;
    const parts = new Map<number, number>();
    // Outermost name and kind count. `.paramN` (with DW_AT_go_dict_index) only stands for a type argument.
    for (let i = 0; ; i++) {
      if (!die.attributes.has(attribute.goDictIndex)) {
        name ??= dwarf.string(die, attribute.name);
        kind ||= dwarf.number(die, attribute.goKind);
      }
      for (const part of [attribute.goKey, attribute.goElem]) {
        const ref = dwarf.number(die, part);
        if (ref !== undefined && !parts.has(part)) parts.set(part, ref);
      }
      const next = dwarf.number(die, attribute.type);
      if (die.tag !== tag.typedef || next === undefined) break;
      if (i === mostTypedefs) throw new MalformedDwarf('.debug_info', ref, 'a chain of typedefs without end');
      die = this.#die(next);
    }
    return this.#build(name ?? '', kind || guessKind(die), die, parts);
  }

  /** `parts`: what typedefs on the way said of keys and elements; maps and channels are typedefs of a pointer to their header. */
  #build(name: string, kind: number, die: Die, parts: ReadonlyMap<number, number>): GoType {
    const dwarf = this.#dwarf;
    const outer = (of: 'goKey' | 'goElem'): TypeRef | undefined =>
      parts.get(attribute[of]) ?? dwarf.number(die, attribute[of]);
    const declared = dwarf.number(die, attribute.byteSize);
    const base = (size: number) => ({ name, size: declared ?? size });
    if (kind === reflectKind.bool) return { kind: 'bool', ...base(1) };
    if (kind >= reflectKind.int && kind <= reflectKind.int64) return { kind: 'int', ...base(8) };
    if (kind >= reflectKind.uint && kind <= reflectKind.uintptr) return { kind: 'uint', ...base(8) };
    switch (kind) {
      case reflectKind.float32:
      case reflectKind.float64:
        return { kind: 'float', ...base(8) };
      case reflectKind.complex64:
      case reflectKind.complex128:
        return { kind: 'complex', ...base(16) };
      case reflectKind.array: {
        const elem = dwarf.number(die, attribute.type);
        const size = declared ?? 0;
        if (elem === undefined) return { kind: 'unknown', name, size };
        return { kind: 'array', name, size, elem, count: this.#count(die) };
      }
      case reflectKind.chan: {
        const elem = outer('goElem');
        const header = dwarf.number(die, attribute.type);
        return elem === undefined ? { kind: 'unknown', name, size: 8 } : { kind: 'chan', name, size: 8, header, elem };
      }
      case reflectKind.func:
        return { kind: 'func', name, size: 8 };
      case reflectKind.map: {
        const [key, elem] = [outer('goKey'), outer('goElem')];
        const header = dwarf.number(die, attribute.type);
        if (key === undefined || elem === undefined) return { kind: 'unknown', name, size: 8 };
        return { kind: 'map', name, size: 8, header, key, elem };
      }
      case reflectKind.interface: {
        const first = this.#fields(die)[0]?.name;
        return { kind: 'interface', ...base(16), empty: first === '_type' };
      }
      case reflectKind.pointer:
        // One shape stands for all pointers: what a value of it points to is told by the dictionary alone.
        if (name.startsWith('go.shape.*')) return { kind: 'pointer', name, size: 8, elem: undefined };
        return { kind: 'pointer', name, size: 8, elem: dwarf.number(die, attribute.type) };
      case reflectKind.unsafePointer:
        return { kind: 'pointer', name, size: 8, elem: undefined };
      case reflectKind.slice: {
        const elem = dwarf.number(die, attribute.goElem) ?? this.#elementOfArrayField(die);
        return elem === undefined ? { kind: 'unknown', ...base(24) } : { kind: 'slice', ...base(24), elem };
      }
      case reflectKind.string:
        return { kind: 'string', ...base(16) };
      case reflectKind.struct:
        return { kind: 'struct', ...base(0), fields: this.#fields(die) };
      default:
        return { kind: 'unknown', ...base(0) };
    }
  }

  #fields(die: Die): GoField[] {
    const dwarf = this.#dwarf;
    const fields: GoField[] = [];
    for (const child of dwarf.children(die)) {
      const type = dwarf.number(child, attribute.type);
      if (child.tag !== tag.member || type === undefined) continue;
      fields.push({
        name: dwarf.string(child, attribute.name) ?? '_',
        offset: dwarf.number(child, attribute.dataMemberLocation) ?? 0,
        type,
        embedded: dwarf.number(child, attribute.goEmbeddedField) === 1,
      });
    }
    return fields;
  }

  #count(die: Die): number {
    for (const child of this.#dwarf.children(die)) {
      const count = this.#dwarf.number(child, attribute.count);
      if (child.tag === tag.subrangeType && count !== undefined) return count;
    }
    return 0;
  }

  #elementOfArrayField(die: Die): TypeRef | undefined {
    const array = this.#fields(die).find((field) => field.name === 'array');
    const pointer = array && this.type(array.type);
    return pointer?.kind === 'pointer' ? pointer.elem : undefined;
  }

  #die(ref: TypeRef): Die {
    const die = this.#dwarf.die(ref);
    if (die === undefined) throw new MalformedDwarf('.debug_info', ref, 'a reference to a type that is none');
    return die;
  }
}

/** Kind of a type without DW_AT_go_kind: the runtime's own pointers, `unsafe.Pointer`, types out of C. */
function guessKind(die: Die): number {
  switch (die.tag) {
    case tag.pointerType:
      return die.attributes.has(attribute.type) ? reflectKind.pointer : reflectKind.unsafePointer;
    case tag.structureType:
      return reflectKind.struct;
    case tag.arrayType:
      return reflectKind.array;
    case tag.subroutineType:
      return reflectKind.func;
    case tag.baseType:
      return kindOfEncoding(die.attributes.get(attribute.encoding)?.value);
    default:
      return 0;
  }
}

/** DW_ATE_* (DWARF 5 § 7.8, table 7.11). */
function kindOfEncoding(encoding: unknown): number {
  switch (encoding) {
    case 2:
      return reflectKind.bool;
    case 3:
      return reflectKind.complex128;
    case 4:
      return reflectKind.float64;
    case 5:
    case 6:
      return reflectKind.int;
    case 7:
    case 8:
      return reflectKind.uint;
    default:
      return 0;
  }
}
