import type { GraphType } from '../../graph/index.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { heldBy } from '../held.ts';
import { type Entry, entriesJson, mapEntries } from '../maps.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

interface Field {
  readonly type: number;
  readonly place: Place;
}

/** What was found of the entries. `why`: what of them is not there, in the words of a note. */
interface Found {
  readonly entries: Entry[];
  why?: string;
}

/** A `sync.Map` as the `map[any]any` that it is to its user. */
const syncMap: WellKnown = (renderer, type, place, path) => {
  const trie = renderer.field(type, place, 'm');
  const found: Found = { entries: [] };
  const known = trie === undefined ? twoMaps(renderer, type, place, found) : inTrie(renderer, trie, found);
  if (!known) return undefined;
  const [first] = found.entries;
  const most = renderer.graph.limits.elements;
  const shown = found.entries.slice(0, most);
  if (shown.length < found.entries.length || found.why !== undefined) {
    const more = found.why ?? renderer.cut(found.entries.length, shown.length, 'entries');
    renderer.notes.add(path, more);
  }
  return first === undefined
    ? '[]'
    : entriesJson(renderer, { key: first.key.type, elem: first.value.type }, shown, path);
};

/** From Go 1.24 on: inner nodes of 16 children, each of them a chain of entries or an inner node (internal/sync/hashtriemap.go). */
function inTrie(renderer: GraphRenderer, trie: Field, found: Found): boolean {
  const root = renderer.field(trie.type, trie.place, 'root');
  const pointer = root && renderer.field(root.type, root.place, 'v');
  const node = pointer && renderer.type(pointer.type);
  if (pointer === undefined || node?.kind !== 'pointer') return false;
  const type = renderer.type(node.elem);
  if (type.kind !== 'struct' || type.entry === undefined) return false;
  const address = word(renderer.view, pointer.place.at);
  if (address !== 0)
    inner(renderer, { index: node.elem, type, entry: type.entry }, address, place(pointer.place, 1), found);
  return true;
}

interface Node {
  readonly index: number;
  readonly type: GraphType & { kind: 'struct' };
  readonly entry: number;
}

const place = (from: Place, deeper: number): Place => ({ ...from, depth: from.depth + deeper });

function inner(renderer: GraphRenderer, node: Node, address: number, from: Place, found: Found): void {
  const { view } = renderer;
  const chunk = renderer.reach(address, node.index, from.depth, 0);
  if (typeof chunk === 'string') {
    found.why ??= notAll(renderer, chunk);
    return;
  }
  const children = node.type.fields.find((field) => field.name === 'children');
  const array = children && renderer.type(children.type);
  if (children === undefined || array?.kind !== 'array') return;
  for (let i = 0; i < array.count; i++) {
    const at = chunk.start + children.offset + 8 * i;
    if (at + 8 > chunk.end) return;
    const child = word(view, at);
    if (child === 0) continue;
    // The kernel's walk has told which of the two it is.
    const isInner = renderer.snapshot.find(child, node.index) !== undefined;
    if (isInner) inner(renderer, node, child, { ...chunk, at, depth: chunk.depth }, found);
    else chain(renderer, node.entry, child, chunk.depth, found);
  }
}

/** Entries whose keys have one hash. */
function chain(renderer: GraphRenderer, entry: number, first: number, depth: number, found: Found): void {
  const type = renderer.type(entry);
  if (type.kind !== 'struct') return;
  for (let address = first; address !== 0; ) {
    const chunk = renderer.reach(address, entry, depth, 0);
    if (typeof chunk === 'string' || chunk.end - chunk.start < type.size) {
      found.why ??= notAll(renderer, typeof chunk === 'string' ? chunk : 'an entry was cut');
      return;
    }
    const own = { at: chunk.start, end: chunk.end, depth: chunk.depth };
    const [key, value, overflow] = ['key', 'value', 'overflow'].map((name) => renderer.field(entry, own, name));
    if (!key || !value || !overflow) return;
    found.entries.push({
      key: { ...key.place, type: key.type },
      value: { ...value.place, type: value.type },
    });
    address = word(renderer.view, overflow.place.at);
  }
}

/** How many entries a trie has is kept nowhere. */
function notAll(renderer: GraphRenderer, reason: string): string {
  const why = reason === 'it was not reached' ? renderer.limit('elements') : reason;
  return `truncated from more entries (${why})`;
}

/** Up to Go 1.23 (sync/map.go): what is in `dirty`, if that is there, is all that there is, else what is in `read`. */
function twoMaps(renderer: GraphRenderer, type: number, own: Place, found: Found): boolean {
  const dirty = renderer.field(type, own, 'dirty');
  const read = renderer.field(type, own, 'read');
  if (dirty === undefined || read === undefined) return false;
  if (word(renderer.view, dirty.place.at) !== 0) return pointers(renderer, dirty, found);
  const only = readOnly(renderer, read);
  if (only === undefined) return false;
  if (only === 'none') return true;
  const map = renderer.field(only.type, only.place, 'm');
  return map !== undefined && pointers(renderer, map, found);
}

/** What `read` holds: an `atomic.Value` up to Go 1.19, then an `atomic.Pointer`; `none`: nothing was ever stored. */
function readOnly(renderer: GraphRenderer, read: Field): Field | 'none' | undefined {
  const held = renderer.field(read.type, read.place, 'v');
  if (held === undefined) return undefined;
  if (word(renderer.view, held.place.at) === 0) return 'none';
  if (renderer.type(held.type).kind === 'pointer') return renderer.pointee(held.type, held.place);
  const dynamic = heldBy(renderer, true, held.place);
  if (dynamic?.index === undefined || dynamic.data.kind === 'none') return undefined;
  return { type: dynamic.index, place: dynamic.data.place };
}

/** `map[any]*entry`; an entry without a value, or with `expunged` in its place, is deleted. */
function pointers(renderer: GraphRenderer, { type, place: own }: Field, found: Found): boolean {
  const map = renderer.type(type);
  if (map.kind !== 'map') return false;
  const all = mapEntries(renderer, map, own);
  if (all === undefined) return true;
  if (typeof all === 'string') return false;
  if (all.entries.length < all.count)
    found.why = `${renderer.cut(all.count, all.entries.length, 'entries')}${all.missing.map((why) => `; ${why}`).join('')}`;
  for (const { key, value } of all.entries) {
    const entry = renderer.pointee(value.type, value);
    const p = entry && renderer.field(entry.type, entry.place, 'p');
    const pointer = p && (renderer.field(p.type, p.place, 'v') ?? p);
    if (pointer !== undefined && word(renderer.view, pointer.place.at) === 0) continue;
    const held = pointer && renderer.pointee(pointer.type, pointer.place);
    if (held === undefined) {
      found.why ??= `truncated from ${all.count} entries (${renderer.why(value.depth, 1)})`;
      continue;
    }
    found.entries.push({ key, value: { ...held.place, type: held.type } });
  }
  return true;
}

export const syncMaps: Readonly<Record<string, WellKnown>> = { 'sync.Map': syncMap };
