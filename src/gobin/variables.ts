import { type LocationPiece, type LocationRange, type Parameter, parseLocation } from '#dwarf';
import { type Architecture, abiRegisters, partsOf } from './abi.ts';
import { rangeAt } from './evidence.ts';
import { parameterName } from './parameters.ts';
import {
  type Continued,
  type GoType,
  type GoVariable,
  type Location,
  type Place,
  type Stretch,
  stackLocation,
  type Trust,
  type TypeRef,
} from './types.ts';

/** What is needed to tell where variables are at one instruction in the middle of a function. */
export interface VariableInput {
  readonly architecture: Architecture;
  readonly pc: number;
  /** Bytes between the stack pointer and the return address at `pc`. */
  readonly frameBytes: number;
  readonly resolve: (ref: TypeRef) => GoType;
  /** Does the function begin at an address of it, or a call return to it? There values are where the calling convention puts them. */
  readonly isHandover: (pc: number) => boolean;
  /** Why what a list says in the first of these stretches is not to be trusted; undefined: it is. Left out: all of it is. */
  readonly isTrusted?: Trust | undefined;
  readonly continued?: Continued | undefined;
}

/** The compiler keeps the value nowhere at this instruction: not yet, no more, or it needs none (a constant). */
const dead = 'dead here';

const shared = 'debug info has it where another variable is';

/** The expression of some parts of a value does not tell which: a string's length alone is told as the string's place. */
const someParts = 'debug info tells the places of some of its parts here, not of which';

/** Variables with their places at an instruction, by their location lists; where a list says nothing there, or what cannot be trusted, the reason. Stack places count from the stack pointer. */
export function variablesAt(variables: readonly Parameter[], input: VariableInput): GoVariable[] {
  const listed = variables.map((variable, i): GoVariable => listedAt(variable, parameterName(variable, i), input));
  const { isTrusted } = input;
  if (isTrusted === undefined) return listed;
  const isHere = variables.map((variable) => rangeAt(variable.locations(), input.pc) !== undefined);
  return listed.map((each, i): GoVariable => {
    if (each.places.length === 0) return each;
    const { name, type } = each;
    // What goes on beyond its list says nothing against what is listed here.
    const others = isHere[i] ? listed.filter((_, k) => isHere[k]) : listed;
    if (isShared(each, others)) return { name, type, places: [], unknown: shared };
    const locations = variables[i]!.locations();
    const range = rangeOf(locations, input)!;
    const stretches = locations.map((location) => stretchOf(location, input));
    const doubt = isTrusted(stretches[locations.indexOf(range)]!, stretches);
    return doubt === undefined ? each : { name, type, places: [], unknown: doubt };
  });
}

function listedAt(variable: Parameter, name: string, input: VariableInput): GoVariable {
  const type = variable.type ?? 0;
  const shape = variable.type === undefined ? undefined : input.resolve(type);
  if (shape === undefined || shape.size === 0) return { name, type, places: [] };
  const locations = variable.locations();
  const range = rangeOf(locations, input);
  if (range === undefined || range.expression.length === 0) return { name, type, places: [], unknown: dead };
  // What lies in one place all the time is kept whole.
  const parts = isWhole(range) ? undefined : partsOf(shape, input.resolve);
  const words = () => wordsOfSlice(locations, input);
  const places = placesOf(parseLocation(range.expression), shape, parts, words, input);
  if (typeof places === 'string') return { name, type, places: [], unknown: places };
  return places.length === 0 ? { name, type, places, unknown: dead } : { name, type, places };
}

function rangeOf(locations: readonly LocationRange[], input: VariableInput): LocationRange | undefined {
  const here = rangeAt(locations, input.pc);
  if (here !== undefined || input.continued === undefined) return here;
  const stretches = locations.map((location) => stretchOf(location, input));
  const goesOn = input.continued(stretches);
  return goesOn && locations[stretches.indexOf(goesOn)];
}

export const isWhole = ({ end }: { readonly end: number }): boolean => end === Number.MAX_SAFE_INTEGER;

/** Is it told to be where another one is? What is assigned to a variable has its name from the start, also where the variable still has its first value. */
function isShared({ places: [first], name }: GoVariable, all: readonly GoVariable[]): boolean {
  return all.some(({ places: [other], name: others }) => {
    if (first === undefined || other === undefined || name === others || first.kind !== other.kind) return false;
    if (first.kind !== 'stack') return first.register === (other as typeof first).register;
    return other.kind === 'stack' && first.frameOffset === other.frameOffset;
  });
}

function stretchOf({ start, end, expression }: LocationRange, { architecture, frameBytes }: VariableInput): Stretch {
  const places = parseLocation(expression).map((piece): Location | undefined => {
    if (piece.kind === 'register') return piece.register;
    return piece.kind === 'frame'
      ? stackLocation + fromStackPointer(piece.offset, architecture, frameBytes)
      : undefined;
  });
  return { start, end, places };
}

