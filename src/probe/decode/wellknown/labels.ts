import type { GraphType } from '../../graph/index.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

/** pprof labels from Go 1.23 on: the only field, in structs within each other, is a list of keys and values. As an object; a map, as they were before, is one anyway. */
const labelMap: WellKnown = (renderer, index, place, path) => {
  let type = renderer.type(index);
  for (let nesting = 0; type.kind === 'struct' && type.fields.length === 1 && nesting < 4; nesting++)
    type = renderer.type(type.fields[0]!.type);
  if (type.kind !== 'slice' || place.at + 24 > place.end) return undefined;
  const length = word(renderer.view, place.at + 8);
  if (length === 0) return '{}';
  const pair = renderer.type(type.elem);
  if (pair.kind !== 'struct' || pair.fields.length !== 2) return undefined;
  const chunk = renderer.reach(word(renderer.view, place.at), type.elem, place.depth, 1);
  if (typeof chunk === 'string') return renderer.missing(path, chunk);
  const shown = Math.min(length, Math.floor((chunk.end - chunk.start) / pair.size), renderer.graph.limits.elements);
  if (shown < length) renderer.notes.add(path, renderer.cut(length, shown, 'elements'));
  const members = Array.from({ length: shown }, (_, i) => {
    const at = { at: chunk.start + i * pair.size, end: chunk.end, depth: chunk.depth };
    return member(renderer, pair, at, path, i);
  });
  return `{${members.join(',')}}`;
};

function member(
  renderer: GraphRenderer,
  pair: GraphType & { kind: 'struct' },
  place: Place,
  path: string,
  number: number,
): string {
  const [key, value] = pair.fields.map(({ type, offset }) => ({ type, place: { ...place, at: place.at + offset } }));
  const found = renderer.value(key!.type, key!.place, path);
  // One that was not captured has a note.
  const name = found === 'null' ? `"#${number}"` : found;
  const inner = `${path}[${name}]`;
  const hidden = renderer.target.hidesKey(renderer.graph, name, renderer.type(value!.type));
  return `${name}:${hidden ? renderer.missing(inner, 'redacted') : renderer.value(value!.type, value!.place, inner)}`;
}

export const labels: Readonly<Record<string, WellKnown>> = { 'runtime/pprof.labelMap': labelMap };
