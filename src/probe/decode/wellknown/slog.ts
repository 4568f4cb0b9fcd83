import { floatJson } from '../float.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { heldBy } from '../held.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { only, part } from './parts.ts';
import { durationText, instantText } from './time.ts';

/** `slog.Kind` of what `num` holds (log/slog/value.go). */
const kinds = { bool: 1n, duration: 2n, float64: 3n, int64: 4n, uint64: 7n } as const;

/** What was logged: `Value.Any()`. */
const value: WellKnown = (renderer, type, place, path) => {
  const [num, any] = [part(renderer, type, place, 'num'), part(renderer, type, place, 'any')];
  if (!num || !any) return undefined;
  const held = heldBy(renderer, true, any.place);
  const number = word(renderer.view, num.place.at);
  switch (held?.name) {
    case 'log/slog.Kind':
      if (held.data.kind === 'none') return undefined;
      return ofKind(renderer, renderer.int(held.data.place.at, 8), num.place.at);
    case 'log/slog.stringptr': {
      const text = renderer.textAt(word(renderer.view, any.place.at + 8), number, place.depth, path);
      return text === undefined ? 'null' : JSON.stringify(text);
    }
    case 'log/slog.groupptr':
      return group(renderer, word(renderer.view, any.place.at + 8), number, held.index, place, path);
    case 'log/slog.timeLocation':
      if (held.index === undefined || held.data.kind === 'none') return undefined;
      return instantText(renderer, { type: held.index, place: held.data.place }, renderer.int(num.place.at, 8), path);
    default:
      return renderer.value(any.type, any.place, path);
  }
};

function ofKind(renderer: GraphRenderer, kind: bigint, at: number): string | undefined {
  switch (kind) {
    case kinds.bool:
      return renderer.bytes[at] === 0 ? 'false' : 'true';
    case kinds.duration:
      return `"${durationText(renderer.int(at, 8))}"`;
    case kinds.float64:
      return floatJson(renderer.view.getFloat64(at, true), 8);
    case kinds.int64:
      return renderer.int(at, 8).toString();
    case kinds.uint64:
      return renderer.uint(at, 8).toString();
    default:
      return undefined;
  }
}

/** A group's attributes; its pointer is one to the first of them. */
function group(
  renderer: GraphRenderer,
  address: number,
  length: number,
  pointer: number | undefined,
  { depth }: Place,
  path: string,
): string | undefined {
  const type = pointer === undefined ? undefined : renderer.type(pointer);
  if (type?.kind !== 'pointer') return undefined;
  if (length === 0) return '[]';
  const chunk = renderer.reach(address, type.elem, depth, 1);
  if (typeof chunk === 'string') return renderer.missing(path, chunk);
  const { size } = renderer.type(type.elem);
  return renderer.elements(type.elem, size, { at: chunk.start, end: chunk.end, depth: chunk.depth }, length, path);
}

/** A record with all its attributes as one list. */
const record: WellKnown = (renderer, type, place, path) => {
  const rest = only(['Time', 'Level', 'Message', 'PC'])(renderer, type, place, path);
  const [front, count, back] = ['front', 'nFront', 'back'].map((name) => part(renderer, type, place, name));
  const array = front && renderer.type(front.type);
  if (rest === undefined || !front || !count || !back || array?.kind !== 'array') return undefined;
  const inFront = Math.min(array.count, word(renderer.view, count.place.at));
  const { size } = renderer.type(array.elem);
  const first = renderer.elements(array.elem, size, front.place, inFront, `${path}.Attrs`);
  const more = renderer.value(back.type, back.place, `${path}.back`);
  const attributes = [first, more].flatMap((list) => (/^\[.+\]$/s.test(list) ? [list.slice(1, -1)] : []));
  return `${rest.slice(0, -1)},"Attrs":[${attributes.join(',')}]}`;
};

export const slogs: Readonly<Record<string, WellKnown>> = { 'log/slog.Value': value, 'log/slog.Record': record };
