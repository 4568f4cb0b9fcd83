import { type ErrorTexts, type Fields, string } from './error-fields.ts';
import type { GraphRenderer } from './graph.ts';
import { word } from './snapshot.ts';

/** runtime/error.go, boundsErrorFmts and boundsNegErrorFmts, by code. The one of a conversion to an array (8) has had different texts. */
const bounds = [
  'index out of range [%x] with length %y',
  'slice bounds out of range [:%x] with length %y',
  'slice bounds out of range [:%x] with capacity %y',
  'slice bounds out of range [%x:%y]',
  'slice bounds out of range [::%x] with length %y',
  'slice bounds out of range [::%x] with capacity %y',
  'slice bounds out of range [:%x:%y]',
  'slice bounds out of range [%x:%y:]',
] as const;

/** Errors that the runtime panics with, at Go 1.26; unchanged since Go 1.17. */
export const runtimeErrors: ErrorTexts = {
  'runtime.errorString': (renderer, { place }) => prefixed(renderer.wholeText(place)),
  'runtime.plainError': (renderer, { place }) => renderer.wholeText(place),
  'runtime.errorAddressString': (renderer, error) => prefixed(string(renderer, error, 'msg')),
  'runtime.boundsError': (renderer, error) => prefixed(boundsText(renderer, error)),
  '*runtime.PanicNilError': () => 'panic called with nil argument (use GODEBUG=panicnil=1 to disable)',
  '*runtime.TypeAssertionError': assertion,
};

function prefixed(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `runtime error: ${text}`;
}

function boundsText(renderer: GraphRenderer, { type, place }: Fields): string | undefined {
  const [x, y, signed, code] = ['x', 'y', 'signed', 'code'].map((name) => {
    const found = renderer.field(type, place, name);
    return found && renderer.uint(found.place.at, renderer.type(found.type).size);
  });
  if (x === undefined || y === undefined || code === undefined) return undefined;
  const shown = signed === 1n ? BigInt.asIntN(64, x) : x;
  const text = bounds[Number(code)];
  // Of a negative index the length is of no interest.
  const format = shown < 0n ? text?.replace(/ with .*$/, '').replace('%y', '') : text;
  return format?.replace('%x', `${shown}`).replace('%y', `${y}`);
}

function assertion(renderer: GraphRenderer, error: Fields): string | undefined {
  const [from, concrete, asserted] = ['_interface', 'concrete', 'asserted'].map((name) => {
    const found = renderer.field(error.type, error.place, name);
    if (found === undefined) return undefined;
    const descriptor = word(renderer.view, found.place.at);
    // The runtime names packages by the last element of their path.
    return descriptor === 0 ? '' : renderer.target.typeName?.(descriptor)?.replace(/[^\s*[\](){},;]+\//g, '');
  });
  const missing = string(renderer, error, 'missingMethod');
  if (from === undefined || concrete === undefined || !asserted || missing === undefined) return undefined;
  if (concrete === '') return `interface conversion: ${from || 'interface'} is nil, not ${asserted}`;
  if (missing !== '') return `interface conversion: ${concrete} is not ${asserted}: missing method ${missing}`;
  // Then the runtime says which package, or scope, is whose.
  return concrete === asserted
    ? undefined
    : `interface conversion: ${from || 'interface'} is ${concrete}, not ${asserted}`;
}
