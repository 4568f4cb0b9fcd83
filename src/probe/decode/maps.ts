import { type GraphType, swissParts } from '../graph/index.ts';
import type { GraphRenderer, Place } from './graph.ts';
import { keyOrder } from './key-order.ts';
import { word } from './snapshot.ts';

type MapType = Extract<GraphType, { kind: 'map' }>;
type Struct = Extract<GraphType, { kind: 'struct' }>;

/** One entry's key and value, wherever they lie. */
export interface Entry {
  readonly key: Place & { readonly type: number };
  readonly value: Place & { readonly type: number };
}

/** What was captured of a map. `count`: its entries when it was read; `missing`: why some are not here. */
export interface MapEntries {
  readonly entries: readonly Entry[];
  readonly count: number;
  readonly missing: readonly string[];
}

/** The captured entries, in no order, at most as many as the map has; a text: why there are none; undefined: the map is nil. */
export function mapEntries(renderer: GraphRenderer, type: MapType, place: Place): MapEntries | string | undefined {
  const address = word(renderer.view, place.at);
  if (address === 0) return undefined;
  const header = renderer.type(type.header);
  const chunk = renderer.reach(address, type.header, place.depth, 1);
  if (typeof chunk === 'string') return chunk;
  if (header.kind !== 'struct') return 'debug info has no layout of it';
  const own = { at: chunk.start, end: chunk.end, depth: chunk.depth };
  if (own.end - own.at < header.size) return 'only a part of it was captured';
  const missing: string[] = [];
  const used = header.role === 'swiss' ? 'used' : 'count';
  const count = word(renderer.view, own.at + fieldOffset(header, used));
  const found =
    header.role === 'swiss'
      ? swissEntries(renderer, header, own, missing)
      : header.role === 'hmap'
        ? bucketEntries(renderer, header, own, missing)
        : undefined;
  if (found === undefined) return 'this form of map is not known to this version of Sonde';
  return { entries: found.slice(0, count), count, missing: [...new Set(missing)] };
}

/**
 * An object where all keys are text, else a list of [key, value]. In the order of keys; one that is being grown too. What of its
 * memory is not there is told in the notes.
 */
export function mapJson(renderer: GraphRenderer, type: MapType, place: Place, path: string): string {
  const found = mapEntries(renderer, type, place);
  if (found === undefined) return 'null';
  if (typeof found === 'string') return renderer.missing(path, found);
  const { count, missing } = found;
  const most = renderer.graph.limits.elements;
  const entries = found.entries.slice(0, most);
  // Changed while it was read, or cut.
  if (entries.length < count) {
    const why = missing.length > 0 && found.entries.length < Math.min(count, most) ? `; ${missing.join('; ')}` : '';
    renderer.notes.add(path, `${renderer.cut(count, entries.length, 'entries')}${why}`);
  }
  return entriesJson(renderer, type, entries, path);
}

/** The entries of a map, or of what is one to its user. */
export function entriesJson(
  renderer: GraphRenderer,
  type: Pick<MapType, 'key' | 'elem'>,
  entries: readonly Entry[],
  path: string,
): string {
  const { notes } = renderer;
  const { kind } = renderer.type(type.key);
  const keyed = entries.map((entry, i) => {
    const unsorted = `${path}.keys[${i}]`;
    const from = notes.mark();
    const text = actual(renderer, entry.key, type.key, unsorted);
    const to = notes.mark();
    const place = actualPlace(renderer, entry.key, type.key);
    return { entry, text, place, unsorted, from, to, plain: to === from && text !== 'null' };
  });
  keyed.sort((a, b) => {
    const known = typeof a.place !== 'string' && typeof b.place !== 'string';
    const order = known ? keyOrder(renderer, type.key, a.place as Place, b.place as Place) : 0;
    return order !== 0 ? order : a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
  });
  const asObject = kind === 'string' && keyed.every(({ plain }) => plain);
  const parts = keyed.map(({ entry, text, unsorted, from, to }, i) => {
    notes.move(from, to, unsorted, `${path}[${i}][0]`);
    const at = asObject ? `${path}[${text}]` : `${path}[${i}][1]`;
    const hidden = kind === 'string' && renderer.target.hidesKey(renderer.graph, text, renderer.type(type.elem));
    const value = hidden ? renderer.missing(at, 'redacted') : actual(renderer, entry.value, type.elem, at);
    return asObject ? `${text}:${value}` : `[${text},${value}]`;
  });
  return asObject ? `{${parts.join(',')}}` : `[${parts.join(',')}]`;
}

/** A key or value as JSON. */
function actual(renderer: GraphRenderer, place: Entry['key'], wanted: number, path: string): string {
  const found = actualPlace(renderer, place, wanted);
  return typeof found === 'string' ? renderer.missing(path, found) : renderer.value(found.type, found, path);
}

