import { SondeError } from '#base';
import type { Sys } from '#sys';

const vmlinuxPath = '/sys/kernel/btf/vmlinux';
/** `BTF_MAGIC` and `BTF_KIND_*`: include/uapi/linux/btf.h at v6.18, Documentation/bpf/btf.rst. */
const magic = 0xeb9f;
const kind = {
  int: 1,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  funcProto: 13,
  var: 14,
  datasec: 15,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;
/** More qualifiers and typedefs in a row than this are a cycle in damaged data. */
const deepest = 32;

/** The bytes are no BTF, or end early. `offset` in bytes from their start. */
export class BadBtf extends SondeError {
  readonly code = 'bpf.bad-btf';
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`kernel type information: ${what} at offset ${offset}`);
    this.offset = offset;
  }
}

/**
 * The types that a kernel (or a program) carries in BTF. One pass records where each type begins, in a typed array; names
 * are compared by their place in the string section, and nothing is decoded before it is asked for.
 */
export class Btf {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Byte offset of the string section, and behind it. */
  readonly #strings: number;
  readonly #stringsEnd: number;
  /** Byte offset of type i; [0] is void and unused. */
  readonly #types: Uint32Array;
  readonly #count: number;

  /** Throws BadBtf. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 24 || this.#view.getUint16(0, true) !== magic) throw new BadBtf('no BTF header', 0);
    const headerSize = this.#u32(4);
    const start = headerSize + this.#u32(8);
    const end = start + this.#u32(12);
    this.#strings = headerSize + this.#u32(16);
    this.#stringsEnd = this.#strings + this.#u32(20);
    if (end > bytes.length || this.#stringsEnd > bytes.length)
      throw new BadBtf('sections end behind the data', bytes.length);
    // The smallest type is 12 bytes.
    this.#types = new Uint32Array(Math.floor((end - start) / 12) + 1);
    this.#count = this.#index(start, end);
  }

  /** Number of types, void not counted. */
  get typeCount(): number {
    return this.#count - 1;
  }

  /**
   * Byte offset of a field in a struct, through anonymous and nested structs by path: `thread.fsbase`. Undefined when
   * this kernel has no such struct or field, or when it is a bit field.
   */
  fieldOffset(structName: string, path: string): number | undefined {
    let type = this.#findStruct(structName);
    let offset = 0;
    for (const name of path.split('.')) {
      if (type === undefined) return undefined;
      const found = this.#member(type, this.#names(name), new Set());
      if (!found || found.bits % 8 !== 0) return undefined;
      offset += found.bits / 8;
      type = this.#structOf(found.type);
    }
    return offset;
  }

  /** Bytes; undefined when there is no such struct. */
  structSize(structName: string): number | undefined {
    const type = this.#findStruct(structName);
    return type === undefined ? undefined : this.#u32(this.#types[type]! + 8);
  }

  /** Value of an enumerator such as `BPF_TRACE_UPROBE_MULTI`; undefined when no 32-bit enum has it. */
  enumValue(name: string): number | undefined {
    const names = this.#names(name);
    for (let id = 1; id < this.#count; id++) {
      const at = this.#types[id]!;
      const info = this.#u32(at + 4);
      if (kindOf(info) !== kind.enum) continue;
      for (let i = 0; i < (info & 0xffff); i++) {
        if (names.has(this.#u32(at + 12 + 8 * i))) return this.#view.getInt32(at + 16 + 8 * i, true);
      }
    }
    return undefined;
  }

  #index(start: number, end: number): number {
    const types = this.#types;
    const view = this.#view;
    let count = 1;
    for (let at = start; at < end; count++) {
      if (at + 12 > end) throw new BadBtf('a type is cut off', at);
      types[count] = at;
      const info = view.getUint32(at + 4, true);
      at += 12 + trailing(info, at);
      if (at > end) throw new BadBtf('a type is cut off', types[count]!);
    }
    return count;
  }

  /** Where the string section holds this name (BTF keeps each string once, but nothing rests on that). */
  #names(name: string): Set<number> {
    const needle = new TextEncoder().encode(`\0${name}\0`);
    const strings = Buffer.from(
      this.#bytes.buffer,
      this.#bytes.byteOffset + this.#strings,
      this.#stringsEnd - this.#strings,
    );
    const found = new Set<number>();
    for (let at = strings.indexOf(needle); at >= 0; at = strings.indexOf(needle, at + 1)) found.add(at + 1);
    return found;
  }

