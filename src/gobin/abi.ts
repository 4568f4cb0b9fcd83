import { SondeError } from '#base';
import type { GoType, Place, TypeRef } from './types.ts';

/** Machines whose Go ABI is known here. */
export type Architecture = 'amd64' | 'arm64';

/** A value whose type is not known: its registers, and those of all values behind it, cannot be told. */
export class UnassignableType extends SondeError {
  readonly code = 'gobin.unassignable-type';
  readonly type: string;

  constructor(type: string) {
    super(`the places of a value of type ${type} are not known`);
    this.type = type;
  }
}

/** Register sequences of ABIInternal by DWARF number (Go, abi-internal: "amd64 architecture", "arm64 architecture"). */
export const abiRegisters = {
  amd64: {
    /** RAX RBX RCX RDI RSI R8 R9 R10 R11 */
    integers: [0, 3, 2, 5, 4, 8, 9, 10, 11],
    /** X0–X14 */
    floats: Array.from({ length: 15 }, (_, n) => 17 + n),
    closure: 1,
    g: 14,
    stackPointer: 7,
    framePointer: 6,
    /** Holds the return address at an entry; on amd64 it is on the stack. */
    link: undefined,
    /** Subtract from a float register's DWARF number to get its own. */
    firstFloat: 17,
  },
  arm64: {
    integers: Array.from({ length: 16 }, (_, n) => n),
    floats: Array.from({ length: 16 }, (_, n) => 64 + n),
    closure: 26,
    g: 28,
    stackPointer: 31,
    framePointer: 29,
    link: 30,
    firstFloat: 64,
  },
} as const satisfies Record<Architecture, object>;

/** More than any value has that is kept in parts. */
const mostParts = 64;

/** Deeper than any type that compiles: debug info that nests a type in itself must not hang us. */
const mostNesting = 100;

/**
 * Bytes from the frame address (see `assignAbi`) to the first stack argument: the return address on amd64, the slot that is kept for
 * the link register on arm64.
 */
const stackArguments = 8;

export interface AbiAssignment {
  /** One list a parameter, in the order given; empty for a value of size 0. */
  readonly parameters: readonly (readonly Place[])[];
  readonly results: readonly (readonly Place[])[];
}

/**
 * The places of a function's parameters (receiver first; a shape function's hidden dictionary pointer must be among them: first for
 * functions, behind the receiver for methods) at its entry, and of its results at its `ret`. The rules are those of Go's abi-internal
 * document, "Function call argument and result passing"; `assembly`: ABI0, everything on the stack.
 *
 * A stack place's `frameOffset` counts from the frame address: on amd64 the address of the return address (SP at the entry site and at
 * `ret`), on arm64 SP at the entry and at `ret` (the word at SP is kept for the link register). The first stack argument is at +8 on both.
 *
 * Throws `UnassignableType` for a type of kind `unknown`, whose alignment and parts nobody knows, and for types nested without end.
 */
export function assignAbi(
  architecture: Architecture,
  parameters: readonly GoType[],
  results: readonly GoType[],
  resolve: (ref: TypeRef) => GoType,
  options: { readonly assembly: boolean },
): AbiAssignment {
  const assigner = new Assigner(architecture, resolve, options.assembly);
  const parameterPlaces = parameters.map((type) => assigner.assign(type));
  assigner.restart();
  return { parameters: parameterPlaces, results: results.map((type) => assigner.assign(type)) };
}

/** A register's worth of a value: its kind, and where in the value it is. */
interface Part {
  readonly float: boolean;
  readonly offset: number;
  readonly size: number;
}

class Assigner {
  readonly #integers: readonly number[];
  readonly #floats: readonly number[];
  readonly #resolve: (ref: TypeRef) => GoType;
  #usedIntegers = 0;
  #usedFloats = 0;
  #stack = 0;

  constructor(architecture: Architecture, resolve: (ref: TypeRef) => GoType, assembly: boolean) {
    this.#integers = assembly ? [] : abiRegisters[architecture].integers;
    this.#floats = assembly ? [] : abiRegisters[architecture].floats;
    this.#resolve = resolve;
  }

