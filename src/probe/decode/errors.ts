import { errnoText } from './errno.ts';
import { all, type ErrorTexts, type Fields, quoted, string, type Wrapped } from './error-fields.ts';
import type { GraphRenderer } from './graph.ts';
import { type Dynamic, heldBy } from './held.ts';
import { libraryErrors } from './library-errors.ts';
import { runtimeErrors } from './runtime-errors.ts';
import { word } from './snapshot.ts';
import { netText } from './wellknown/net.ts';

/** Longest chain of wrapped errors that makes one text. */
const mostWrapped = 20;

/**
 * Text that `Error()` of an error of the standard library, or of a library that many use, would give, from its fields; it is never called. Undefined for other types and
 * where a part was not captured.
 */
export function errorText(renderer: GraphRenderer, found: Dynamic, nesting = 0): string | undefined {
  const text = texts[found.name];
  if (text === undefined || found.index === undefined || nesting > mostWrapped || found.data.kind === 'none') {
    return undefined;
  }
  const held = renderer.pointee(found.index, found.data.place);
  const wrapped: Wrapped = {
    one: (name) => inner(renderer, held!, name, nesting),
    all: (name) => listed(renderer, held!, name, nesting),
  };
  return held && text(renderer, held, wrapped);
}

/** Type → its text (errors, fmt, io/fs, os, syscall, strconv, net, net/url, context at Go 1.26; unchanged since Go 1.18). */
const texts: ErrorTexts = {
  ...runtimeErrors,
  ...libraryErrors,
  '*errors.errorString': (renderer, error) => string(renderer, error, 's'),
  '*fmt.wrapError': (renderer, error) => string(renderer, error, 'msg'),
  '*fmt.wrapErrors': (renderer, error) => string(renderer, error, 'msg'),
  '*errors.joinError': (_, _error, wrapped) => wrapped.all('errs')?.join('\n'),
  '*io/fs.PathError': (renderer, error, wrapped) =>
    all`${string(renderer, error, 'Op')} ${string(renderer, error, 'Path')}: ${wrapped.one('Err')}`,
  '*os.SyscallError': (renderer, error, wrapped) => all`${string(renderer, error, 'Syscall')}: ${wrapped.one('Err')}`,
  '*strconv.NumError': (renderer, error, wrapped) => {
    const number = quoted(string(renderer, error, 'Num'));
    return all`strconv.${string(renderer, error, 'Func')}: parsing ${number}: ${wrapped.one('Err')}`;
  },
  '*os.LinkError': (renderer, error, wrapped) =>
    all`${string(renderer, error, 'Op')} ${string(renderer, error, 'Old')} ${string(renderer, error, 'New')}: ${wrapped.one('Err')}`,
  '*net.OpError': operation,
  '*net.DNSError': (renderer, error) => {
    const server = string(renderer, error, 'Server');
    const on = server === '' ? '' : all` on ${server}`;
    return all`lookup ${string(renderer, error, 'Name')}${on}: ${string(renderer, error, 'Err')}`;
  },
  '*net/url.Error': (renderer, error, wrapped) => {
    const url = quoted(string(renderer, error, 'URL'));
    return all`${string(renderer, error, 'Op')} ${url}: ${wrapped.one('Err')}`;
  },
  'syscall.Errno': (renderer, { place }) => errnoText(renderer.uint(place.at, 8)),
  'context.deadlineExceededError': () => 'context deadline exceeded',
};

/** net/net.go, OpError.Error. */
function operation(renderer: GraphRenderer, error: Fields, wrapped: Wrapped): string | undefined {
  const net = string(renderer, error, 'Net');
  const [source, address] = ['Source', 'Addr'].map((name) => addressText(renderer, error, name));
  if (net === undefined || source === undefined || address === undefined) return undefined;
  const from = source === '' ? '' : ` ${source}`;
  const to = address === '' ? '' : `${source === '' ? ' ' : '->'}${address}`;
  return all`${string(renderer, error, 'Op')}${net === '' ? '' : ` ${net}`}${from}${to}: ${wrapped.one('Err')}`;
}

/** A `net.Addr` as text, empty where it is nil. */
function addressText(renderer: GraphRenderer, { type, place }: Fields, name: string): string | undefined {
  const found = renderer.field(type, place, name);
  if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
  const dynamic = heldBy(renderer, false, found.place);
  if (dynamic === undefined) return '';
  if (dynamic.index === undefined || dynamic.data.kind === 'none') return undefined;
  const held = renderer.pointee(dynamic.index, dynamic.data.place);
  return held && netText(renderer, held.type, held.place);
}

function inner(renderer: GraphRenderer, { type, place }: Fields, name: string, nesting: number): string | undefined {
  const found = renderer.field(type, place, name);
  if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
  const dynamic = heldBy(renderer, false, found.place);
  return dynamic && errorText(renderer, dynamic, nesting + 1);
}

function listed(
  renderer: GraphRenderer,
  { type, place }: Fields,
  name: string,
  nesting: number,
): readonly string[] | undefined {
  const errs = renderer.field(type, place, name);
  const slice = errs && renderer.type(errs.type);
  if (!errs || slice?.kind !== 'slice' || errs.place.at + 24 > errs.place.end) return undefined;
  const count = word(renderer.view, errs.place.at + 8);
  const chunk = renderer.reach(word(renderer.view, errs.place.at), slice.elem, place.depth, 1);
  if (typeof chunk === 'string' || chunk.end - chunk.start < 16 * count) return undefined;
  const parts: string[] = [];
  for (let i = 0; i < count; i++) {
    const at = chunk.start + 16 * i;
    const dynamic = heldBy(renderer, false, { at, end: chunk.end, depth: chunk.depth });
    const text = dynamic && errorText(renderer, dynamic, nesting + 1);
    if (text === undefined) return undefined;
    parts.push(text);
  }
  return parts;
}
