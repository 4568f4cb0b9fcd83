import type { GraphRenderer, Place } from '../graph.ts';

/** Writes a value of a type that engineers know by another form than its fields; undefined: show the fields after all. */
export type WellKnown = (renderer: GraphRenderer, type: number, place: Place, path: string) => string | undefined;

const known: ReadonlyMap<string, WellKnown> = new Map([]);

/** By the type's name. */
export function wellKnown(name: string): WellKnown | undefined {
  return known.get(name);
}
