import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { type Part, part } from './parts.ts';

/** A `list.List` as the list of its values (container/list/list.go: a ring through its own root). */
const list: WellKnown = (renderer, type, place, path) => {
  const [root, len] = ['root', 'len'].map((name) => part(renderer, type, place, name));
  if (!root || !len) return undefined;
  const length = word(renderer.view, len.place.at);
  const parts: string[] = [];
  const most = Math.min(length, renderer.graph.limits.elements);
  let element: Part | undefined = part(renderer, root.type, root.place, 'next');
  while (element !== undefined && parts.length < most) {
    const next: Part | undefined = renderer.pointee(element.type, element.place);
    const value = next && part(renderer, next.type, next.place, 'Value');
    if (!next || !value) break;
    parts.push(renderer.value(value.type, value.place, `${path}[${parts.length}]`));
    element = part(renderer, next.type, next.place, 'next');
  }
  if (parts.length < length) renderer.notes.add(path, renderer.cut(length, parts.length, 'elements'));
  return `[${parts.join(',')}]`;
};

export const lists: Readonly<Record<string, WellKnown>> = { 'container/list.List': list };
