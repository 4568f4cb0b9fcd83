import { BugError, decodeUtf8 } from '#base';
import { type CaptureLimits, type EventLayout, type Hole, limitText } from '#model';
import { followed, type GraphType, isByte, type TypeGraph } from '../graph/index.ts';
import { bytesJson, hex } from './bytes.ts';
import { channelJson } from './channel.ts';
import { complexText, floatJson } from './float.ts';
import { funcJson } from './func.ts';
import { interfaceJson } from './interface.ts';
import { mapJson } from './maps.ts';
import { ownFields } from './messages.ts';
import type { Notes } from './notes.ts';
import type { RecordBytes } from './record.ts';
import { type Chunk, Snapshot, word } from './snapshot.ts';
import type { TargetContext } from './target.ts';
import { escapeBytes, escapedNote, utf8End } from './utf8.ts';
import { wellKnown } from './wellknown/index.ts';

/** Where a value lies in the record's buffer, up to where that buffer holds its object, and how deep that object is. */
export interface Place {
  readonly at: number;
  readonly end: number;
  readonly depth: number;
}

/** Deeper than any chain of references and nested types that the limits let through. */
const mostNesting = 200;

/** A pointer to one of these is a type's descriptor: the type's name tells what it is (`reflect.Type` holds the first). */
const descriptors: ReadonlySet<string> = new Set(['reflect.rtype', 'internal/abi.Type']);

/** Makes the JSON form of `docs/values.md` of the values of one record. */
export class GraphRenderer {
  readonly graph: TypeGraph;
  readonly snapshot: Snapshot;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly notes: Notes;
  readonly target: TargetContext;
  /** Objects of the present value that are shown already: address and type. */
  readonly #shown = new Set<string>();
  #holes: { readonly base: number; readonly holes: readonly Hole[] } | undefined;
  #nesting = 0;
  /** What is shown is in a field whose references are not followed: so in words. */
  #unfollowed: string | undefined;

  constructor(layout: EventLayout, graph: TypeGraph, record: RecordBytes, notes: Notes, target: TargetContext) {
    this.graph = graph;
    this.view = record.view;
    this.bytes = record.bytes;
    this.notes = notes;
    this.target = target;
    this.snapshot = new Snapshot(layout, graph, record);
  }

  /** A value that is itself in the record: shown whole, whatever was shown of the others. */
  root(type: number, place: Place, holes: readonly Hole[], path: string): string {
    this.#shown.clear();
    this.#holes = holes.length === 0 ? undefined : { base: place.at, holes };
    const text = this.value(type, place, path);
    this.#holes = undefined;
    return text;
  }

  type(index: number): GraphType {
    return this.graph.types[index]!;
  }

  /** The JSON of a value; `prefix`: members that come before its own (then it becomes an object in any case). */
  value(index: number, place: Place, path: string, prefix = ''): string {
    const type = this.type(index);
    if (type.redacted === true) return this.#wrapped(prefix, this.missing(path, 'redacted'));
    const { at, end } = place;
    if (type.size > 0 && at >= end) return this.#wrapped(prefix, this.missing(path, this.behind()));
    const hole = this.#holeIn(type, at);
    if (hole !== undefined && !this.#hasParts(type)) return this.#wrapped(prefix, this.missing(path, hole.reason));
    if (++this.#nesting > mostNesting) {
      this.#nesting--;
      return this.#wrapped(prefix, this.missing(path, 'nested too deep'));
    }
    const text = this.#value(index, type, place, path, prefix);
    this.#nesting--;
    return text;
  }

  #value(index: number, type: GraphType, place: Place, path: string, prefix: string): string {
    const known = wellKnown(type, this.graph.types);
    if (known !== undefined && place.at + type.size <= place.end && !this.#lacks(type, place.at)) {
      const text = known(this, index, place, path);
      if (text !== undefined) return this.#wrapped(prefix, text);
    }
    switch (type.kind) {
      case 'struct':
        return this.#struct(type, place, path, prefix);
      case 'pointer':
        // One "&" an object.
        if (prefix.includes('"&":')) return this.#wrapped(prefix, this.#pointer(type, place, path, ''));
        return this.#pointer(type, place, path, prefix);
      case 'interface':
        return this.#wrapped(prefix, interfaceJson(this, type, place, path));
      default:
        return this.#wrapped(prefix, this.#simple(type, place, path));
    }
  }

