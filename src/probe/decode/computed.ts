import { BugError, decodeUtf8 } from '#base';
import { chunkHeader, chunkHeaderSize, type GrowingColumn, slotStatus } from '#model';
import { type Computation, evaluate, type Text, Unknown, type Value } from '../computation/index.ts';
import { isByte } from '../graph/index.ts';
import type { ValueShape } from '../types.ts';
import { floatAt, floatJson } from './float.ts';
import { GraphRenderer, type Place } from './graph.ts';
import { actualPlace, mapEntries } from './maps.ts';
import type { Notes } from './notes.ts';
import { type RecordBytes, type RecordContext, statusReason, storedText } from './record.ts';
import { word } from './snapshot.ts';
import { writeTime } from './time-column.ts';
import { escapeBytes, escapedNote, utf8End } from './utf8.ts';
import { labelPairs } from './wellknown/labels.ts';

type Computed = Extract<ValueShape, { kind: 'computed' | 'part' }>;
type PartShape = Extract<ValueShape, { kind: 'part' }>;

/** Appends the value of an expression that is computed from what was captured. */
export function writeComputed(
  column: GrowingColumn,
  shape: Computed,
  context: RecordContext,
  record: RecordBytes,
  name: string,
  notes: Notes,
): void {
  if (shape.kind === 'part' && !isScalar(context.graph?.types[shape.part]?.kind)) {
    const text = partJson(shape, context, record, name, notes);
    if (text === undefined) column.missing();
    else if (column.type === 'TIME64NS') writeTime(column, text, name, notes);
    else column.text(text);
    return;
  }
  const value = valueOfShape(shape, context, record, notes);
  if (value instanceof Unknown) {
    column.missing();
    notes.missing(name, value.reason);
    return;
  }
  switch (typeof value) {
    case 'boolean':
      column.boolean(value);
      break;
    case 'bigint':
      column.int(value);
      break;
    case 'number':
      column.float(value);
      break;
    default:
      column.text(shownText(value, name, notes));
  }
}

/** The same as JSON. */
export function computedJson(
  shape: Computed,
  context: RecordContext,
  record: RecordBytes,
  path: string,
  notes: Notes,
): string {
  if (shape.kind === 'part' && !isScalar(context.graph?.types[shape.part]?.kind)) {
    return partJson(shape, context, record, path, notes) ?? 'null';
  }
  const value = valueOfShape(shape, context, record, notes);
  if (value instanceof Unknown) {
    notes.missing(path, value.reason);
    return 'null';
  }
  if (typeof value === 'number') {
    const type = shape.kind === 'computed' ? shape.computation.type : undefined;
    return floatJson(value, type?.kind === 'float' ? type.size : 8);
  }
  return typeof value === 'object' ? JSON.stringify(shownText(value, path, notes)) : `${value}`;
}

/** A text with notes on what of it is cut or escaped. */
function shownText({ bytes, length }: Text, path: string, notes: Notes): string {
  const end = utf8End(bytes, 0, bytes.length, length > bytes.length);
  const said = [
    ...(length > bytes.length ? [`truncated from ${length} bytes`] : []),
    ...(end < 0 ? [escapedNote] : []),
  ];
  if (said.length > 0) notes.add(path, said.join('; '));
  return end < 0 ? escapeBytes(bytes, 0, bytes.length) : decodeUtf8(bytes.subarray(0, end));
}

/** The number, bool or string that a shape stands for. */
export function valueOfShape(
  shape: ValueShape,
  context: RecordContext,
  record: RecordBytes,
  notes: Notes,
): Value | Unknown {
  switch (shape.kind) {
    case 'missing':
      return new Unknown(shape.reason);
    case 'computed':
      return computed(shape.computation, context, record, notes);
    case 'slot':
      return slotValue(shape.slot, context, record);
    case 'part': {
      const found = reachPart(shape, context, record, notes);
      if (found instanceof Unknown) return found;
      return found.place === 'zero'
        ? zeroOf(found.renderer, shape.part)
        : scalarAt(found.renderer, shape.part, found.place);
    }
    default:
      throw new BugError(`a value of kind ${shape.kind} is no number, bool or string`);
  }
}

function computed(
  node: Computation<ValueShape>,
  context: RecordContext,
  record: RecordBytes,
  notes: Notes,
): Value | Unknown {
  return evaluate(node, (leaf) => valueOfShape(leaf, context, record, notes), context.target.bias);
}

function slotValue(index: number, { layout, target }: RecordContext, record: RecordBytes): Value | Unknown {
  const slot = layout.slots[index]!;
  const { bytes, view, offset } = record;
  const status = bytes[offset + slot.status]!;
  const at = offset + slot.offset;
  const text = slot.kind === 'string' ? storedText(slot, record, target) : undefined;
  if (text !== undefined) return { bytes: text.source.subarray(text.start, text.shown), length: text.length };
  if (status !== slotStatus.captured) return new Unknown(statusReason(status, view, at), status === slotStatus.nil);
  switch (slot.kind) {
    case 'int':
      return view.getBigInt64(at, true);
    case 'uint':
    case 'address':
      return view.getBigUint64(at, true);
    case 'bool':
      return bytes[at] !== 0;
    case 'float':
      return floatAt(view, at, slot.size);
    default:
      throw new BugError(`a slot of kind ${slot.kind} is no number, bool or string`);
  }
}

