import { type Address, address, decodeUtf8, SondeError } from '#base';
import type { Elf, Section, SectionWindow } from '#elf';
import { reflectKind } from './kinds.ts';
import { moduledataOf } from './moduledata.ts';
import { typesStart } from './open-pclntab.ts';
import { relativeRelocations } from './relocations.ts';
import { minorVersion } from './runtime.ts';
import { channelHeader, mapDescriptorBytes, mapForm, mapHeader } from './runtime-structs.ts';
import type { DynamicType, GoField, GoType, TypeRef } from './types.ts';

/** `internal/abi.Type` and the structs that begin with it (Go 1.17 to 1.27, internal/abi/type.go): byte offsets. */
const at = {
  size: 0,
  flags: 20,
  kind: 23,
  string: 40,
  /** Behind it what the kind has: of pointers, slices, arrays, channels and maps the element or key; of structs and interfaces the package. */
  first: 48,
  second: 56,
  third: 64,
} as const;
const typeBytes = 80;
const scalars: ReadonlySet<GoType['kind']> = new Set(['bool', 'int', 'uint', 'float', 'complex', 'string']);
/** `abi.StructField`, which begins with the name. */
const structField = { type: 8, offset: 16, bytes: 24 } as const;
const flag = { uncommon: 1, extraStar: 2, named: 4, direct: 32 } as const;

/** `internal/abi.ITab`: behind the interface's type the concrete one, behind its hash the code of methods. */
const itabType = 8;
const itabFunctions = 24;
/** `abi.UncommonType`, `abi.Method`. */
const uncommonBytes = 16;
const methodBytes = 16;
const longestName = 4_096;
const mostFields = 4_096;
/** Types that are looked through for one that is named. */
const mostTypes = 200_000;

export interface LinkedTypes {
  readonly inItabs: readonly Address[];
  readonly errors: ReadonlySet<Address>;
  readonly others: readonly Address[];
}

/**
 * The types that a binary has descriptors of: reflection's, which are there without symbols and debug info. A reference to one is negative, as are
 * those of types that are made up (`make`); debug info's are not.
 */
export class Descriptors {
  readonly #elf: Elf;
  readonly #goVersion: string;
  readonly #minor: number;
  readonly #types: (GoType | Address | (() => GoType))[] = [];
  readonly #scalars = new Map<string, TypeRef>();
  readonly #byAddress = new Map<Address, TypeRef>();
  readonly #windows = new Map<string, SectionWindow | undefined>();
  readonly #base: Address | undefined;
  /** Sections with bytes in the image, and the one that was read last. */
  readonly #loaded: readonly Section[];
  #last: Section | undefined;
  #relocations: ReadonlyMap<number, number> | undefined;
  #all: readonly Address[] | undefined;
  #linked: LinkedTypes | undefined;

  constructor(elf: Elf, goVersion: string) {
    this.#elf = elf;
    this.#goVersion = goVersion;
    this.#minor = minorVersion(goVersion) ?? 26;
    this.#base = typesStart(elf);
    this.#loaded = elf.sections.filter(({ address: from, type }) => from > 0 && type !== noBits);
  }

  /** A reference to a type that no descriptor is of; a map's or channel's header is added, where it is known. */
  make(type: GoType): TypeRef {
    if (type.kind === 'map') return -this.#types.push({ ...type, header: this.#mapHeader(type) });
    if (type.kind === 'chan') return -this.#types.push({ ...type, header: this.#channelHeader(type.elem) });
    if (!scalars.has(type.kind)) return -this.#types.push(type);
    const known = this.#scalars.get(type.name) ?? -this.#types.push(type);
    this.#scalars.set(type.name, known);
    return known;
  }

  /** One that is made when it is asked for. */
  later(make: () => GoType): TypeRef {
    return -this.#types.push(make);
  }

  /** Of a negative reference. */
  type(ref: TypeRef): GoType {
    const known = this.#types[-ref - 1];
    if (typeof known !== 'number' && typeof known !== 'function')
      return known ?? { kind: 'unknown', name: '', size: 0 };
    const type = typeof known === 'number' ? this.#read(known) : known();
    this.#types[-ref - 1] = type;
    return type;
  }

