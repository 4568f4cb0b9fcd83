import type { Span } from '#base';
import { sliced } from './control.ts';
import { fault } from './fault.ts';
import { frameOf } from './frame.ts';
import { contextMember, frameSubscript } from './frames.ts';
import { callFunction } from './functions/call.ts';
import { constant } from './plan.ts';
import type { Session } from './session.ts';
import { type Argument, constantOf, type Frame, kindName, scalarValue, type Value } from './value.ts';

/** `object[index]` */
export function subscript(session: Session, object: Value, index: Argument, span: Span): Value {
  if (object.kind === 'opaque') return object;
  if (object.kind === 'frame') return frameSubscript(object.frame, index, span);
  const key = constantOf(index.value);
  if (object.kind === 'context' && key?.type === 'STRING') {
    return contextMember(session, object.frame, key.value as string, index.span);
  }
  const text = constantOf(object);
  if (text?.type === 'STRING' && key?.type === 'INT64') {
    const character = [...(text.value as string)].at(Number(key.value));
    if (character === undefined) fault('pxl.value', `the index ${key.value} is beyond the end of the text`, index.span);
    return scalarValue(constant('STRING', character));
  }
  if ((object.kind === 'list' || object.kind === 'tuple') && key?.type === 'INT64') {
    const item = object.items.at(Number(key.value));
    return item?.value ?? fault('pxl.value', `${object.kind} index out of range: ${key.value}`, index.span);
  }
  if (object.kind === 'dict' && key) {
    const found = object.entries.findLast((entry) => constantOf(entry.key.value)?.value === key.value);
    return (
      found?.item.value ?? fault('pxl.value', `the dictionary has no key ${JSON.stringify(`${key.value}`)}`, index.span)
    );
  }
  if (index.value.kind === 'opaque') return index.value;
  return fault('pxl.type', `'${kindName(object)}' cannot be indexed with '${kindName(index.value)}'`, index.span);
}

interface Bounds {
  readonly start: bigint | undefined;
  readonly stop: bigint | undefined;
  readonly step: bigint;
}

/** `object[start:stop:step]`: of a list or a constant text as in Python, of each row's text a part, of a DataFrame its rows. */
export function cut(
  session: Session,
  { value: object, span: at }: Argument,
  { start, stop, step }: Bounds,
  span: Span,
): Value {
  if (step === 0n) fault('pxl.value', 'the step of a slice is zero', span);
  if (object.kind === 'opaque') return object;
  if (object.kind === 'list' || object.kind === 'tuple') {
    return { kind: object.kind, items: sliced(object.items, start, stop, step) };
  }
  const known = constantOf(object);
  if (known?.type === 'STRING') {
    return scalarValue(constant('STRING', sliced([...(known.value as string)], start, stop, step).join('')));
  }
  const from = start ?? 0n;
  const simple = step === 1n && from >= 0n && stop !== undefined && stop >= from;
  const counted = (n: bigint): Argument => ({ value: scalarValue(constant('INT64', n)), span });
  const site = (...positional: Argument[]) => ({ name: 'slice', span, positional, keywords: new Map() });
  if (object.kind === 'scalar' && object.scalar.type === 'STRING' && simple) {
    return callFunction(session, 'substring', site({ value: object, span: at }, counted(from), counted(stop - from)));
  }
  if (object.kind === 'frame' && step === 1n && !(from < 0n && stop !== undefined && stop >= 0n)) {
    return { kind: 'frame', frame: rowsBetween(object.frame, from, stop, span) };
  }
  return fault('pxl.type', `'${kindName(object)}' cannot be cut like this`, span, [
    'of a column s[1:3]; of a DataFrame df[:10], df[5:], df[5:8], df[-3:], df[:-3]',
  ]);
}

/** `df[start:stop]`, with Python's meaning of negative bounds. A negative start and a stop that is not are of different ends. */
function rowsBetween(frame: Frame, start: bigint, stop: bigint | undefined, span: Span): Frame {
  const cut = (source: Frame, count: bigint, form: { last?: true; others?: true }): Frame =>
    frameOf({ operator: 'limit', source: source.plan, count, ...form }, source, span);
  const last = true;
  const others = true;
  if (start < 0n) {
    const end = cut(frame, -start, { last });
    return stop === undefined ? end : cut(end, -stop, { last, others });
  }
  const upTo = stop === undefined ? frame : stop < 0n ? frame : cut(frame, stop, {});
  const behind = start === 0n ? upTo : cut(upTo, start, { others });
  return stop !== undefined && stop < 0n ? cut(behind, -stop, { last, others }) : behind;
}