interface Part {
  readonly renderer: GraphRenderer;
  /** `zero`: a map has no such key, and what Go gives then is the zero value. */
  readonly place: Place | 'zero';
  readonly window?: { readonly low: number; readonly high: number };
}

/** Follows the steps through what was captured. */
function reachPart(shape: PartShape, context: RecordContext, record: RecordBytes, notes: Notes): Part | Unknown {
  const { layout, graph, target } = context;
  if (graph === undefined || layout.walk === undefined) throw new BugError('a part of a value without its types');
  const slot = layout.slots[shape.whole.slot]!;
  const status = record.bytes[record.offset + slot.status]!;
  const start = record.offset + slot.offset;
  const renderer = new GraphRenderer(layout, graph, record, notes, target);
  if (status === slotStatus.nil && shape.whole.none !== undefined) return { renderer, place: 'zero' };
  if (status !== slotStatus.captured) {
    return new Unknown(statusReason(status, record.view, start), status === slotStatus.nil);
  }
  const bytes = record.view.getUint32(start - chunkHeaderSize + chunkHeader.bytes, true);
  let place: Place = { at: start, end: start + bytes, depth: 0 };
  let type = shape.whole.type;
  let window: Part['window'];
  for (const step of shape.steps) {
    const own = renderer.type(type);
    switch (step.kind) {
      case 'field':
        place = { ...place, at: place.at + step.offset };
        break;
      case 'pointer': {
        const found = pointee(renderer, place, step.type);
        if (found instanceof Unknown) return found;
        place = found;
        break;
      }
      case 'slice': {
        const length = word(record.view, place.at + 8);
        const low = step.low === undefined ? 0n : computed(step.low, context, record, notes);
        const high = step.high === undefined ? BigInt(length) : computed(step.high, context, record, notes);
        if (low instanceof Unknown) return low;
        if (high instanceof Unknown) return high;
        if (typeof low !== 'bigint' || typeof high !== 'bigint' || low < 0n || high < low || high > BigInt(length)) {
          return new Unknown(`slice bounds out of range [${String(low)}:${String(high)}] with length ${length}`);
        }
        const before = window?.low ?? 0;
        window = { low: before + Number(low), high: before + Number(high) };
        continue;
      }
      case 'index': {
        const index = computed(step.value, context, record, notes);
        if (index instanceof Unknown) return index;
        const found = elementAt(renderer, type, place, Number(index) + (window?.low ?? 0), window?.high);
        if (found instanceof Unknown) return found;
        place = found;
        window = undefined;
        break;
      }
      case 'key': {
        const key = computed(step.value, context, record, notes);
        if (key instanceof Unknown) return key;
        const hidden =
          typeof key === 'object' && target.hidesKey(graph, decodeUtf8(key.bytes), renderer.type(step.type));
        if (hidden) return new Unknown('redacted');
        const found = own.kind === 'map' ? lookUp(renderer, own, place, key) : label(renderer, type, place, key);
        if (found instanceof Unknown) return found;
        if (found === 'zero') {
          return step === shape.steps.at(-1) ? { renderer, place: 'zero' } : new Unknown('the map has no such key');
        }
        place = found;
        break;
      }
    }
    type = step.type;
  }
  return { renderer, place, ...(window && { window }) };
}

function pointee(renderer: GraphRenderer, place: Place, type: number): Place | Unknown {
  if (place.at + 8 > place.end) return new Unknown('only a part of it was captured');
  const address = word(renderer.view, place.at);
  if (address === 0) return new Unknown('nil pointer', true);
  const chunk = renderer.reach(address, type, place.depth, 1);
  return typeof chunk === 'string' ? new Unknown(chunk) : { at: chunk.start, end: chunk.end, depth: chunk.depth };
}

function elementAt(renderer: GraphRenderer, type: number, place: Place, index: number, high?: number): Place | Unknown {
  const own = renderer.type(type);
  if (own.kind !== 'slice' && own.kind !== 'array') throw new BugError('an element of what has none');
  const { size } = renderer.type(own.elem);
  const length = high ?? (own.kind === 'array' ? own.count : word(renderer.view, place.at + 8));
  if (index < 0 || index >= length) return new Unknown(`index ${index} out of range with length ${length}`);
  let from = place;
  if (own.kind === 'slice') {
    const chunk = renderer.reach(word(renderer.view, place.at), own.elem, place.depth, 1);
    if (typeof chunk === 'string') return new Unknown(chunk);
    from = { at: chunk.start, end: chunk.end, depth: chunk.depth };
  }
  const at = from.at + index * size;
  if (at + size > from.end) {
    return new Unknown(`element ${index} is beyond the elements that were captured (limit elements)`);
  }
  return { ...from, at };
}

