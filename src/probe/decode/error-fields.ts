import type { GraphRenderer, Place } from './graph.ts';

/** By type. */
export type ErrorTexts = Readonly<Record<string, Text>>;

type Text = (renderer: GraphRenderer, error: Fields, nesting: number) => string | undefined;

/** The struct behind an error, by its fields. */
export interface Fields {
  readonly type: number;
  readonly place: Place;
}

/** A whole string: a cut one makes no text. */
export function string(renderer: GraphRenderer, { type, place }: Fields, name: string): string | undefined {
  const found = renderer.field(type, place, name);
  if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
  return renderer.wholeText(found.place);
}