/** Where a key or value really is: one of more than 128 bytes is behind a pointer (runtime/map.go, internal/runtime/maps: indirect). */
export function actualPlace(renderer: GraphRenderer, place: Entry['key'], wanted: number): Entry['key'] | string {
  const type = renderer.type(place.type);
  const isIndirect = type.kind === 'pointer' && type.elem === wanted && renderer.type(wanted).size > 128;
  if (!isIndirect) return place;
  if (place.at + 8 > place.end) return 'only a part of the map was captured';
  const chunk = renderer.reach(word(renderer.view, place.at), wanted, place.depth, 1);
  if (typeof chunk === 'string') return chunk;
  return { at: chunk.start, end: chunk.end, depth: chunk.depth, type: wanted };
}

/** Go 1.24 and later (internal/runtime/maps): a small map is one group, others have a directory of tables of groups of eight slots. */
function swissEntries(renderer: GraphRenderer, header: Struct, own: Place, missing: string[]): Entry[] | undefined {
  const { view, graph } = renderer;
  const { table, group } = swissParts(graph.types, header);
  if (table === undefined || group === undefined) return undefined;
  const groupType = renderer.type(group);
  const tableType = renderer.type(table);
  if (groupType.kind !== 'struct' || tableType.kind !== 'struct') return undefined;
  const entries: Entry[] = [];
  const directory = word(view, own.at + fieldOffset(header, 'dirPtr'));
  const directoryLength = word(view, own.at + fieldOffset(header, 'dirLen'));
  if (directory === 0) return entries;
  if (directoryLength === 0) {
    const chunk = renderer.reach(directory, group, own.depth, 1);
    if (typeof chunk === 'string') missing.push(chunk);
    else groupEntries(renderer, groupType, { at: chunk.start, end: chunk.end, depth: chunk.depth }, entries);
    return entries;
  }
  const pointers = header.fields.find((field) => field.name === 'dirPtr')!;
  const pointer = renderer.type(pointers.type);
  const tables = pointer.kind === 'pointer' ? renderer.reach(directory, pointer.elem, own.depth, 1) : 'not known';
  if (typeof tables === 'string') {
    missing.push(tables);
    return entries;
  }
  const groupsField = tableType.fields.find((field) => field.name === 'groups')!;
  const groups = renderer.type(groupsField.type);
  if (groups.kind !== 'struct') return undefined;
  // A table that has not been split as often as others stands in the directory several times.
  const seen = new Set<number>();
  const whole = Math.min(directoryLength, Math.floor((tables.end - tables.start) / 8));
  if (whole < directoryLength) missing.push('its directory was cut');
  for (let i = 0; i < whole; i++) {
    const address = word(view, tables.start + 8 * i);
    if (address === 0 || seen.has(address)) continue;
    seen.add(address);
    const chunk = renderer.reach(address, table, tables.depth, 1);
    if (typeof chunk === 'string' || chunk.end - chunk.start < tableType.size) {
      missing.push(typeof chunk === 'string' ? chunk : 'a table was cut');
      continue;
    }
    const data = word(view, chunk.start + groupsField.offset + fieldOffset(groups, 'data'));
    const mask = word(view, chunk.start + groupsField.offset + fieldOffset(groups, 'lengthMask'));
    const memory = renderer.reach(data, group, chunk.depth, 1);
    if (typeof memory === 'string') {
      missing.push(memory);
      continue;
    }
    for (let k = 0; k <= mask; k++) {
      const at = memory.start + k * groupType.size;
      if (at + groupType.size > memory.end) {
        missing.push('a table was cut');
        // The last slots of a fresh table may be in a page that nobody has touched.
        groupEntries(renderer, groupType, { at, end: memory.end, depth: memory.depth }, entries);
        break;
      }
      groupEntries(renderer, groupType, { at, end: memory.end, depth: memory.depth }, entries);
    }
  }
  return entries;
}

/** A control byte without its highest bit is that of a full slot. Keys and elements lie in turn, or each on their own (GOEXPERIMENT=mapsplitgroup). */
function groupEntries(renderer: GraphRenderer, group: Struct, place: Place, entries: Entry[]): void {
  const [keys, elems] = slotParts(renderer, group);
  if (keys === undefined || elems === undefined) return;
  const control = place.at + fieldOffset(group, 'ctrl');
  for (let i = 0; i < keys.count; i++) {
    const [key, elem] = [keys, elems].map(({ offset, stride, type }) => ({
      ...place,
      at: place.at + offset + i * stride,
      type,
    }));
    // Of a group that was captured in part.
    if (elem!.at + renderer.type(elem!.type).size > place.end) return;
    if ((renderer.bytes[control + i]! & 0x80) === 0) entries.push({ key: key!, value: elem! });
  }
}

interface SlotPart {
  readonly offset: number;
  readonly stride: number;
  readonly count: number;
  readonly type: number;
}

