import { type Address, address, decodeUtf8 } from '#base';
import type { Elf } from '#elf';
import { asWritten } from './names.ts';
import { textStart, typesStart } from './open-pclntab.ts';
import { mapDescriptorBytes } from './runtime-structs.ts';
import type { DynamicType, GoType, TypeRef } from './types.ts';

/** `internal/abi.Type` (Go 1.17 to 1.26): bytes, and offsets of `TFlag` and `Kind_`. */
const abiType = { size: 48, flags: 20, kind: 23 } as const;
const flagUncommon = 1;
const kinds = { array: 17, chan: 18, func: 19, interface: 20, map: 21, pointer: 22, slice: 23, struct: 25 } as const;

interface Method {
  readonly name: string;
  /** Offset of its type's descriptor. */
  readonly type: number;
  /** Where its code is, from `runtime.text`: as called on the type itself. Negative: the linker left it out. */
  readonly code: number;
}

export interface ImplementationsInput {
  readonly elf: Elf;
  readonly goVersion: string;
  readonly types: readonly DynamicType[];
  readonly type: (ref: TypeRef) => GoType;
}

/**
 * Entries of the functions that implement a method of an interface, by the method sets of all types that have a descriptor: those that
 * values in interfaces may have. Undefined: there is no such interface; `methods` are those that it has.
 */
export function implementations(
  input: ImplementationsInput,
  interfaceName: string,
  method: string,
): { readonly methods: readonly string[]; readonly entries: readonly Address[] } | undefined {
  const { elf, types } = input;
  const base = typesStart(elf);
  const text = textStart(elf);
  if (base === undefined || text === undefined) return undefined;
  const reader = new Descriptors(elf, base, input.goVersion);
  const all = types.filter(({ address: at }) => reader.kind(at) === kinds.interface);
  const nameOf = ({ type }: DynamicType) => asWritten(input.type(type).name);
  const name = asWritten(interfaceName);
  // By the end of its path, too, if only one ends so.
  const ending = all.filter((each) => nameOf(each).endsWith(`/${name}`));
  const found = all.find((each) => nameOf(each) === name) ?? (ending.length === 1 ? ending[0] : undefined);
  if (found === undefined) return undefined;
  const wanted = reader.interfaceMethods(found.address);
  const methods = wanted.map(({ name }) => name);
  const entries = new Set<Address>();
  if (!methods.includes(method)) return { methods, entries: [] };
  for (const { address: at } of types) {
    const has = reader.methods(at);
    const own = has.find(({ name }) => name === method);
    if (own === undefined || own.code < 0) continue;
    if (wanted.every(({ name, type }) => has.some((each) => each.name === name && each.type === type)))
      entries.add(address(text + own.code));
  }
  return { methods, entries: [...entries] };
}

/** Reads type descriptors; what does not hold together has no methods. */
class Descriptors {
  readonly #elf: Elf;
  readonly #base: number;
  readonly #goVersion: string;

  constructor(elf: Elf, base: number, goVersion: string) {
    this.#elf = elf;
    this.#base = base;
    this.#goVersion = goVersion;
  }

  kind(at: Address): number {
    return (this.#read(at + abiType.kind, 1)?.getUint8(0) ?? 0) & 0x1f;
  }

  /** `InterfaceType`: PkgPath at 48, Methods (a slice of name and type offsets) at 56. */
  interfaceMethods(at: Address): Method[] {
    const header = this.#read(at + abiType.size + 8, 16);
    if (header === undefined) return [];
    const list = this.#read(Number(header.getBigUint64(0, true)), 8 * Number(header.getBigUint64(8, true)));
    if (list === undefined) return [];
    return Array.from({ length: list.byteLength / 8 }, (_, i) => ({
      name: this.#name(list.getInt32(8 * i, true)),
      type: list.getInt32(8 * i + 4, true),
      code: -1,
    }));
  }

  /** `UncommonType` behind the kind's own struct: Mcount at 4, Moff at 8; methods of four offsets each: name, type, Ifn, Tfn. */
  methods(at: Address): Method[] {
    const flags = this.#read(at + abiType.flags, 1)?.getUint8(0) ?? 0;
    if ((flags & flagUncommon) === 0) return [];
    const uncommon = at + this.#kindSize(this.kind(at));
    const header = this.#read(uncommon, 16);
    if (header === undefined) return [];
    const list = this.#read(uncommon + header.getUint32(8, true), 16 * header.getUint16(4, true));
    if (list === undefined) return [];
    return Array.from({ length: list.byteLength / 16 }, (_, i) => ({
      name: this.#name(list.getInt32(16 * i, true)),
      type: list.getInt32(16 * i + 4, true),
      code: list.getInt32(16 * i + 12, true),
    }));
  }

  /** Bytes of `ArrayType`, `ChanType`, … (internal/abi/type.go). */
  #kindSize(kind: number): number {
    switch (kind) {
      case kinds.array:
        return abiType.size + 24;
      case kinds.chan:
        return abiType.size + 16;
      case kinds.func:
      case kinds.pointer:
      case kinds.slice:
        return abiType.size + 8;
      case kinds.interface:
      case kinds.struct:
        return abiType.size + 32;
      case kinds.map:
        return mapDescriptorBytes(this.#goVersion);
      default:
        return abiType.size;
    }
  }

  /** Flags, the length as a varint, the text (internal/abi/type.go, Name). */
  #name(offset: number): string {
    const at = this.#base + offset;
    const head = this.#read(at, 3);
    if (head === undefined) return '';
    const first = head.getUint8(1);
    const long = (first & 0x80) !== 0;
    const length = long ? (first & 0x7f) | (head.getUint8(2) << 7) : first;
    const text = this.#read(at + (long ? 3 : 2), length);
    return text === undefined ? '' : decodeUtf8(new Uint8Array(text.buffer, text.byteOffset, text.byteLength));
  }

  #read(at: number, length: number): DataView | undefined {
    const bytes = this.#elf.view(address(at), length);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}
