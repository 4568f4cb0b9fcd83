import type { GraphType } from '../graph/index.ts';
import { errorText } from './errors.ts';
import type { GraphRenderer, Place } from './graph.ts';
import { heldBy } from './held.ts';

/** `{"(type)":"*main.T",…}`: the dynamic type, then the value of it. */
export function interfaceJson(
  renderer: GraphRenderer,
  type: Extract<GraphType, { kind: 'interface' }>,
  place: Place,
  path: string,
): string {
  if (place.at + 16 > place.end) return renderer.missing(path, renderer.behind());
  const found = heldBy(renderer, type.empty, place);
  if (found === undefined) return 'null';
  const { name, index, data, reason } = found;
  const error = errorText(renderer, found);
  const prefix = `"(type)":${JSON.stringify(sourceName(name))}${error === undefined ? '' : `,"Error()":${JSON.stringify(error)}`}`;
  if (index === undefined) {
    renderer.notes.missing(path, reason ?? 'its type has no debug info');
    return `{${prefix}}`;
  }
  if (data.kind === 'word') return renderer.value(index, data.place, path, prefix);
  if (data.kind === 'none') {
    renderer.notes.missing(path, data.reason);
    return `{${prefix}}`;
  }
  return renderer.value(index, data.place, path, prefix);
}

/** Debug info has packages before the unexported fields of a struct without a name (`struct { main.n int }`), the source has none. */
function sourceName(name: string): string {
  return name.includes('struct {')
    ? name.replaceAll(/(?<=[{;] )[^\s;{}()[\]]+\.(?=[\p{L}_][\p{L}\p{N}_]* )/gu, '')
    : name;
}