  #findStruct(name: string): number | undefined {
    const names = this.#names(name);
    if (names.size === 0) return undefined;
    const view = this.#view;
    for (let id = 1; id < this.#count; id++) {
      const at = this.#types[id]!;
      if (kindOf(view.getUint32(at + 4, true)) === kind.struct && names.has(view.getUint32(at, true))) return id;
    }
    return undefined;
  }

  /** A member by name, looking into anonymous structs and unions. `bits` counts from the start of `type`. */
  #member(type: number, names: ReadonlySet<number>, seen: Set<number>): { type: number; bits: number } | undefined {
    // Damaged data may have types that hold themselves, many times over.
    if (seen.has(type)) return undefined;
    seen.add(type);
    const at = this.#types[type]!;
    const info = this.#u32(at + 4);
    const bitfields = info >>> 31 === 1;
    for (let i = 0; i < (info & 0xffff); i++) {
      const member = at + 12 + 12 * i;
      const name = this.#u32(member);
      const memberType = this.#u32(member + 4);
      const raw = this.#u32(member + 8);
      const bits = bitfields ? raw & 0xff_ffff : raw;
      if (name !== 0 && names.has(name)) return bitfields && raw >>> 24 !== 0 ? undefined : { type: memberType, bits };
      if (name !== 0) continue;
      const inner = this.#structOf(memberType);
      const found = inner === undefined ? undefined : this.#member(inner, names, seen);
      if (found) return { type: found.type, bits: bits + found.bits };
    }
    return undefined;
  }

  /** The struct or union behind typedefs and qualifiers; undefined for another type. */
  #structOf(type: number): number | undefined {
    for (let depth = 0; depth < deepest; depth++) {
      if (type <= 0 || type >= this.#count) return undefined;
      const at = this.#types[type]!;
      switch (kindOf(this.#u32(at + 4))) {
        case kind.struct:
        case kind.union:
          return type;
        case kind.typedef:
        case kind.volatile:
        case kind.const:
        case kind.restrict:
        case kind.typeTag:
          type = this.#u32(at + 8);
          break;
        default:
          return undefined;
      }
    }
    return undefined;
  }

  #u32(at: number): number {
    if (at + 4 > this.#view.byteLength) throw new BadBtf('data ends', at);
    return this.#view.getUint32(at, true);
  }
}

function kindOf(info: number): number {
  return (info >>> 24) & 0x1f;
}

/** Bytes behind the 12 that every type has. */
function trailing(info: number, at: number): number {
  const count = info & 0xffff;
  switch (kindOf(info)) {
    case kind.int:
    case kind.var:
    case kind.declTag:
      return 4;
    case kind.array:
      return 12;
    case kind.struct:
    case kind.union:
    case kind.datasec:
    case kind.enum64:
      return 12 * count;
    case kind.enum:
    case kind.funcProto:
      return 8 * count;
    case 0:
      throw new BadBtf('a type of kind 0', at);
    default:
      // ptr, fwd, typedef, qualifiers, func, float, type tag. A kind that is newer than this reader shows as nonsense soon after.
      if (kindOf(info) > kind.enum64) throw new BadBtf(`a type of unknown kind ${kindOf(info)}`, at);
      return 0;
  }
}

/** The running kernel's types. Throws SyscallFailed (ENOENT: built without BTF) or BadBtf. Read it when needed: it is some 5 to 10 MB. */
export function readKernelBtf(sys: Sys): Btf {
  return new Btf(sys.readFile(vmlinuxPath));
}
