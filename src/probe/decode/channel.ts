import type { GraphType } from '../graph/index.ts';
import type { GraphRenderer, Place } from './graph.ts';
import { word } from './snapshot.ts';

/** `{"len":2,"cap":3,"closed":false,"buffered":[7,8]}`: the elements from the one that is received next on. */
export function channelJson(
  renderer: GraphRenderer,
  type: Extract<GraphType, { kind: 'chan' }>,
  place: Place,
  path: string,
): string {
  const address = word(renderer.view, place.at);
  if (address === 0) return 'null';
  const chunk = renderer.reach(address, type.header, place.depth, 1);
  if (typeof chunk === 'string') return renderer.missing(path, chunk);
  const header = renderer.type(type.header);
  if (header.kind !== 'struct') return renderer.missing(path, 'debug info has no layout of it');
  const field = (name: string) => header.fields.find((each) => each.name === name)!.offset + chunk.start;
  const count = word(renderer.view, field('qcount'));
  const capacity = word(renderer.view, field('dataqsiz'));
  const closed = renderer.view.getUint32(field('closed'), true) !== 0;
  const own = `"len":${count},"cap":${capacity},"closed":${closed}`;
  const { size } = renderer.type(type.elem);
  const inner = `${path}.buffered`;
  if (count === 0) return `{${own},"buffered":[]}`;
  if (size === 0)
    return `{${own},"buffered":${renderer.elements(type.elem, 0, { at: 0, end: 0, depth: 0 }, count, inner)}}`;
  const buffer = renderer.reach(word(renderer.view, field('buf')), type.elem, chunk.depth, 0);
  if (typeof buffer === 'string') return `{${own},"buffered":${renderer.missing(inner, buffer)}}`;
  const first = word(renderer.view, field('recvx'));
  const parts: string[] = [];
  for (let i = 0; i < count; i++) {
    const at = buffer.start + ((first + i) % capacity) * size;
    if (at + size > buffer.end) {
      renderer.notes.add(inner, renderer.cut(count, i, 'elements'));
      break;
    }
    parts.push(renderer.value(type.elem, { at, end: buffer.end, depth: buffer.depth }, `${inner}[${i}]`));
  }
  return `{${own},"buffered":[${parts.join(',')}]}`;
}
