import type { GraphRenderer, Place } from './graph.ts';

/** By type. */
export type ErrorTexts = Readonly<Record<string, Text>>;

type Text = (renderer: GraphRenderer, error: Fields, wrapped: Wrapped) => string | undefined;

/** Texts of the errors that an error wraps; undefined where one is not known. */
export interface Wrapped {
  /** Of the error in a field. */
  one(name: string): string | undefined;
  /** Of a list of errors. */
  all(name: string): readonly string[] | undefined;
}

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

/** An integer, of whatever width. */
export function integer(renderer: GraphRenderer, { type, place }: Fields, name: string): bigint | undefined {
  const found = renderer.field(type, place, name);
  const held = found && renderer.type(found.type);
  if (!found || !held || found.place.at + held.size > found.place.end) return undefined;
  return held.kind === 'int' ? renderer.int(found.place.at, held.size) : renderer.uint(found.place.at, held.size);
}

/** The text, undefined where one of its parts is. */
export function all(
  parts: TemplateStringsArray,
  ...values: readonly (string | bigint | undefined)[]
): string | undefined {
  if (values.includes(undefined)) return undefined;
  return parts.reduce((text, part, i) => text + part + (values[i] ?? ''), '');
}

/** As `strconv.Quote` has printable ASCII, tabs and line ends; for others one would need Go's tables of what is printable. */
export function quoted(text: string | undefined): string | undefined {
  return text === undefined || !/^[ -~\t\n\r]*$/.test(text) ? undefined : JSON.stringify(text);
}