  /** Name of the type whose descriptor is at an address, as reflection has it: `main.T`, packages by their last part. */
  nameAt(descriptor: Address): string | undefined {
    return this.#isType(descriptor) ? this.#string(descriptor) || undefined : undefined;
  }

  /** All that are found, those first that are in interfaces with methods. */
  dynamicTypes(): readonly DynamicType[] {
    const { errors } = this.linked();
    return this.reachable().map((each) => ({
      address: each,
      type: this.ref(each),
      direct: this.isDirect(each),
      ...(errors.has(each) ? { isError: true as const } : {}),
    }));
  }

  /** Of the type whose descriptor is at an address. */
  ref(descriptor: Address): TypeRef {
    let ref = this.#byAddress.get(descriptor);
    if (ref === undefined) {
      ref = -this.#types.push(descriptor);
      this.#byAddress.set(descriptor, ref);
    }
    return ref;
  }

  /**
   * Has an interface a value of the type in its data word itself? Which types those are changes: up to Go 1.25 a struct with one field, from 1.26 on also one with further fields of no
   * size. The descriptor says it in its flags, up to 1.25 in its kind (internal/abi/type.go: TFlagDirectIface, KindDirectIface).
   */
  isDirect(descriptor: Address): boolean {
    const bits = this.#view(descriptor, typeBytes)?.getUint8(this.#minor < 26 ? at.kind : at.flags) ?? 0;
    return (bits & flag.direct) !== 0;
  }

  /** `net/http.Request`: with the path of its package; undefined of a type without a name of its own, or of Go itself. */
  qualifiedName(descriptor: Address): string | undefined {
    const path = this.#packagePath(descriptor);
    return path === undefined ? undefined : `${path}.${this.#ownName(descriptor)}`;
  }

