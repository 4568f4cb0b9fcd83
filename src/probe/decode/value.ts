import { BugError, decodeUtf8 } from '#base';
import {
  chunkHeader,
  chunkHeaderSize,
  defaultLimits,
  type GrowingColumn,
  limitText,
  type Slot,
  slotStatus,
} from '#model';
import type { NumberText, ValueShape } from '../types.ts';
import { computedJson, writeComputed } from './computed.ts';
import { floatAt, floatJson } from './float.ts';
import { GraphRenderer } from './graph.ts';
import type { Notes } from './notes.ts';
import { readable } from './readable.ts';
import { type RecordBytes, type RecordContext, statusReason, storedText, wordAt } from './record.ts';
import type { TargetContext } from './target.ts';
import { writeTime } from './time-column.ts';
import { escapeBytes, escapedNote, utf8End } from './utf8.ts';
import { fileModeText } from './wellknown/file-mode.ts';
import { durationText } from './wellknown/time.ts';

/** Appends a column's value from the record's slots; what is missing is missing there and named in the notes. */
export function writeValue(
  column: GrowingColumn,
  shape: ValueShape,
  context: RecordContext,
  record: RecordBytes,
  name: string,
  notes: Notes,
): void {
  const { layout } = context;
  if (shape.kind === 'missing') {
    column.missing();
    notes.missing(name, shape.reason);
    return;
  }
  if (shape.kind === 'object') {
    column.text(json(shape, context, record, name, notes));
    return;
  }
  if (shape.kind === 'computed' || shape.kind === 'part') {
    writeComputed(column, shape, context, record, name, notes);
    return;
  }
  const slot = layout.slots[shape.slot]!;
  const { bytes, view, offset } = record;
  const status = bytes[offset + slot.status]!;
  const text = slot.kind === 'string' ? storedText(slot, record, context.target) : undefined;
  if (shape.kind === 'graph' && shape.none !== undefined && status === slotStatus.nil) {
    column.text(shape.none);
    return;
  }
  if (status !== slotStatus.captured && text === undefined) {
    column.missing();
    notes.missing(name, statusReason(status, view, offset + slot.offset));
    return;
  }
  if (shape.kind === 'graph') {
    const before = notes.mark();
    const text = json(shape, context, record, name, notes);
    if (shape.error === true) {
      if (text !== 'null') column.text(readable(text, name));
      else if (notes.mark() === before) column.text('');
      else column.missing();
    } else if (column.type === 'TIME64NS') writeTime(column, text, name, notes);
    else column.text(text);
    return;
  }
  if (shape.kind === 'frames') {
    const frames = framesOf(slot, shape, context, record, name, notes);
    if (frames === undefined) column.missing();
    else column.text(shape.one === true ? frames[0]! : JSON.stringify(frames));
    return;
  }
  const at = offset + slot.offset;
  switch (slot.kind) {
    case 'float':
      column.float(floatAt(view, at, slot.size));
      break;
    case 'int':
    case 'uint':
      column.int(view.getBigInt64(at, true));
      noteConstant(shape, slot.kind === 'int' ? view.getBigInt64(at, true) : view.getBigUint64(at, true), name, notes);
      break;
    case 'bool':
      column.boolean(bytes[at] !== 0);
      break;
    case 'address':
      if (view.getBigUint64(at, true) === 0n) column.missing();
      else column.text(addressText(view, at));
      break;
    case 'string': {
      const { source, start, shown, length } = text!;
      const end = utf8End(source, start, shown, length > slot.maxBytes);
      if (end >= 0) column.utf8(source, start, end);
      else column.text(escapeBytes(source, start, shown));
      noteString(slot, length, end < 0, context, name, notes);
    }
  }
}

/** A value as JSON text: 64-bit integers as exact number literals, addresses as strings, what is missing as null with a note. */
export function json(
  shape: ValueShape,
  context: RecordContext,
  record: RecordBytes,
  path: string,
  notes: Notes,
  renderer?: GraphRenderer,
): string {
  const { layout, graph, target } = context;
  if (shape.kind === 'missing') {
    notes.missing(path, shape.reason);
    return 'null';
  }
  if (shape.kind === 'object') {
    const walked = graph && layout.walk && new GraphRenderer(layout, graph, record, notes, target);
    const fields = shape.fields.map(
      ({ name, value }) => `${JSON.stringify(name)}:${json(value, context, record, `${path}.${name}`, notes, walked)}`,
    );
    return `{${fields.join(',')}}`;
  }
  if (shape.kind === 'computed' || shape.kind === 'part') return computedJson(shape, context, record, path, notes);
  const slot = layout.slots[shape.slot]!;
  const { bytes, view, offset } = record;
  const status = bytes[offset + slot.status]!;
  const text = slot.kind === 'string' ? storedText(slot, record, target) : undefined;
  if (shape.kind === 'graph' && shape.none !== undefined && status === slotStatus.nil) return shape.none;
  if (status !== slotStatus.captured && text === undefined) {
    notes.missing(path, statusReason(status, view, offset + slot.offset));
    return 'null';
  }
  const at = offset + slot.offset;
  if (shape.kind === 'graph') {
    if (graph === undefined || layout.walk === undefined) throw new BugError('a value of the graph without its types');
    const own = renderer ?? new GraphRenderer(layout, graph, record, notes, target);
    const end = at + view.getUint32(at - chunkHeaderSize + chunkHeader.bytes, true);
    return own.root(shape.type, { at, end, depth: 0 }, shape.holes, path);
  }
  if (shape.kind === 'frames') {
    const frames = framesOf(slot, shape, context, record, path, notes);
    return JSON.stringify((shape.one === true ? frames?.[0] : frames) ?? null);
  }
  switch (slot.kind) {
    case 'stack':
    case 'stack-id':
      throw new BugError('return addresses shown as a scalar');
    case 'graph':
      throw new BugError('a value of the graph shown as a scalar');
    case 'float':
      return floatJson(floatAt(view, at, slot.size), slot.size);
    case 'int':
    case 'uint': {
      const number = slot.kind === 'int' ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
      if (shape.text !== undefined) return JSON.stringify(numberText[shape.text](number));
      noteConstant(shape, number, path, notes);
      return number.toString();
    }
    case 'bool':
      return bytes[at] === 0 ? 'false' : 'true';
    case 'address':
      return view.getBigUint64(at, true) === 0n ? 'null' : `"${addressText(view, at)}"`;
    case 'string': {
      const { source, start, shown, length } = text!;
      const end = utf8End(source, start, shown, length > slot.maxBytes);
      noteString(slot, length, end < 0, context, path, notes);
      return JSON.stringify(end < 0 ? escapeBytes(source, start, shown) : decodeUtf8(source.subarray(start, end)));
    }
  }
}

