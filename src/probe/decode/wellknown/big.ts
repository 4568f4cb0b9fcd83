import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

/** The number, in decimal: all of it, or the fields. */
const int: WellKnown = (renderer, type, place) => {
  const [neg, abs] = ['neg', 'abs'].map((name) => renderer.field(type, place, name));
  const slice = abs && renderer.type(abs.type);
  if (!neg || !abs || slice?.kind !== 'slice') return undefined;
  const length = word(renderer.view, abs.place.at + 8);
  if (length === 0) return '0';
  const chunk = renderer.reach(word(renderer.view, abs.place.at), slice.elem, place.depth, 1);
  if (typeof chunk === 'string' || chunk.end - chunk.start < 8 * length) return undefined;
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 64n) | renderer.uint(chunk.start + 8 * i, 8);
  return `${renderer.bytes[neg.place.at] === 0 ? '' : '-'}${value}`;
};

/** `"1/3"`, as `Rat.String` has it; without a denominator it is 1. */
const rat: WellKnown = (renderer, type, place, path) => {
  const [a, b] = ['a', 'b'].map((name) => renderer.field(type, place, name));
  const above = a && int(renderer, a.type, a.place, path);
  const below = b && int(renderer, b.type, b.place, path);
  return above === undefined || below === undefined ? undefined : `"${above}/${below === '0' ? '1' : below}"`;
};

export const bigs: Readonly<Record<string, WellKnown>> = { 'math/big.Int': int, 'math/big.Rat': rat };
