import { withoutShapes } from '#gobin';
import type { GraphRenderer, Place } from './graph.ts';
import { word } from './snapshot.ts';

/** The name of a func's code; with what it has captured, where that is known. */
export function funcJson(renderer: GraphRenderer, place: Place, path: string): string {
  const address = word(renderer.view, place.at);
  if (address === 0) return 'null';
  const chunk = renderer.snapshot.code(address);
  if (chunk === undefined || chunk.unreadable || chunk.end - chunk.start < 8) {
    return renderer.missing(path, chunk === undefined ? renderer.why(place.depth, 0) : 'its memory could not be read');
  }
  const code = word(renderer.view, chunk.start);
  const name = JSON.stringify(withoutShapes(renderer.target.functionName?.(code) ?? `0x${code.toString(16)}`));
  const captured = renderer.target.dynamicType(renderer.graph, code);
  const inner = `${path}.captured`;
  const type = captured === undefined ? undefined : renderer.type(captured);
  // Nothing but a dictionary.
  if (type?.kind === 'struct' && type.fields.length === 0) return name;
  if (captured === undefined) {
    // The compiler lays out a func that has captured nothing.
    if (renderer.target.isStatic?.(address) !== false) return name;
    const why =
      renderer.graph.closures === undefined
        ? 'what it has captured is looked for only where a value beside it can hold a func'
        : 'debug info does not tell what it has captured';
    return `{"func":${name},"captured":${renderer.missing(inner, why)}}`;
  }
  const found = renderer.reach(address, captured, place.depth, 1);
  const variables =
    typeof found === 'string'
      ? renderer.missing(inner, found)
      : renderer.value(captured, { at: found.start, end: found.end, depth: found.depth }, inner);
  return `{"func":${name},"captured":${variables}}`;
}