const numberText: Readonly<Record<NumberText, (value: bigint) => string>> = {
  duration: durationText,
  'file-mode': fileModeText,
};

/** The name of the constant that has the value, beside it. */
function noteConstant(shape: ValueShape & { kind: 'slot' }, value: bigint, path: string, notes: Notes): void {
  const name = shape.constants?.[value.toString()];
  if (name !== undefined) notes.add(path, name);
}

/** By what the runtime makes the goroutine of `main`. */
const startup = 'runtime.newproc';

/** By what C comes into Go: below it are frames of C. */
const fromC = 'crosscall2';

const isOf = (name: string, frame: string): boolean => frame.startsWith(`${name} `);

/** Of wrappers that the compiler makes (`(*T).Get` of a method of T), which Go's own tracebacks leave out as well. */
const autogenerated = ' <autogenerated>:1';

/** `function file:line` of each return address in a slot, what was inlined there first, up to where C has called Go; undefined, with a note: they are not known. `start`: the first one is no return address. */
function framesOf(
  slot: Slot,
  { start, one }: Extract<ValueShape, { kind: 'frames' }>,
  context: RecordContext,
  record: RecordBytes,
  path: string,
  notes: Notes,
): readonly string[] | undefined {
  const { target } = context;
  const at = record.offset + slot.offset;
  if (slot.kind !== 'stack' && slot.kind !== 'stack-id') {
    const pc = wordAt(record.view, at);
    // Of a `go` statement the instruction itself is kept, not the one behind it: the byte before it is of the same call.
    const statement = pc === 0 ? [] : framesAt(pc - 1, target);
    if (statement.length > 0 && !isOf(startup, statement[0]!)) return statement;
    notes.missing(
      path,
      pc === 0 ? 'no go statement: a thread of C came into Go' : 'no go statement: it is the first goroutine',
    );
    return undefined;
  }
  const stack =
    slot.kind === 'stack' ? { view: record.view, at } : stackOf(record.view.getBigUint64(at, true), context);
  if (stack === undefined) {
    notes.missing(path, 'more different stacks than there is room for');
    return undefined;
  }
  const count = wordAt(stack.view, stack.at);
  const kept = Math.min(count, slot.frames);
  const frames: string[] = [];
  let cut = count > kept ? `cut: more than ${kept} frames` : undefined;
  for (let i = 0; i < kept; i++) {
    const pc = i === 0 && start !== undefined ? start.at + target.bias : wordAt(stack.view, stack.at + 8 + 8 * i) - 1;
    frames.push(...framesAt(pc, target));
    if (one === true || !isOf(fromC, frames.at(-1)!)) continue;
    cut = i + 1 < count ? 'cut: it was called by C, and who called that is not known' : undefined;
    break;
  }
  if (one !== true && cut !== undefined) notes.add(path, cut);
  const callers = start?.isOwn === true ? frames.slice(1) : frames;
  const written = callers.filter((frame) => !frame.endsWith(autogenerated));
  return written.length > 0 ? written : callers;
}

function stackOf(id: bigint, context: RecordContext): { readonly view: DataView; readonly at: number } | undefined {
  const found = context.stack?.(id);
  return found && { view: found.view, at: found.offset };
}

function framesAt(pc: number, target: TargetContext): readonly string[] {
  return target.frames?.(pc) ?? [`0x${(pc + 1).toString(16)}`];
}

function noteString(
  slot: Slot & { kind: 'string' },
  length: number,
  escaped: boolean,
  { isKey }: RecordContext,
  path: string,
  notes: Notes,
): void {
  const limits = { ...defaultLimits, stringBytes: slot.maxBytes };
  const limit = isKey === true ? `calls are told apart by ${slot.maxBytes} bytes` : limitText(limits, 'stringBytes');
  const truncated = length > slot.maxBytes ? `truncated from ${length} bytes (${limit})` : '';
  if (truncated === '' && !escaped) return;
  notes.add(path, truncated === '' ? escapedNote : escaped ? `${truncated}; ${escapedNote}` : truncated);
}

function addressText(view: DataView, at: number): string {
  return `0x${view.getBigUint64(at, true).toString(16)}`;
}