/** The CFA is behind the return address on amd64. */
function fromStackPointer(offset: number, architecture: Architecture, frameBytes: number): number {
  return offset + (architecture === 'amd64' ? 8 : 0) + frameBytes;
}

type ValueParts = readonly { readonly offset: number; readonly size: number }[];

/** A text: why there are none. `parts`: undefined for a value that is kept whole. */
function placesOf(
  given: readonly LocationPiece[],
  { kind, size }: GoType,
  parts: ValueParts | undefined,
  words: () => readonly number[] | undefined,
  { architecture, frameBytes }: VariableInput,
): readonly Place[] | string {
  const total = given.reduce((sum, piece) => sum + (piece.size ?? size), 0);
  // Go before 1.22 may list parts twice: `RAX RAX RBX RBX` for a string.
  const pieces = total > size ? given.filter((piece, i) => !sameAs(piece, given[i - 1])) : given;
  const offsets = parts === undefined ? undefined : offsetsOf(pieces, kind, parts, words);
  if (parts !== undefined && offsets === undefined) return someParts;
  const { firstFloat } = abiRegisters[architecture];
  const places: Place[] = [];
  let next = 0;
  for (const [i, piece] of pieces.entries()) {
    const offset = offsets?.[i] ?? next;
    const bytes = Math.min(piece.size ?? size, size - offset);
    if (bytes <= 0) break;
    if (piece.kind === 'register') {
      const kind = piece.register >= firstFloat ? 'float-register' : 'register';
      places.push({ kind, register: piece.register, offset, size: Math.min(bytes, 8) });
    } else if (piece.kind === 'frame') {
      const frameOffset = fromStackPointer(piece.offset, architecture, frameBytes);
      places.push({ kind: 'stack', frameOffset, offset, size: bytes });
    } else if (piece.kind !== 'none') return dead;
    next = offset + bytes;
  }
  return places;
}

/**
 * Where in the value each piece is. The compiler lists the parts that are in use anywhere in the function, in order, and leaves out the others and all
 * padding (cmd/compile/internal/ssa/debug.go, `writePendingEntry`): pieces are told apart by their sizes. Undefined: they could be these parts or those.
 */
function offsetsOf(
  pieces: readonly LocationPiece[],
  kind: GoType['kind'],
  parts: ValueParts,
  words: () => readonly number[] | undefined,
): readonly number[] | undefined {
  if (parts.length <= 1) return [parts[0]?.offset ?? 0];
  const sizes = pieces.flatMap(({ size }) => size ?? []);
  if (sizes.length < pieces.length) return undefined;
  if (kind === 'slice' && pieces.length === 2) return words();
  let found: readonly number[] | undefined;
  const place = (piece: number, part: number, offsets: readonly number[]): boolean => {
    if (piece === pieces.length) {
      const first = found === undefined;
      found = offsets;
      return first;
    }
    const wanted = sizes[piece]!;
    for (let from = part; from < parts.length; from++) {
      const { offset } = parts[from]!;
      // A string may be one piece.
      let behind = from;
      while (behind < parts.length && parts[behind]!.offset + parts[behind]!.size <= offset + wanted) behind++;
      const last = parts[behind - 1];
      if (behind === from || last!.offset + last!.size !== offset + wanted) continue;
      if (!place(piece + 1, behind, [...offsets, offset])) return false;
    }
    return true;
  };
  return pieces.length <= parts.length && place(0, 0, []) ? found : undefined;
}

/**
 * Which two words of a slice a list is of: pointer and length of most, pointer and capacity of `append(s[:0], …)`. Where a call or its caller leaves
 * them, a slice's words are in consecutive registers. Undefined: it begins elsewhere (loaded from memory, the words may come into any two), or in others.
 */
function wordsOfSlice(
  locations: readonly LocationRange[],
  { architecture, isHandover }: VariableInput,
): readonly number[] | undefined {
  const integers: readonly number[] = abiRegisters[architecture].integers;
  const first: (number | undefined)[] = [];
  for (const { start, expression } of locations) {
    for (const [i, piece] of parseLocation(expression).entries()) {
      if (piece.kind !== 'register') continue;
      if (first.length === 0 && !isHandover(start)) return undefined;
      first[i] ??= integers.indexOf(piece.register);
    }
  }
  const [pointer = -1, other = -1] = first;
  if (pointer < 0 || other < 0) return undefined;
  const distance = other - pointer;
  return distance === 1 || distance === 2 ? [0, 8 * distance] : undefined;
}

function sameAs(piece: LocationPiece, before: LocationPiece | undefined): boolean {
  if (before === undefined || piece.kind !== before.kind) return false;
  if (piece.kind === 'register') return before.kind === 'register' && piece.register === before.register;
  return piece.kind === 'frame' && before.kind === 'frame' && piece.offset === before.offset;
}
