import { alignmentOf } from './abi.ts';
import type { GoType, Place, TypeRef } from './types.ts';

/** First byte behind the stack arguments counts from 8 in a place's `frameOffset` (the return address's or link register's word). */
const reserved = 8;

/**
 * Bytes of a function's argument frame as the compiler counts them for `_func.args`: stack parameters, stack results, then
 * the spill area of the register parameters, each part rounded up to words (Go, cmd/compile/internal/abi, ArgWidth).
 * `registersTight`, `stackTight`: no further parameter there, not even of a byte, would leave the number as it is.
 */
export function argumentBytes(
  parameters: readonly (readonly [GoType, readonly Place[]])[],
  results: readonly (readonly Place[])[],
  resolve: (ref: TypeRef) => GoType,
): { readonly bytes: number; readonly registersTight: boolean; readonly stackTight: boolean } {
  let parameterEnd = 0;
  let spill = 0;
  // Padding between two parameters has room for another one as well as padding at the end.
  let stackPadding = 0;
  let spillPadding = 0;
  for (const [type, places] of parameters) {
    const first = places[0];
    if (first === undefined) continue;
    if (first.kind === 'stack') {
      stackPadding += Math.max(0, first.frameOffset - reserved - parameterEnd);
      parameterEnd = Math.max(parameterEnd, stackEnd(places));
    } else {
      const start = roundUp(spill, alignmentOf(type, resolve));
      spillPadding += start - spill;
      spill = start + type.size;
    }
  }
  const resultEnd = Math.max(roundUp(parameterEnd), ...results.map(stackEnd));
  return {
    bytes: roundUp(resultEnd) + roundUp(spill),
    registersTight: spillPadding === 0 && spill % 8 === 0,
    stackTight: stackPadding === 0 && parameterEnd % 8 === 0,
  };
}

function stackEnd(places: readonly Place[]): number {
  return places.reduce(
    (end, place) => (place.kind === 'stack' ? Math.max(end, place.frameOffset - reserved + place.size) : end),
    0,
  );
}

function roundUp(value: number, alignment = 8): number {
  return Math.ceil(value / alignment) * alignment;
}
