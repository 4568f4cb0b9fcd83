import { hex } from '../bytes.ts';
import type { WellKnown } from './index.ts';

/** Sixteen bytes under a name with "uuid" in it: the usual form. */
export const uuid: WellKnown = (renderer, index, place) => {
  const type = renderer.type(index);
  if (type.kind !== 'array' || type.count !== 16 || type.size !== 16) return undefined;
  const text = hex(renderer.bytes, place.at, place.at + 16);
  return `"${[text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')}"`;
};
