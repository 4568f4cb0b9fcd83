import type { Dynamic, GraphRenderer, Place } from './graph.ts';
import { word } from './snapshot.ts';

/** Longest chain of wrapped errors that makes one text. */
const mostWrapped = 20;

type Text = (renderer: GraphRenderer, error: Fields, nesting: number) => string | undefined;

/** The struct behind an error, by its fields. */
interface Fields {
  readonly type: number;
  readonly place: Place;
}

/**
 * Text that `Error()` of an error of the standard library would give, from its fields; it is never called. Undefined for other types and
 * where a part was not captured.
 */
export function errorText(renderer: GraphRenderer, found: Dynamic, nesting = 0): string | undefined {
  const text = texts[found.name];
  if (text === undefined || found.index === undefined || nesting > mostWrapped || found.data.kind === 'none') {
    return undefined;
  }
  const pointer = renderer.type(found.index);
  if (pointer.kind !== 'pointer') return text(renderer, { type: found.index, place: found.data.place }, nesting);
  const chunk = renderer.reach(word(renderer.view, found.data.place.at), pointer.elem, found.data.place.depth, 1);
  if (typeof chunk === 'string') return undefined;
  return text(
    renderer,
    { type: pointer.elem, place: { at: chunk.start, end: chunk.end, depth: chunk.depth } },
    nesting,
  );
}

/** Type → its text (errors, fmt, io/fs, os, strconv, net/url, context at Go 1.26; unchanged since Go 1.18). */
const texts: Readonly<Record<string, Text>> = {
  '*errors.errorString': (renderer, error) => string(renderer, error, 's'),
  '*fmt.wrapError': (renderer, error) => string(renderer, error, 'msg'),
  '*fmt.wrapErrors': (renderer, error) => string(renderer, error, 'msg'),
  '*errors.joinError': (renderer, error, nesting) => joined(renderer, error, nesting),
  '*io/fs.PathError': (renderer, error, nesting) =>
    all`${string(renderer, error, 'Op')} ${string(renderer, error, 'Path')}: ${inner(renderer, error, 'Err', nesting)}`,
  '*os.SyscallError': (renderer, error, nesting) =>
    all`${string(renderer, error, 'Syscall')}: ${inner(renderer, error, 'Err', nesting)}`,
  '*strconv.NumError': (renderer, error, nesting) => {
    const number = string(renderer, error, 'Num');
    // Others would be quoted in Go's way.
    if (number === undefined || !/^[ -!#-[\]-~]*$/.test(number)) return undefined;
    return all`strconv.${string(renderer, error, 'Func')}: parsing "${number}": ${inner(renderer, error, 'Err', nesting)}`;
  },
  'context.deadlineExceededError': () => 'context deadline exceeded',
};

function all(parts: TemplateStringsArray, ...values: readonly (string | undefined)[]): string | undefined {
  if (values.includes(undefined)) return undefined;
  return parts.reduce((text, part, i) => text + part + (values[i] ?? ''), '');
}

/** A whole string: a cut one makes no text. */
function string(renderer: GraphRenderer, { type, place }: Fields, name: string): string | undefined {
  const found = renderer.field(type, place, name);
  if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
  return renderer.wholeText(found.place);
}

function inner(renderer: GraphRenderer, { type, place }: Fields, name: string, nesting: number): string | undefined {
  const found = renderer.field(type, place, name);
  if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
  const dynamic = renderer.dynamic(false, found.place);
  return dynamic && errorText(renderer, dynamic, nesting + 1);
}

function joined(renderer: GraphRenderer, { type, place }: Fields, nesting: number): string | undefined {
  const errs = renderer.field(type, place, 'errs');
  const slice = errs && renderer.type(errs.type);
  if (!errs || slice?.kind !== 'slice' || errs.place.at + 24 > errs.place.end) return undefined;
  const count = word(renderer.view, errs.place.at + 8);
  const chunk = renderer.reach(word(renderer.view, errs.place.at), slice.elem, place.depth, 1);
  if (typeof chunk === 'string' || chunk.end - chunk.start < 16 * count) return undefined;
  const parts: string[] = [];
  for (let i = 0; i < count; i++) {
    const at = chunk.start + 16 * i;
    const dynamic = renderer.dynamic(false, { at, end: chunk.end, depth: chunk.depth });
    const text = dynamic && errorText(renderer, dynamic, nesting + 1);
    if (text === undefined) return undefined;
    parts.push(text);
  }
  return parts.join('\n');
}
