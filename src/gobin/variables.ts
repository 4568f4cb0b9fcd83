import { type LocationPiece, type Parameter, parseLocation } from '#dwarf';
import { type Architecture, abiRegisters } from './abi.ts';
import { locationAt } from './evidence.ts';
import { parameterName } from './parameters.ts';
import type { GoType, GoVariable, Place, TypeRef } from './types.ts';

/** What is needed to tell where variables are at one instruction in the middle of a function. */
export interface VariableInput {
  readonly architecture: Architecture;
  readonly pc: number;
  /** Bytes between the stack pointer and the return address at `pc`. */
  readonly frameBytes: number;
  readonly resolve: (ref: TypeRef) => GoType;
}

/** The compiler keeps the value nowhere at this instruction: not yet, no more, or it needs none (a constant). */
const dead = 'dead here';

/** Variables with their places at an instruction, by their location lists; where a list says nothing there, the reason. Stack places count from the stack pointer. */
export function variablesAt(variables: readonly Parameter[], input: VariableInput): GoVariable[] {
  return variables.map((variable, i): GoVariable => {
    const name = parameterName(variable, i);
    const type = variable.type ?? 0;
    const size = variable.type === undefined ? 0 : input.resolve(type).size;
    if (size === 0) return { name, type, places: [] };
    const expression = locationAt(variable.locations(), input.pc);
    if (expression === undefined || expression.length === 0) return { name, type, places: [], unknown: dead };
    const places = placesOf(parseLocation(expression), size, input);
    return places === undefined || places.length === 0
      ? { name, type, places: [], unknown: dead }
      : { name, type, places };
  });
}

/** Undefined: the expression is of a form that Go does not make of variables. */
function placesOf(
  given: readonly LocationPiece[],
  size: number,
  { architecture, frameBytes }: VariableInput,
): readonly Place[] | undefined {
  const total = given.reduce((sum, piece) => sum + (piece.size ?? size), 0);
  // Go before 1.22 may list parts twice: `RAX RAX RBX RBX` for a string.
  const pieces = total > size ? given.filter((piece, i) => !sameAs(piece, given[i - 1])) : given;
  const { firstFloat } = abiRegisters[architecture];
  const places: Place[] = [];
  let offset = 0;
  for (const piece of pieces) {
    const bytes = Math.min(piece.size ?? size, size - offset);
    if (bytes <= 0) break;
    if (piece.kind === 'register') {
      const kind = piece.register >= firstFloat ? 'float-register' : 'register';
      places.push({ kind, register: piece.register, offset, size: Math.min(bytes, 8) });
    } else if (piece.kind === 'frame') {
      // The CFA is behind the return address on amd64.
      const frameOffset = piece.offset + (architecture === 'amd64' ? 8 : 0) + frameBytes;
      places.push({ kind: 'stack', frameOffset, offset, size: bytes });
    } else if (piece.kind !== 'none') return undefined;
    offset += bytes;
  }
  return places;
}

function sameAs(piece: LocationPiece, before: LocationPiece | undefined): boolean {
  if (before === undefined || piece.kind !== before.kind) return false;
  if (piece.kind === 'register') return before.kind === 'register' && piece.register === before.register;
  return piece.kind === 'frame' && before.kind === 'frame' && piece.offset === before.offset;
}