  /** From `.itablink` and `.typelink`, and what those refer to. */
  reachable(): readonly Address[] {
    if (this.#all !== undefined) return this.#all;
    const { inItabs, others } = this.linked();
    const found = new Set<Address>([...inItabs, ...others]);
    // A set that grows is gone through to its end.
    for (const descriptor of found) {
      for (const part of this.#parts(descriptor))
        if (part > 0 && found.size < mostTypes && this.#isType(part)) found.add(address(part));
    }
    return (this.#all = [...found]);
  }

  /** What the linker lists: in `.itablink` types that are in interfaces with methods, of which some are errors, in `.typelink` those that reflection finds. */
  linked(): LinkedTypes {
    return (this.#linked ??= this.#readLinked());
  }

  #readLinked(): LinkedTypes {
    const errors = new Set<Address>();
    if (this.#base === undefined) return { inItabs: [], errors, others: [] };
    const types = (found: readonly number[]) =>
      [...new Set(found)].filter((each) => each > 0 && this.#isType(each)).map((each) => address(each));
    const moduledata = moduledataOf(this.#elf);
    const { listed, links } = moduledata ?? {};
    const itabs = listed ? this.#itabsIn(...listed.itabs) : links ? this.#linkedItabs(...links.itabs) : [];
    const inItabs = itabs.map((itab) => {
      const type = this.#word(itab + itabType);
      if (type > 0 && this.nameAt(address(this.#word(itab))) === 'error') errors.add(address(type));
      return type;
    });
    const others = listed ? this.#typesIn(...listed.types) : links ? this.#linkedTypes(this.#base, ...links.types) : [];
    return { inItabs: types(inItabs), errors, others: types(others) };
  }

  #linkedItabs(from: number, to: number): number[] {
    const found: number[] = [];
    for (let at = from; at + 8 <= to && found.length < mostTypes; at += 8) found.push(this.#word(at));
    return found.filter((itab) => itab > 0);
  }

  #linkedTypes(base: Address, from: number, to: number): number[] {
    const found: number[] = [];
    for (let at = from; at + 4 <= to && found.length < mostTypes; at += 4) {
      const offset = this.#view(at, 4)?.getInt32(0, true);
      if (offset === undefined) break;
      found.push(base + offset);
    }
    return found;
  }

  /** Itabs that lie one behind the other, each with an entry for each method of its interface; one if that is none (internal/abi/iface.go, ITab.Size). */
  #itabsIn(from: number, to: number): number[] {
    const found: number[] = [];
    for (let itab = from; itab + itabFunctions + 8 <= to && found.length < mostTypes; ) {
      const methods = this.#word(itab + itabFunctions) === 0 ? 1 : this.#word(this.#word(itab) + at.third);
      if (!this.#isType(this.#word(itab)) || methods > mostFields) break;
      found.push(itab);
      itab += itabFunctions + 8 * methods;
    }
    return found;
  }

  /** Descriptors that lie one behind the other, the first one a word behind the start (runtime/type.go, moduleTypelinks). */
  #typesIn(from: number, to: number): number[] {
    const found: number[] = [];
    for (let descriptor = from + 8; descriptor < to && found.length < mostTypes; ) {
      const bytes = this.#descriptorBytes(address(descriptor));
      if (!this.#isType(descriptor) || bytes === undefined) break;
      found.push(descriptor);
      descriptor = (descriptor + bytes + 7) & ~7;
    }
    return found;
  }

  /** With its methods, and what the kind has behind them (internal/abi/type.go, DescriptorSize). */
  #descriptorBytes(descriptor: Address): number | undefined {
    const view = this.#view(descriptor, 48);
    if (view === undefined) return undefined;
    const kind = this.#kind(descriptor);
    const own = this.#kindBytes(kind);
    const isUncommon = (view.getUint8(at.flags) & flag.uncommon) !== 0;
    const methods = isUncommon ? (this.#view(descriptor + own + 4, 2)?.getUint16(0, true) ?? 0) : 0;
    return own + (isUncommon ? uncommonBytes : 0) + this.#partBytes(descriptor, kind) + methodBytes * methods;
  }

  #partBytes(descriptor: Address, kind: number): number {
    if (kind === reflectKind.struct) return structField.bytes * Math.min(this.#word(descriptor + at.third), mostFields);
    if (kind === reflectKind.interface) return 8 * Math.min(this.#word(descriptor + at.third), mostFields);
    if (kind !== reflectKind.func) return 0;
    // InCount, and OutCount with a bit for a variadic one.
    const counts = this.#view(descriptor + at.first, 4);
    return counts === undefined ? 0 : 8 * (counts.getUint16(0, true) + (counts.getUint16(2, true) & 0x7fff));
  }

  #isType(descriptor: number): boolean {
    const kind = this.#kind(descriptor);
    return kind >= reflectKind.bool && kind <= reflectKind.unsafePointer;
  }

  #kind(descriptor: number): number {
    return (this.#view(descriptor, typeBytes)?.getUint8(at.kind) ?? 0) & 0x1f;
  }

  /** Descriptors that one refers to. */
  #parts(descriptor: Address): number[] {
    switch (this.#kind(descriptor)) {
      case reflectKind.array:
      case reflectKind.chan:
      case reflectKind.pointer:
      case reflectKind.slice:
        return [this.#word(descriptor + at.first)];
      case reflectKind.map:
        return [this.#word(descriptor + at.first), this.#word(descriptor + at.second)];
      case reflectKind.struct:
        return this.#fieldEntries(descriptor).map((field) => this.#word(field + structField.type));
      default:
        return [];
    }
  }

  #read(descriptor: Address): GoType {
    const view = this.#view(descriptor, typeBytes);
    const kind = this.#kind(descriptor);
    const name = this.#name(descriptor);
    const size = view === undefined ? 0 : Number(view.getBigUint64(at.size, true));
    const part = (offset: number): TypeRef | undefined => {
      const found = this.#word(descriptor + offset);
      return this.#isType(found) ? this.ref(address(found)) : undefined;
    };
    const unknown = { kind: 'unknown', name, size } as const;
    if (kind === reflectKind.bool) return { kind: 'bool', name, size };
    if (kind >= reflectKind.int && kind < reflectKind.uint) return { kind: 'int', name, size };
    if (kind >= reflectKind.uint && kind <= reflectKind.uintptr) return { kind: 'uint', name, size };
    switch (kind) {
      case reflectKind.float32:
      case reflectKind.float64:
        return { kind: 'float', name, size };
      case reflectKind.complex64:
      case reflectKind.complex128:
        return { kind: 'complex', name, size };
      case reflectKind.string:
        return { kind: 'string', name, size };
      case reflectKind.func:
        return { kind: 'func', name, size };
      case reflectKind.unsafePointer:
        return { kind: 'pointer', name, size, elem: undefined };
      case reflectKind.pointer:
        return { kind: 'pointer', name, size, elem: part(at.first) };
      case reflectKind.slice: {
        const elem = part(at.first);
        return elem === undefined ? unknown : { kind: 'slice', name, size, elem };
      }
      case reflectKind.array: {
        const elem = part(at.first);
        const count = this.#word(descriptor + at.third);
        return elem === undefined ? unknown : { kind: 'array', name, size, elem, count };
      }
      case reflectKind.map: {
        const [key, elem] = [part(at.first), part(at.second)];
        return key === undefined || elem === undefined
          ? unknown
          : { kind: 'map', name, size, header: this.#mapHeader({ key, elem }, descriptor), key, elem };
      }
      case reflectKind.chan: {
        const elem = part(at.first);
        if (elem === undefined) return unknown;
        return { kind: 'chan', name, size, header: this.#channelHeader(elem), elem };
      }
      case reflectKind.interface:
        return { kind: 'interface', name, size, empty: this.#word(descriptor + at.third) === 0 };
      case reflectKind.struct: {
        const fields = this.#fields(descriptor);
        if (fields.some(({ type }) => !this.#isType(type))) return unknown;
        return {
          kind: 'struct',
          name,
          size,
          fields: fields.map(({ type, ...field }): GoField => ({ ...field, type: this.ref(address(type)) })),
        };
      }
      default:
        return unknown;
    }
  }

  /** `descriptor`: of the map, if there is one; behind its key and element it has that of a bucket or group. */
  #mapHeader(type: { readonly key: TypeRef; readonly elem: TypeRef }, descriptor?: Address): TypeRef | undefined {
    const form = mapForm(this.#goVersion);
    const cells = descriptor === undefined ? 0 : this.#word(descriptor + at.third);
    const size = this.#isType(cells) ? this.#word(cells + at.size) : undefined;
    return form && this.later(() => mapHeader(this, form, type, size));
  }

  #channelHeader(elem: TypeRef): TypeRef | undefined {
    return mapForm(this.#goVersion) && this.later(() => channelHeader(this, this.#minor, elem));
  }

  /** `abi.StructField`: name, type, offset; up to Go 1.18 the offset is doubled, and its lowest bit says that the field is embedded. */
  #fields(descriptor: Address) {
    return this.#fieldEntries(descriptor).map((field) => {
      const name = this.#text(this.#word(field));
      const offset = this.#word(field + structField.offset);
      const old = this.#minor < 19;
      return {
        name: name?.text || '_',
        offset: old ? Math.floor(offset / 2) : offset,
        embedded: old ? offset % 2 === 1 : ((name?.flags ?? 0) & 8) !== 0,
        type: this.#word(field + structField.type),
      };
    });
  }

  /** Where the entries of a struct's fields are. */
  #fieldEntries(descriptor: Address): number[] {
    const list = this.#word(descriptor + at.second);
    const count = Math.min(this.#word(descriptor + at.third), mostFields);
    return Array.from({ length: count }, (_, i) => list + structField.bytes * i);
  }

  /** With the import path where the type is a named one, as debug info has it. */
  #name(descriptor: Address, depth = 0): string {
    const qualified = this.qualifiedName(descriptor);
    if (qualified !== undefined) return qualified;
    const part = (offset: number) => {
      const found = this.#word(descriptor + offset);
      return depth < 8 && this.#isType(found) ? this.#name(address(found), depth + 1) : '?';
    };
    switch (this.#isNamed(descriptor) ? 0 : this.#kind(descriptor)) {
      case reflectKind.pointer:
        return `*${part(at.first)}`;
      case reflectKind.slice:
        return `[]${part(at.first)}`;
      case reflectKind.array:
        return `[${this.#word(descriptor + at.third)}]${part(at.first)}`;
      case reflectKind.map:
        return `map[${part(at.first)}]${part(at.second)}`;
      default:
        return this.#string(descriptor);
    }
  }

  #isNamed(descriptor: Address): boolean {
    return ((this.#view(descriptor, typeBytes)?.getUint8(at.flags) ?? 0) & flag.named) !== 0;
  }

  /** `Request` of `http.Request`; type arguments belong to it. */
  #ownName(descriptor: Address): string {
    const text = this.#string(descriptor);
    const bracket = text.indexOf('[');
    return text.slice(text.lastIndexOf('.', bracket < 0 ? text.length : bracket) + 1);
  }

  /** As reflection has it. */
  #string(descriptor: Address): string {
    const view = this.#view(descriptor, typeBytes);
    if (view === undefined || this.#base === undefined) return '';
    const text = this.#text(this.#base + view.getInt32(at.string, true))?.text ?? '';
    return (view.getUint8(at.flags) & flag.extraStar) !== 0 ? text.slice(1) : text;
  }

  /** Import path of a named type, from `abi.UncommonType` behind what the kind has. */
  #packagePath(descriptor: Address): string | undefined {
    const view = this.#view(descriptor, typeBytes);
    if (view === undefined || this.#base === undefined) return undefined;
    const flags = view.getUint8(at.flags);
    if ((flags & flag.named) === 0 || (flags & flag.uncommon) === 0) return undefined;
    const offset = this.#view(descriptor + this.#kindBytes(this.#kind(descriptor)), 4)?.getInt32(0, true) ?? 0;
    return offset === 0 ? undefined : this.#text(this.#base + offset)?.text;
  }

  #kindBytes(kind: number): number {
    switch (kind) {
      case reflectKind.array:
        return 72;
      case reflectKind.chan:
        return 64;
      case reflectKind.func:
      case reflectKind.pointer:
      case reflectKind.slice:
        return 56;
      case reflectKind.interface:
      case reflectKind.struct:
        return 80;
      case reflectKind.map:
        return mapDescriptorBytes(this.#goVersion);
      default:
        return 48;
    }
  }

  /** `abi.Name`: flags, the length as a varint, the text. */
  #text(start: number): { readonly text: string; readonly flags: number } | undefined {
    const head = this.#view(start, 3);
    if (head === undefined) return undefined;
    const long = (head.getUint8(1) & 0x80) !== 0;
    const length = long ? (head.getUint8(1) & 0x7f) | (head.getUint8(2) << 7) : head.getUint8(1);
    const bytes = length > longestName ? undefined : this.#view(start + (long ? 3 : 2), length);
    if (bytes === undefined) return undefined;
    return {
      text: decodeUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      flags: head.getUint8(0),
    };
  }

  /** A word of the image as it is in a process without load bias; 0 where the file has none. */
  #word(place: number): number {
    const view = this.#view(place, 8);
    const value = view === undefined ? 0n : view.getBigUint64(0, true);
    if (value === 0n && this.#elf.pie) return (this.#relocations ??= relativeRelocations(this.#elf)).get(place) ?? 0;
    return value < 1n << 52n ? Number(value) : 0;
  }

  #view(start: number, length: number): DataView | undefined {
    const holds = ({ address: from, size }: Section) => start >= from && start + length <= from + size;
    if (this.#last === undefined || !holds(this.#last)) {
      this.#last = this.#loaded.find(holds);
      if (this.#last === undefined) return undefined;
    }
    const section = this.#last;
    if (!this.#windows.has(section.name)) this.#windows.set(section.name, this.#open(section.name));
    const window = this.#windows.get(section.name);
    const offset = start - section.address;
    if (window === undefined || offset + length > window.bytes.length) return undefined;
    window.need(offset, offset + length);
    return new DataView(window.bytes.buffer, window.bytes.byteOffset + offset, length);
  }

  #open(name: string): SectionWindow | undefined {
    try {
      return this.#elf.window(name);
    } catch (error) {
      if (error instanceof SondeError) return undefined;
      throw error;
    }
  }
}

/** SHT_NOBITS: `.bss`. */
const noBits = 8;
