import { heldBy } from '../held.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { itsField } from './parts.ts';

/** What a `weak.Pointer` leads to as long as it is there: a word that has its address, then 0. */
const weak: WellKnown = (renderer, type, place, path) => {
  const word = renderer.field(type, place, 'u');
  const held = word && renderer.pointee(word.type, word.place);
  return held && held.type !== word.type ? renderer.value(held.type, held.place, path) : undefined;
};

/** Bits of `reflect.flag` (reflect/value.go). */
const indirect = 1n << 7n;
const method = 1n << 9n;

/** The value that a `reflect.Value` has, as an interface shows one. */
const reflected: WellKnown = (renderer, type, place, path) => {
  const flag = renderer.field(type, place, 'flag');
  const any = renderer.graph.types.findIndex((each) => each.kind === 'interface' && each.empty);
  if (flag === undefined || any < 0 || flag.place.at + 8 > flag.place.end) return undefined;
  if (word(renderer.view, place.at) === 0) return 'null';
  const bits = renderer.uint(flag.place.at, 8);
  const held = heldBy(renderer, true, place);
  if (held?.index === undefined || (bits & method) !== 0n) return undefined;
  // One that can be set is behind a pointer, which an interface has for no type that is a pointer itself.
  if ((bits & indirect) !== 0n && renderer.type(held.index).direct) return undefined;
  return renderer.value(any, place, path);
};

export const pointers: Readonly<Record<string, WellKnown>> = {
  'weak.Pointer': weak,
  'unique.Handle': itsField('value'),
  'reflect.Value': reflected,
};
