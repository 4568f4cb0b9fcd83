import { type LocationPiece, type LocationRange, parseLocation } from '#dwarf';
import type { Architecture } from './abi.ts';
import type { Place } from './types.ts';

/** What debug info says of a parameter's places at the function's first instruction. `part`: it tells the place of a part as that of the whole. */
export type Evidence = 'agrees' | 'disagrees' | 'part' | 'silent';

/** The range that holds at `pc`. */
export function rangeAt(locations: readonly LocationRange[], pc: number): LocationRange | undefined {
  return locations.find((range) => pc >= range.start && pc < range.end);
}

/** The expression that holds at `pc`. */
export function locationAt(locations: readonly LocationRange[], pc: number): Uint8Array | undefined {
  return rangeAt(locations, pc)?.expression;
}

/**
 * Compares places by ABI with a location expression. `silent`: the expression is empty or says nothing that could be
 * compared (optimised away, not yet in place, computed).
 */
export function compare(
  architecture: Architecture,
  places: readonly Place[],
  expression: Uint8Array | undefined,
): Evidence {
  const first = places[0];
  if (expression === undefined || first === undefined) return 'silent';
  const pieces = parseLocation(expression);
  if (first.kind === 'stack') {
    const piece = pieces[0];
    if (piece?.kind === 'register') return 'disagrees';
    if (piece?.kind !== 'frame') return 'silent';
    // A stack place counts from the return address (amd64) or from SP (arm64); DWARF counts from the CFA.
    const into = piece.offset + (architecture === 'amd64' ? 8 : 0) - first.frameOffset;
    if (into === 0) return 'agrees';
    // Of a string or slice of which only the length is used, Go tells the length's place for the whole (FACTS, Go 1.26; 1.18 too).
    return into > 0 && into < first.size && into % 8 === 0 ? 'part' : 'disagrees';
  }
  return compareRegisters(places, withoutTwins(pieces, places.length));
}

/** Go before 1.22 lists parts twice: `RAX RAX RBX RBX` for a string. At the entry no register holds two parts of a value. */
function withoutTwins(pieces: readonly LocationPiece[], expected: number): readonly LocationPiece[] {
  if (pieces.length <= expected) return pieces;
  return pieces.filter((piece, i) => {
    const before = pieces[i - 1];
    return before === undefined || placeOf(piece) !== placeOf(before);
  });
}

function placeOf(piece: LocationPiece): string {
  return `${piece.kind} ${'register' in piece ? piece.register : 'offset' in piece ? piece.offset : ''}`;
}

/** A frame piece of a register value is where it is spilled to, later: it says nothing. */
function compareRegisters(places: readonly Place[], pieces: readonly LocationPiece[]): Evidence {
  // Go leaves out padding between the parts: as many pieces as parts are matched one by one, others by their offsets.
  const oneByOne = pieces.length === places.length;
  let offset = 0;
  let result: Evidence = 'silent';
  for (const [i, piece] of pieces.entries()) {
    const place = oneByOne ? places[i] : places.find((candidate) => candidate.offset === offset);
    if (piece.kind === 'register') {
      if (place === undefined || place.kind === 'stack' || place.register !== piece.register) return 'disagrees';
      result = 'agrees';
    }
    if (piece.size === undefined) break;
    offset += piece.size;
  }
  return result;
}