  /** What of a value was not captured, although its place is in the record. A slice's capacity is not shown. */
  #holeIn({ kind, size }: GraphType, at: number): Hole | undefined {
    if (this.#holes === undefined) return undefined;
    const from = at - this.#holes.base;
    const to = from + (kind === 'slice' ? 16 : size);
    return this.#holes.holes.find((each) => each.offset < to && each.offset + each.size > from);
  }

  /** Was a part of a value not captured, apart from what lies between its fields? */
  #lacks(type: GraphType, at: number): boolean {
    if (type.size === 0 || this.#holeIn(type, at) === undefined) return false;
    if (type.kind !== 'struct') return true;
    return type.fields.some((field) => this.#lacks(this.type(field.type), at + field.offset));
  }

  /** It is shown by its parts, each of which is there or not. */
  #hasParts(type: GraphType): boolean {
    return type.kind === 'struct' || (type.kind === 'array' && !isByte(this.type(type.elem)));
  }

  #wrapped(prefix: string, text: string): string {
    return prefix === '' ? text : `{${prefix},"=":${text}}`;
  }

  #simple(type: GraphType, place: Place, path: string): string {
    const { view } = this;
    const { at, end } = place;
    if (type.kind !== 'array' && at + type.size > end) return this.missing(path, this.behind());
    switch (type.kind) {
      case 'bool':
        return this.bytes[at] === 0 ? 'false' : 'true';
      case 'int':
        return this.#number(type, this.int(at, type.size), path);
      case 'uint':
        return this.#number(type, this.uint(at, type.size), path);
      case 'float':
        return floatJson(
          type.size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true),
          type.size === 4 ? 4 : 8,
        );
      case 'complex':
        return type.size === 8
          ? `"${complexText(view.getFloat32(at, true), view.getFloat32(at + 4, true), 4)}"`
          : `"${complexText(view.getFloat64(at, true), view.getFloat64(at + 8, true), 8)}"`;
      case 'address':
        return word(view, at) === 0 ? 'null' : `"0x${view.getBigUint64(at, true).toString(16)}"`;
      case 'string':
        return this.#string(place, path);
      case 'slice':
        return this.#slice(type, place, path);
      case 'array':
        return this.#array(type, place, path);
      case 'map':
        return mapJson(this, type, place, path);
      case 'chan':
        return channelJson(this, type, place, path);
      case 'func':
        return funcJson(this, place, path);
      case 'unknown':
        return type.pointer === true && word(view, at) === 0 ? 'null' : this.missing(path, type.why);
      default:
        throw new BugError(`a ${type.kind} has no simple form`);
    }
  }

  #number(type: Extract<GraphType, { kind: 'int' | 'uint' }>, value: bigint, path: string): string {
    const text = value.toString();
    const name = type.constants?.[text];
    if (name !== undefined) this.notes.add(path, name);
    return text;
  }

  missing(path: string, reason: string): string {
    this.notes.missing(path, reason);
    return 'null';
  }

  /** Why a part of a value is missing whose beginning is there. */
  behind(): string {
    return `behind the part of a large value that was captured (${limitText(this.graph.limits, 'eventBytes')})`;
  }

  /** `truncated from 600 bytes (limit …)`: the limit on the unit, where so many are shown, else that of the event's size. */
  cut(count: number, shown: number, unit: 'bytes' | 'elements' | 'entries'): string {
    const { limits } = this.graph;
    const limit = unit === 'bytes' ? 'stringBytes' : 'elements';
    return `truncated from ${count} ${unit} (${limitText(limits, shown >= limits[limit] ? limit : 'eventBytes')})`;
  }

  /** A limit, and how to raise it. */
  limit(name: keyof CaptureLimits): string {
    return limitText(this.graph.limits, name);
  }

  int(at: number, size: number): bigint {
    switch (size) {
      case 1:
        return BigInt(this.view.getInt8(at));
      case 2:
        return BigInt(this.view.getInt16(at, true));
      case 4:
        return BigInt(this.view.getInt32(at, true));
      default:
        return this.view.getBigInt64(at, true);
    }
  }

  uint(at: number, size: number): bigint {
    switch (size) {
      case 1:
        return BigInt(this.view.getUint8(at));
      case 2:
        return BigInt(this.view.getUint16(at, true));
      case 4:
        return BigInt(this.view.getUint32(at, true));
      default:
        return this.view.getBigUint64(at, true);
    }
  }

  /** A field of a struct by its name. */
  field(index: number, place: Place, name: string): { readonly type: number; readonly place: Place } | undefined {
    const type = this.type(index);
    if (type.kind !== 'struct') return undefined;
    const found = type.fields.find((each) => each.name === name);
    if (found === undefined || found.redacted === true) return undefined;
    return { type: found.type, place: { ...place, at: place.at + found.offset } };
  }

  /** What a pointer leads to; a value that is none is that itself. Undefined: nil, or not captured. */
  pointee(index: number, place: Place): { readonly type: number; readonly place: Place } | undefined {
    const pointer = this.type(index);
    if (pointer.kind !== 'pointer') return { type: index, place };
    if (place.at + 8 > place.end) return undefined;
    const address = word(this.view, place.at);
    if (address !== 0 && this.type(pointer.elem).size === 0)
      return { type: pointer.elem, place: { at: 0, end: 0, depth: place.depth + 1 } };
    const chunk = this.reach(address, pointer.elem, place.depth, 1);
    if (typeof chunk === 'string') return undefined;
    return { type: pointer.elem, place: { at: chunk.start, end: chunk.end, depth: chunk.depth } };
  }

  /** A string that was captured as a whole and is UTF-8. */
  wholeText(place: Place): string | undefined {
    const before = this.notes.mark();
    const text = this.text(place, '');
    if (this.notes.mark() === before) return text;
    this.notes.cut(before);
    return undefined;
  }

  /** What a reference of an object leads to, or a text: why it is not there. */
  reach(address: number, type: number, depth: number, deeper: number): Chunk | string {
    const chunk = this.snapshot.find(address, type);
    if (chunk === undefined) return this.why(depth, deeper);
    if (chunk.unreadable) return 'its memory could not be read (not mapped, or not resident)';
    return chunk;
  }

  /** Why there is no copy of what a reference in an object of this depth leads to. */
  why(depth: number, deeper: number): string {
    return this.#unfollowed ?? this.snapshot.why(depth, deeper) ?? 'it was not reached';
  }

  #struct(type: Extract<GraphType, { kind: 'struct' }>, place: Place, path: string, prefix: string): string {
    const only = followed[type.name];
    const outer = this.#unfollowed;
    const members = ownFields(this, type, place).map((field) => {
      const inner = `${path}.${field.name}`;
      if (only?.includes(field.name) === false) this.#unfollowed = `of ${type.name} it is not followed`;
      const text =
        field.redacted === true
          ? this.missing(inner, 'redacted')
          : this.value(field.type, { ...place, at: place.at + field.offset }, inner);
      this.#unfollowed = outer;
      return `${JSON.stringify(field.name)}:${text}`;
    });
    return `{${prefix === '' ? '' : `${prefix}${members.length > 0 ? ',' : ''}`}${members.join(',')}}`;
  }

  #pointer(type: Extract<GraphType, { kind: 'pointer' }>, place: Place, path: string, prefix: string): string {
    if (place.at + 8 > place.end) return this.#wrapped(prefix, this.missing(path, this.behind()));
    return this.pointerTo(type.elem, word(this.view, place.at), place.depth, path, prefix);
  }

  /** `{"&":"0xc000012345",…}`: the pointer, then what it points to. */
  pointerTo(elem: number, address: number, depth: number, path: string, prefix = ''): string {
    if (address === 0) return this.#wrapped(prefix, 'null');
    const own = `${prefix === '' ? '' : `${prefix},`}"&":"0x${address.toString(16)}"`;
    const key = `${address}:${elem}`;
    if (this.#shown.has(key)) return `{${own}}`;
    // Those of no size have all one address.
    if (this.type(elem).size > 0) this.#shown.add(key);
    if (this.type(elem).redacted === true) return this.value(elem, { at: 0, end: 0, depth }, path, own);
    const described = descriptors.has(this.type(elem).name) ? this.target.typeName?.(address) : undefined;
    if (described !== undefined) return `{${own},"=":${JSON.stringify(described)}}`;
    if (this.type(elem).size === 0) return this.value(elem, { at: 0, end: 0, depth: depth + 1 }, path, own);
    const chunk = this.reach(address, elem, depth, 1);
    if (typeof chunk === 'string') {
      this.notes.missing(path, chunk);
      return `{${own}}`;
    }
    return this.value(elem, { at: chunk.start, end: chunk.end, depth: chunk.depth }, path, own);
  }

  #string(place: Place, path: string): string {
    const text = this.text(place, path);
    return text === undefined ? 'null' : JSON.stringify(text);
  }

  /** A string's text, with notes on what is cut; undefined, with a note, where it is not there. */
  text(place: Place, path: string): string | undefined {
    return this.textAt(word(this.view, place.at), word(this.view, place.at + 8), place.depth, path);
  }

  /** The same of so many bytes at an address. */
  textAt(address: number, size: number, depth: number, path: string): string | undefined {
    const found = this.bytesOf(address, size, depth);
    if (typeof found === 'string') {
      this.notes.missing(path, found);
      return undefined;
    }
    const { bytes, length } = found;
    const end = utf8End(bytes, 0, bytes.length, length > bytes.length);
    const cut = length > bytes.length ? [this.cut(length, bytes.length, 'bytes')] : [];
    const notes = end < 0 ? [...cut, escapedNote] : cut;
    if (notes.length > 0) this.notes.add(path, notes.join('; '));
    return end < 0 ? escapeBytes(bytes, 0, bytes.length) : decodeUtf8(bytes.subarray(0, end));
  }

  /** A string's bytes, as far as they were captured; a text: why there are none. */
  stringAt(place: Place): { readonly bytes: Uint8Array; readonly length: number } | string {
    return this.bytesOf(word(this.view, place.at), word(this.view, place.at + 8), place.depth);
  }

  /** The bytes of a string or byte slice. */
  #bytesAt(place: Place, path: string): { readonly bytes: Uint8Array; readonly length: number } | undefined {
    const found = this.bytesOf(word(this.view, place.at), word(this.view, place.at + 8), place.depth);
    if (typeof found !== 'string') return found;
    this.notes.missing(path, found);
    return undefined;
  }

  /** So many bytes at an address, as far as they were captured: from the snapshot, else from the executable file; a text: why there are none. */
  bytesOf(
    address: number,
    length: number,
    depth: number,
  ): { readonly bytes: Uint8Array; readonly length: number } | string {
    if (length === 0) return { bytes: new Uint8Array(0), length };
    // The element type of strings, and `uint8` under any of its names.
    const chunk = this.bytesChunk(address);
    if (chunk !== undefined && !chunk.unreadable) {
      return { bytes: this.bytes.subarray(chunk.start, Math.min(chunk.end, chunk.start + length)), length };
    }
    const wanted = Math.min(length, this.graph.limits.stringBytes);
    const fromFile = this.target.fileBytes?.(address, wanted);
    if (fromFile !== undefined) return { bytes: fromFile, length };
    return chunk === undefined ? this.why(depth, 0) : 'its memory could not be read (not mapped, or not resident)';
  }

  /** The bytes of a byte slice from one place to another. */
  bytesBetween(slice: Place, from: number, to: number, path: string): string {
    const size = Math.max(0, to - from);
    if (size === 0) return '""';
    const found = this.bytesOf(word(this.view, slice.at), to, slice.depth);
    if (typeof found === 'string') return this.missing(path, found);
    const bytes = found.bytes.subarray(Math.min(from, found.bytes.length));
    if (bytes.length === 0)
      return this.missing(path, `it begins behind the bytes that were read (${this.limit('stringBytes')})`);
    if (bytes.length < size) this.notes.add(path, this.cut(size, bytes.length, 'bytes'));
    return bytesJson(bytes, bytes.length < size);
  }

  bytesChunk(address: number): Chunk | undefined {
    let best: Chunk | undefined;
    for (const type of this.#byteTypes()) {
      const chunk = this.snapshot.find(address, type);
      if (chunk !== undefined && (best === undefined || chunk.end - chunk.start > best.end - best.start)) best = chunk;
    }
    return best;
  }

  #byteTypes(): readonly number[] {
    return this.target.byteTypes(this.graph);
  }

  #slice(type: Extract<GraphType, { kind: 'slice' }>, place: Place, path: string): string {
    const { view } = this;
    const address = word(view, place.at);
    const length = word(view, place.at + 8);
    if (address === 0) return 'null';
    const elem = this.type(type.elem);
    if (isByte(elem) && elem.redacted !== true) {
      const found = this.#bytesAt(place, path);
      if (found === undefined) return 'null';
      if (length > found.bytes.length) this.notes.add(path, this.cut(length, found.bytes.length, 'bytes'));
      return bytesJson(found.bytes, length > found.bytes.length);
    }
    if (length === 0) return '[]';
    if (elem.redacted === true) return this.missing(path, 'redacted');
    if (elem.size === 0) return this.elements(type.elem, 0, { at: 0, end: 0, depth: place.depth }, length, path);
    const chunk = this.reach(address, type.elem, place.depth, 1);
    if (typeof chunk === 'string') return this.missing(path, chunk);
    return this.elements(type.elem, elem.size, { at: chunk.start, end: chunk.end, depth: chunk.depth }, length, path);
  }

  /** The elements from `place` on, of `length` that there are. */
  elements(elem: number, stride: number, place: Place, length: number, path: string): string {
    const whole = stride === 0 ? this.graph.limits.elements : Math.floor((place.end - place.at) / stride);
    const shown = Math.min(length, whole, this.graph.limits.elements);
    if (shown < length) this.notes.add(path, this.cut(length, shown, 'elements'));
    const parts: string[] = [];
    for (let i = 0; i < shown; i++) {
      parts.push(this.value(elem, { ...place, at: place.at + i * stride }, `${path}[${i}]`));
    }
    return `[${parts.join(',')}]`;
  }

  #array(type: Extract<GraphType, { kind: 'array' }>, place: Place, path: string): string {
    const elem = this.type(type.elem);
    if (isByte(elem) && type.count > 0 && elem.redacted !== true) {
      const end = Math.min(place.end, place.at + type.count);
      if (end - place.at < type.count)
        this.notes.add(path, `truncated from ${type.count} bytes (${limitText(this.graph.limits, 'eventBytes')})`);
      return `{"hex":"${hex(this.bytes, place.at, end)}"}`;
    }
    if (this.#holes !== undefined && type.count === 1) {
      return `[${this.value(type.elem, place, `${path}[0]`)}]`;
    }
    return this.elements(type.elem, elem.size, place, type.count, path);
  }
}