/** Where keys and elements lie in a group. */
function slotParts(renderer: GraphRenderer, group: Struct): readonly (SlotPart | undefined)[] {
  const array = (name: string) => {
    const field = group.fields.find((each) => each.name === name);
    const type = field && renderer.type(field.type);
    return type?.kind === 'array' ? { offset: field!.offset, count: type.count, type: type.elem } : undefined;
  };
  const slots = array('slots');
  const slot = slots && renderer.type(slots.type);
  const isSplit = slot?.kind !== 'struct';
  return (isSplit ? ['keys', 'elems'] : ['key', 'elem']).map((name) => {
    if (isSplit) {
      const part = array(name);
      return part && { ...part, stride: renderer.type(part.type).size };
    }
    const field = slot.fields.find((each) => each.name === name);
    return field && { ...slots!, offset: slots!.offset + field.offset, stride: slot.size, type: field.type };
  });
}

/** `tophash` of a cell: below 5 it is no entry; 2, 3 and 4 in a bucket's first cell say that the bucket has been moved (runtime/map.go). */
const minTopHash = 5;
const movedFrom = 2;
const sameSizeGrow = 8;
/** Longest chain of overflow buckets that is followed. */
const mostOverflow = 64;

/** Go up to 1.23 (runtime/map.go): buckets of eight cells with overflow chains; while growing, those of the old array that were not moved yet too. */
function bucketEntries(renderer: GraphRenderer, header: Struct, own: Place, missing: string[]): Entry[] | undefined {
  const { view, bytes } = renderer;
  const pointer = renderer.type(header.fields.find((field) => field.name === 'buckets')?.type ?? 0);
  const bucket = pointer.kind === 'pointer' ? renderer.type(pointer.elem) : undefined;
  if (pointer.kind !== 'pointer' || bucket?.kind !== 'struct') return undefined;
  const entries: Entry[] = [];
  const exponent = bytes[own.at + fieldOffset(header, 'B')]!;
  const flags = bytes[own.at + fieldOffset(header, 'flags')]!;
  const buckets = word(view, own.at + fieldOffset(header, 'buckets'));
  const old = word(view, own.at + fieldOffset(header, 'oldbuckets'));
  const oldExponent = (flags & sameSizeGrow) === 0 ? exponent - 1 : exponent;
  const array = (address: number, count: number, isOld: boolean): void => {
    if (address === 0) return;
    const chunk = renderer.reach(address, pointer.elem, own.depth, 1);
    if (typeof chunk === 'string') {
      missing.push(chunk);
      return;
    }
    for (let i = 0; i < count; i++) {
      const at = chunk.start + i * bucket.size;
      if (at + bucket.size > chunk.end) {
        missing.push('its buckets were cut');
        // Its cells come first; of a fresh one the end may be in a page that nobody has touched.
        if (at + fieldOffset(bucket, 'keys') <= chunk.end) {
          cells(renderer, bucket, { at, end: chunk.end, depth: chunk.depth }, entries);
        }
        return;
      }
      const top = bytes[at + fieldOffset(bucket, 'tophash')]!;
      if (isOld && top >= movedFrom && top < minTopHash) continue;
      chain({ at, end: chunk.end, depth: chunk.depth });
    }
  };
  const chain = (first: Place): void => {
    let place = first;
    for (let length = 0; length < mostOverflow; length++) {
      cells(renderer, bucket, place, entries);
      const next = word(view, place.at + fieldOffset(bucket, 'overflow'));
      if (next === 0) return;
      const chunk = renderer.reach(next, pointer.elem, place.depth, 1);
      if (typeof chunk === 'string' || chunk.end - chunk.start < bucket.size) {
        missing.push(typeof chunk === 'string' ? chunk : 'a bucket was cut');
        return;
      }
      place = { at: chunk.start, end: chunk.end, depth: chunk.depth };
    }
    missing.push('a chain of overflow buckets was cut');
  };
  array(buckets, 2 ** exponent, false);
  array(old, 2 ** oldExponent, true);
  return entries;
}

function cells(renderer: GraphRenderer, bucket: Struct, place: Place, entries: Entry[]): void {
  const keysField = bucket.fields.find((field) => field.name === 'keys')!;
  const valuesField = bucket.fields.find((field) => field.name === 'values')!;
  const [keys, values] = [renderer.type(keysField.type), renderer.type(valuesField.type)];
  if (keys.kind !== 'array' || values.kind !== 'array') return;
  const [keySize, valueSize] = [renderer.type(keys.elem).size, renderer.type(values.elem).size];
  const top = place.at + fieldOffset(bucket, 'tophash');
  for (let i = 0; i < keys.count; i++) {
    if (renderer.bytes[top + i]! < minTopHash) continue;
    // Of a bucket that was captured in part: values lie behind keys.
    if (place.at + valuesField.offset + (i + 1) * valueSize > place.end) continue;
    entries.push({
      key: { ...place, at: place.at + keysField.offset + i * keySize, type: keys.elem },
      value: { ...place, at: place.at + valuesField.offset + i * valueSize, type: values.elem },
    });
  }
}

export function fieldOffset(struct: Struct, name: string): number {
  return struct.fields.find((field) => field.name === name)?.offset ?? 0;
}
