import type { Span } from '#base';
import { isNumber } from './aggregates/definition.ts';
import { Fault, fault } from './fault.ts';
import { callFunction } from './functions/call.ts';
import { constant } from './plan.ts';
import { truth } from './scalars.ts';
import type { Session } from './session.ts';
import { type Argument, kindName, scalarValue, type Value } from './value.ts';

/** Longest loop, so that a script ends. */
const mostItems = 10_000;

/** Whether a condition of `if` holds, which must be known when the script is compiled. Python's idea of truth. */
export function isTrue({ value, span }: Argument): boolean {
  switch (value.kind) {
    case 'none':
      return false;
    case 'list':
    case 'tuple':
      return value.items.length > 0;
    case 'dict':
      return value.entries.length > 0;
    case 'scalar':
      if (value.scalar.kind === 'constant') return Boolean(value.scalar.value);
      return ofEachRow(span);
    case 'opaque':
      if (value.poisoned) throw new Fault();
      return ofEachRow(span);
    case 'frame':
    case 'grouped':
    case 'rolling':
      return fault('pxl.type', 'a DataFrame is no condition', span);
    default:
      return true;
  }
}

function ofEachRow(span: Span): never {
  return fault('pxl.type', 'this is known only of each row, and the script takes one way for all', span, [
    'write px.select(condition, yes, no)',
  ]);
}

/** A condition that each row answers for itself. */
export function isOfRows(value: Value): boolean {
  return value.kind === 'opaque' ? !value.poisoned : value.kind === 'scalar' && value.scalar.kind !== 'constant';
}

/** `yes if test else no` of each row: px.select. */
export function chosen(session: Session, test: Argument, yes: Argument, no: Argument, span: Span): Value {
  const none = [yes, no].find(({ value }) => value.kind === 'none');
  if (none) fault('pxl.type', 'None is no value of a row', none.span, ['both ways give a value of one type']);
  const [condition, one, other] = [test, yes, no].map(({ value }) =>
    value.kind === 'scalar' ? value.scalar : undefined,
  );
  if (condition && one && other && one.type !== other.type && !(isNumber(one) && isNumber(other))) {
    fault('pxl.type', `one way gives ${one.type}, the other ${other.type}`, span);
  }
  const positional = [condition ? { value: scalarValue(truth(condition, test.span)), span: test.span } : test, yes, no];
  return callFunction(session, 'select', { name: 'if', span, positional, keywords: new Map() });
}

/** What a `for` goes over. */
export function itemsOf({ value, span }: Argument): readonly Argument[] {
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  if (value.kind === 'list' || value.kind === 'tuple') return limited(value.items, span);
  if (value.kind === 'dict')
    return limited(
      value.entries.map((entry) => entry.key),
      span,
    );
  if (value.kind === 'scalar' && value.scalar.kind === 'constant' && value.scalar.type === 'STRING') {
    const characters = [...(value.scalar.value as string)];
    return limited(
      characters.map((each) => ({ value: scalarValue(constant('STRING', each)), span })),
      span,
    );
  }
  return fault('pxl.type', `'${kindName(value)}' is nothing to go over`, span, [
    'a list, a tuple, a dictionary or range(n)',
  ]);
}

function limited(items: readonly Argument[], span: Span): readonly Argument[] {
  if (items.length > mostItems) fault('pxl.limit', `there are more than ${mostItems} items to go over`, span);
  return items;
}

/** The values of the names of a loop: an item whole for one name. */
export function takenApart(argument: Argument, count: number): readonly Value[] {
  return count === 1 ? [argument.value] : partsOf(argument, count);
}

/** The values of several names at once: as many as there are names. */
export function partsOf(argument: Argument, count: number): readonly Value[] {
  const items = itemsOf(argument);
  if (items.length !== count) {
    fault('pxl.value', `there are ${items.length} values for ${count} names`, argument.span);
  }
  return items.map((item) => item.value);
}

/** `a[start:stop:step]` of a list or a text, with Python's meaning of negative and missing bounds. */
export function sliced<T>(items: readonly T[], start: bigint | undefined, stop: bigint | undefined, step: bigint): T[] {
  const length = BigInt(items.length);
  const clamp = (value: bigint, least: bigint, most: bigint) => (value < least ? least : value > most ? most : value);
  const from = (value: bigint) => (value < 0n ? value + length : value);
  const found: T[] = [];
  if (step > 0n) {
    const end = stop === undefined ? length : clamp(from(stop), 0n, length);
    for (let at = start === undefined ? 0n : clamp(from(start), 0n, length); at < end; at += step)
      found.push(items[Number(at)]!);
  } else {
    const end = stop === undefined ? -1n : clamp(from(stop), -1n, length - 1n);
    for (let at = start === undefined ? length - 1n : clamp(from(start), -1n, length - 1n); at > end; at += step) {
      found.push(items[Number(at)]!);
    }
  }
  return found;
}