/** Where a map's value is. */
function lookUp(
  renderer: GraphRenderer,
  type: Extract<ReturnType<GraphRenderer['type']>, { kind: 'map' }>,
  place: Place,
  key: Value,
): Place | 'zero' | Unknown {
  const found = mapEntries(renderer, type, place);
  if (found === undefined) return 'zero';
  if (typeof found === 'string') return new Unknown(found);
  let doubt: Unknown | undefined;
  for (const entry of found.entries) {
    const at = actualPlace(renderer, entry.key, type.key);
    const own = typeof at === 'string' ? new Unknown(at) : scalarAt(renderer, type.key, at);
    const equal = own instanceof Unknown ? own : sameValue(own, key);
    if (equal instanceof Unknown) doubt = equal;
    else if (equal) {
      const value = actualPlace(renderer, entry.value, type.elem);
      return typeof value === 'string' ? new Unknown(value) : value;
    }
  }
  if (found.entries.length < found.count) {
    const why = found.missing.length > 0 ? ` (${found.missing.join('; ')})` : '';
    return new Unknown(`not among the ${found.entries.length} of ${found.count} entries that were captured${why}`);
  }
  return doubt ?? 'zero';
}

/** A pprof label from Go 1.23 on. */
function label(renderer: GraphRenderer, type: number, place: Place, key: Value): Place | 'zero' | Unknown {
  const found = labelPairs(renderer, type, place);
  if (found === undefined) throw new BugError('a key of what is no map');
  if (typeof found === 'string') return new Unknown(found);
  for (const pair of found.pairs) {
    const own = scalarAt(renderer, pair.key.type, pair.key);
    const equal = own instanceof Unknown ? own : sameValue(own, key);
    if (equal instanceof Unknown) return equal;
    if (equal) return pair.value;
  }
  const { pairs, count } = found;
  return pairs.length < count
    ? new Unknown(`not among the ${pairs.length} of ${count} labels that were captured`)
    : 'zero';
}

function sameValue(a: Value, b: Value): boolean | Unknown {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (a.length !== b.length) return false;
  const shown = Math.min(a.bytes.length, b.bytes.length);
  for (let i = 0; i < shown; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return shown === a.length ? true : new Unknown('a key was cut');
}

function isScalar(kind: string | undefined): boolean {
  return kind === 'int' || kind === 'uint' || kind === 'float' || kind === 'bool' || kind === 'string';
}

function zeroOf(renderer: GraphRenderer, type: number): Value {
  switch (renderer.type(type).kind) {
    case 'bool':
      return false;
    case 'float':
      return 0;
    case 'string':
      return { bytes: new Uint8Array(0), length: 0 };
    default:
      return 0n;
  }
}

/** A number, bool or string that is a part of a captured object. */
function scalarAt(renderer: GraphRenderer, index: number, place: Place): Value | Unknown {
  const type = renderer.type(index);
  const { view } = renderer;
  if (type.redacted === true) return new Unknown('redacted');
  if (place.at + type.size > place.end) return new Unknown('only a part of it was captured');
  switch (type.kind) {
    case 'bool':
      return view.getUint8(place.at) !== 0;
    case 'float':
      return floatAt(view, place.at, type.size === 4 ? 4 : 8);
    case 'string': {
      const found = renderer.stringAt(place);
      return typeof found === 'string' ? new Unknown(found) : found;
    }
    case 'int':
    case 'uint': {
      let value = 0n;
      for (let i = type.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(place.at + i));
      return type.kind === 'int' ? BigInt.asIntN(8 * type.size, value) : value;
    }
    default:
      throw new BugError(`a ${type.kind} is no number, bool or string`);
  }
}

/** The JSON of a part that is no number, bool or string; undefined, with a note, where there is none. */
function partJson(
  shape: PartShape,
  context: RecordContext,
  record: RecordBytes,
  path: string,
  notes: Notes,
): string | undefined {
  const found = reachPart(shape, context, record, notes);
  if (found instanceof Unknown) {
    notes.missing(path, found.reason);
    return undefined;
  }
  const { renderer, place, window } = found;
  if (place === 'zero') {
    notes.missing(path, 'the map has no such key');
    return undefined;
  }
  if (window === undefined) return renderer.value(shape.part, place, path);
  const type = renderer.type(shape.part);
  if (type.kind !== 'slice') throw new BugError('a slice of what is none');
  const elem = renderer.type(type.elem);
  const { size } = elem;
  const { low, high } = window;
  if (isByte(elem)) return renderer.bytesBetween(place, low, high, path);
  if (high === low) return '[]';
  const chunk = renderer.reach(word(renderer.view, place.at), type.elem, place.depth, 1);
  if (typeof chunk === 'string') {
    notes.missing(path, chunk);
    return undefined;
  }
  const from = { at: chunk.start + low * size, end: chunk.end, depth: chunk.depth };
  return renderer.elements(type.elem, size, from, high - low, path);
}
