import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

/** pprof labels from Go 1.23 on: the only field, in structs within each other, is a list of keys and values. As an object; a map, as they were before, is one anyway. */
const labelMap: WellKnown = (renderer, index, place, path) => {
  const found = labelPairs(renderer, index, place);
  if (typeof found === 'string') return renderer.missing(path, found);
  if (found === undefined) return undefined;
  const { pairs, count } = found;
  if (pairs.length < count) renderer.notes.add(path, renderer.cut(count, pairs.length, 'elements'));
  return `{${pairs.map((pair, i) => member(renderer, pair, path, i)).join(',')}}`;
};

interface Label {
  readonly key: Place & { readonly type: number };
  readonly value: Place & { readonly type: number };
}

/** The captured ones of such a list, and how many it has; a text: why there are none; undefined: it is no such list. */
export function labelPairs(
  renderer: GraphRenderer,
  index: number,
  place: Place,
): { readonly pairs: readonly Label[]; readonly count: number } | string | undefined {
  let type = renderer.type(index);
  for (let nesting = 0; type.kind === 'struct' && type.fields.length === 1 && nesting < 4; nesting++)
    type = renderer.type(type.fields[0]!.type);
  if (type.kind !== 'slice' || place.at + 24 > place.end) return undefined;
  const count = word(renderer.view, place.at + 8);
  if (count === 0) return { pairs: [], count };
  const pair = renderer.type(type.elem);
  if (pair.kind !== 'struct' || pair.fields.length !== 2) return undefined;
  const chunk = renderer.reach(word(renderer.view, place.at), type.elem, place.depth, 1);
  if (typeof chunk === 'string') return chunk;
  const shown = Math.min(count, Math.floor((chunk.end - chunk.start) / pair.size), renderer.graph.limits.elements);
  const part = (i: number, field: 0 | 1) => {
    const { type: own, offset } = pair.fields[field]!;
    return { type: own, at: chunk.start + i * pair.size + offset, end: chunk.end, depth: chunk.depth };
  };
  return { pairs: Array.from({ length: shown }, (_, i) => ({ key: part(i, 0), value: part(i, 1) })), count };
}

function member(renderer: GraphRenderer, { key, value }: Label, path: string, number: number): string {
  const found = renderer.value(key.type, key, path);
  // One that was not captured has a note.
  const name = found === 'null' ? `"#${number}"` : found;
  const inner = `${path}[${name}]`;
  const hidden = renderer.target.hidesKey(renderer.graph, name, renderer.type(value.type));
  return `${name}:${hidden ? renderer.missing(inner, 'redacted') : renderer.value(value.type, value, inner)}`;
}

export const labels: Readonly<Record<string, WellKnown>> = { 'runtime/pprof.labelMap': labelMap };
