import type { GraphRenderer, Place } from '../graph.ts';
import type { WellKnown } from './index.ts';

/** A field's type and place. */
export interface Part {
  readonly type: number;
  readonly place: Place;
}

/** Through structs from one field to the next, and through pointers where there are some; undefined: one is missing, nil or not captured. */
export function part(
  renderer: GraphRenderer,
  type: number,
  place: Place,
  ...names: readonly string[]
): Part | undefined {
  let found: Part | undefined = { type, place };
  for (const name of names) {
    const outer: Part | undefined = found && renderer.pointee(found.type, found.place);
    found = outer && renderer.field(outer.type, outer.place, name);
  }
  return found !== undefined && found.place.at + renderer.type(found.type).size <= found.place.end ? found : undefined;
}

/** A struct by those of its fields that tell an engineer something, the others being its library's own. */
export function only(names: readonly string[]): WellKnown {
  return (renderer, type, place, path) => {
    const members = names.flatMap((name) => {
      const found = renderer.field(type, place, name);
      return found === undefined ? [] : [`"${name}":${renderer.value(found.type, found.place, `${path}.${name}`)}`];
    });
    return members.length === 0 ? undefined : `{${members.join(',')}}`;
  };
}

/** What the value is in the end: that of one of its fields. */
export function itsField(...names: readonly string[]): WellKnown {
  return (renderer, type, place, path) => {
    const found = part(renderer, type, place, ...names);
    return found && renderer.value(found.type, found.place, path);
  };
}
