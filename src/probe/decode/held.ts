import { directPart } from '../graph/index.ts';
import type { GraphRenderer, Place } from './graph.ts';
import { word } from './snapshot.ts';

/** What an interface value holds. */
export interface Dynamic {
  readonly name: string;
  /** Undefined where the type is not known. */
  readonly index: number | undefined;
  readonly data:
    | { readonly kind: 'word' | 'chunk'; readonly place: Place }
    | { readonly kind: 'none'; readonly reason: string };
  readonly reason?: string;
}

/** Undefined: it is nil. */
export function heldBy(renderer: GraphRenderer, empty: boolean, place: Place): Dynamic | undefined {
  const { view, graph, target } = renderer;
  const high = view.getUint32(place.at + 4, true);
  const first = word(view, place.at);
  if (first === 0) return undefined;
  const looked = empty || (high & 0x8000_0000) !== 0;
  if (!looked) {
    const why = renderer.why(place.depth, 0);
    return { name: '?', index: undefined, data: { kind: 'none', reason: why }, reason: `type and value: ${why}` };
  }
  const descriptor = empty ? first : (high & 0x7fff_ffff) * 0x1_0000_0000 + view.getUint32(place.at, true);
  const index = target.dynamicType(graph, descriptor);
  if (index === undefined) {
    const name = target.typeName?.(descriptor) ?? `type at 0x${descriptor.toString(16)}`;
    return {
      name,
      index,
      data: { kind: 'none', reason: '' },
      reason: 'its type is not among those that are looked into here',
    };
  }
  const { name, size } = renderer.type(index);
  const pointer = word(view, place.at + 8);
  const direct = directPart(graph.types, index);
  if (direct !== undefined) {
    // What a func points to is a part of it, but of one in an interface it is behind that.
    const depth = place.depth + (renderer.type(direct).kind === 'func' ? 1 : 0);
    const own = { at: place.at + 8, end: place.at + 16, depth };
    return { name, index, data: { kind: 'word', place: own } };
  }
  if (size === 0) return { name, index, data: { kind: 'chunk', place: { at: 0, end: 0, depth: place.depth + 1 } } };
  const chunk = renderer.reach(pointer, index, place.depth, 1);
  if (typeof chunk === 'string') return { name, index, data: { kind: 'none', reason: chunk } };
  return { name, index, data: { kind: 'chunk', place: { at: chunk.start, end: chunk.end, depth: chunk.depth } } };
}
