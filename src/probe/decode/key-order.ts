import type { GraphRenderer, Place } from './graph.ts';
import { heldBy } from './held.ts';

/**
 * In which order two keys of a map stand, as fmt prints them (internal/fmtsort): numbers by size, NaN first, false before true, structs and arrays by their parts, what
 * interfaces hold by its type first. 0: equal, or of a kind whose text tells.
 */
export function keyOrder(renderer: GraphRenderer, index: number, a: Place, b: Place): number {
  const type = renderer.type(index);
  if (a.at + type.size > a.end || b.at + type.size > b.end || type.redacted === true) return 0;
  switch (type.kind) {
    case 'bool':
      return renderer.bytes[a.at]! - renderer.bytes[b.at]!;
    case 'int':
      return order(renderer.int(a.at, type.size), renderer.int(b.at, type.size));
    case 'uint':
      return order(renderer.uint(a.at, type.size), renderer.uint(b.at, type.size));
    case 'float': {
      const { view } = renderer;
      const read = ({ at }: Place) => (type.size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
      const [x, y] = [read(a), read(b)];
      return Number.isNaN(x) || Number.isNaN(y) ? Number(Number.isNaN(y)) - Number(Number.isNaN(x)) : order(x, y);
    }
    case 'string':
      return order(renderer.wholeText(a) ?? '', renderer.wholeText(b) ?? '');
    case 'struct':
      return first(type.fields, ({ type: inner, offset }) =>
        keyOrder(renderer, inner, moved(a, offset), moved(b, offset)),
      );
    case 'array': {
      const { size } = renderer.type(type.elem);
      const places = Array.from({ length: size === 0 ? 0 : type.count }, (_, i) => i * size);
      return first(places, (offset) => keyOrder(renderer, type.elem, moved(a, offset), moved(b, offset)));
    }
    case 'interface': {
      const [x, y] = [a, b].map((place) => heldBy(renderer, type.empty, place));
      const byType = order(x?.name ?? '', y?.name ?? '');
      if (byType !== 0 || x?.index === undefined || x.data.kind === 'none' || y?.data.kind !== x.data.kind)
        return byType;
      return keyOrder(renderer, x.index, x.data.place, y.data.place);
    }
    default:
      return 0;
  }
}

function order<T extends bigint | number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function first<T>(parts: readonly T[], compare: (part: T) => number): number {
  for (const part of parts) {
    const found = compare(part);
    if (found !== 0) return found;
  }
  return 0;
}

function moved(place: Place, offset: number): Place {
  return { ...place, at: place.at + offset };
}