  /** Results begin again with the first registers; on the stack they lie behind the parameters, at a word boundary. */
  restart(): void {
    this.#usedIntegers = 0;
    this.#usedFloats = 0;
    this.#stack = roundUp(this.#stack, 8);
  }

  assign(type: GoType): Place[] {
    const alignment = alignmentOf(type, this.#resolve);
    if (type.size > 0) {
      const parts: Part[] = [];
      const most = this.#integers.length + this.#floats.length;
      if (collectParts(type, 0, parts, this.#resolve, most)) {
        const floats = parts.reduce((count, part) => count + (part.float ? 1 : 0), 0);
        const fits =
          this.#usedFloats + floats <= this.#floats.length &&
          this.#usedIntegers + parts.length - floats <= this.#integers.length;
        if (fits) return parts.map((part) => this.#register(part));
      }
    }
    // Values of size 0 count as stack-assigned: they take no room, but align what follows.
    this.#stack = roundUp(this.#stack, alignment);
    if (type.size === 0) return [];
    const frameOffset = stackArguments + this.#stack;
    this.#stack += type.size;
    return [{ kind: 'stack', frameOffset, offset: 0, size: type.size }];
  }

  #register(part: Part): Place {
    const { offset, size } = part;
    return part.float
      ? { kind: 'float-register', register: this.#floats[this.#usedFloats++]!, offset, size }
      : { kind: 'register', register: this.#integers[this.#usedIntegers++]!, offset, size };
  }
}

/** Where in a value of the type the parts are that the compiler keeps in places of their own; undefined: it keeps the value whole, in memory. */
export function partsOf(
  type: GoType,
  resolve: (ref: TypeRef) => GoType,
): readonly { readonly offset: number; readonly size: number }[] | undefined {
  const parts: Part[] = [];
  try {
    return collectParts(type, 0, parts, resolve, mostParts) ? parts : undefined;
  } catch (error) {
    if (error instanceof UnassignableType) return undefined;
    throw error;
  }
}

/** Lists a value's register parts; false when it can never be in registers (an array of two or more, even of size 0; too many parts). */
function collectParts(
  type: GoType,
  offset: number,
  parts: Part[],
  resolve: (ref: TypeRef) => GoType,
  most: number,
  depth = 0,
): boolean {
  if (depth > mostNesting) throw new UnassignableType(type.name);
  const words = (count: number): void => {
    for (let i = 0; i < count; i++) parts.push({ float: false, offset: offset + 8 * i, size: 8 });
  };
  switch (type.kind) {
    case 'bool':
    case 'int':
    case 'uint':
      parts.push({ float: false, offset, size: type.size });
      break;
    case 'float':
      parts.push({ float: true, offset, size: type.size });
      break;
    case 'complex':
      parts.push({ float: true, offset, size: type.size / 2 });
      parts.push({ float: true, offset: offset + type.size / 2, size: type.size / 2 });
      break;
    case 'pointer':
    case 'map':
    case 'chan':
    case 'func':
      words(1);
      break;
    case 'string':
    case 'interface':
      words(2);
      break;
    case 'slice':
      words(3);
      break;
    case 'array':
      if (type.count > 1) return false;
      if (type.count === 1 && !collectParts(resolve(type.elem), offset, parts, resolve, most, depth + 1)) return false;
      break;
    case 'struct':
      for (const field of type.fields) {
        if (!collectParts(resolve(field.type), offset + field.offset, parts, resolve, most, depth + 1)) return false;
      }
      break;
    case 'unknown':
      throw new UnassignableType(type.name);
  }
  return parts.length <= most;
}

/** Bytes; a struct has that of its strictest field. */
export function alignmentOf(type: GoType, resolve: (ref: TypeRef) => GoType, depth = 0): number {
  if (depth > mostNesting) throw new UnassignableType(type.name);
  switch (type.kind) {
    case 'bool':
    case 'int':
    case 'uint':
    case 'float':
      return type.size;
    case 'complex':
      return type.size / 2;
    case 'array':
      return alignmentOf(resolve(type.elem), resolve, depth + 1);
    case 'struct':
      return type.fields.reduce(
        (most, field) => Math.max(most, alignmentOf(resolve(field.type), resolve, depth + 1)),
        1,
      );
    case 'unknown':
      throw new UnassignableType(type.name);
    default:
      return 8;
  }
}

function roundUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
