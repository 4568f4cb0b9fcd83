/** len, cap, conversions, and the questions about strings. Every function answers undefined after a diagnostic. */
import { type Expression, expressionText } from '#goexpr';
import {
  boolean,
  type Computation,
  integer,
  mapLeaves,
  type Scalar,
  text as textType,
  word,
} from '../computation/index.ts';
import { guarded, hop, moved } from './access.ts';
import { basicTypes, constantText, plainName } from './constants.ts';
import { type Operand, type Side, scalarOf, type Value } from './operand.ts';
import type { Access, ResolvedValue } from './resolved.ts';
import { typeName } from './type-text.ts';
import type { Typing } from './typing.ts';

const textFunctions: Readonly<Record<string, 'hasPrefix' | 'hasSuffix' | 'contains'>> = {
  HasPrefix: 'hasPrefix',
  HasSuffix: 'hasSuffix',
  Contains: 'contains',
};

export function callOf(typing: Typing, expression: Extract<Expression, { kind: 'call' }>): Operand | undefined {
  const { callee, args } = expression;
  const name = expressionText(callee);
  const shadowed = callee.kind === 'name' && typing.isVariable(callee.name);
  const arity = (count: number) => {
    if (args.length === count) return true;
    const wanted = `${count} ${count === 1 ? 'argument' : 'arguments'}`;
    typing.fail('probe.arguments', `${name} takes ${wanted}, not ${args.length}`, []);
    return false;
  };
  if (!shadowed && (name === 'len' || name === 'cap')) return arity(1) ? lengthOf(typing, name, args[0]!) : undefined;
  const conversion = shadowed ? undefined : basicTypes[name];
  if (conversion !== undefined) return arity(1) ? converted(typing, name, conversion, args[0]!) : undefined;
  if (callee.kind === 'selector' && callee.operand.kind === 'name' && callee.operand.name === 'strings') {
    const op = textFunctions[callee.field];
    if (op !== undefined && !typing.isVariable('strings'))
      return arity(2) ? textFunction(typing, op, name, args) : undefined;
  }
  return typing.fail('probe.no-call', `'${name}' cannot be called: a probe runs no code of the program`, [
    'there are len, cap, strings.HasPrefix, strings.HasSuffix, strings.Contains, and conversions to basic types: int64(x), float64(x), string(b), time.Duration(x)',
  ]);
}

function textFunction(
  typing: Typing,
  op: 'hasPrefix' | 'hasSuffix' | 'contains',
  name: string,
  args: readonly Expression[],
): Operand | undefined {
  const sides: Value[] = [];
  for (const arg of args) {
    const operand = typing.operand(arg);
    if (operand === undefined) return undefined;
    const made = typing.as(operand, textType, 'string', expressionText(arg), name);
    if (made === undefined) return undefined;
    sides.push(made);
  }
  const computation = { op, type: boolean, left: sides[0]!.computation, right: sides[1]!.computation } as const;
  return { kind: 'value', computation, name: 'bool' };
}

function lengthOf(typing: Typing, name: 'len' | 'cap', arg: Expression): Operand | undefined {
  const { binary } = typing.scope;
  const whole = arg.kind === 'slice' ? typing.operand(arg.operand) : undefined;
  if (arg.kind === 'slice' && whole?.kind === 'place' && binary.type(whole.type).kind === 'slice')
    return lengthOfPart(typing, name, arg, whole);
  const operand = typing.operand(arg);
  if (operand === undefined) return undefined;
  const text = expressionText(arg);
  const counted = (access: Access, from: Side): Operand => ({
    kind: 'value',
    computation: { op: 'leaf', type: integer, leaf: { from, value: { kind: 'int', access, size: 8 } } },
    name: 'int',
  });
  const none = (what: string) => typing.fail('probe.no-length', `'${name}(${text})': ${what} has no ${name}`, []);
  if (operand.kind === 'constant' && operand.value instanceof Uint8Array && name === 'len') {
    return { kind: 'constant', value: BigInt(operand.value.length) };
  }
  if (operand.kind === 'value' && operand.computation.type.kind === 'string' && name === 'len') {
    return { kind: 'value', computation: { op: 'length', type: integer, operand: operand.computation }, name: 'int' };
  }
  const isText = operand.kind === 'part' && scalarOf(binary.type(operand.type))?.kind === 'string';
  if (isText && name === 'len') {
    const read = typing.computed(operand, text);
    return (
      read && { kind: 'value', computation: { op: 'length', type: integer, operand: read.computation }, name: 'int' }
    );
  }
  if (operand.kind === 'part') {
    return typing.fail(
      'probe.no-length',
      `'${name}(${text})': the ${name} of what is found in a captured value is not reached`,
      [],
    );
  }
  if (operand.kind !== 'place') return none(typing.described(operand));
  const { access, from } = operand;
  let type = binary.type(operand.type);
  if (type.kind === 'pointer' && type.elem !== undefined && binary.type(type.elem).kind === 'array')
    type = binary.type(type.elem);
  switch (type.kind) {
    case 'string':
      return name === 'len' ? counted(moved(access, 8), from) : none(typeName(type));
    case 'slice':
      return counted(moved(access, name === 'len' ? 8 : 16), from);
    case 'array':
      return { kind: 'constant', value: BigInt(type.count) };
    case 'map':
    case 'chan': {
      const header = type.header === undefined ? undefined : binary.type(type.header);
      const wanted =
        type.kind === 'map' ? (name === 'len' ? ['count', 'used'] : []) : [name === 'len' ? 'qcount' : 'dataqsiz'];
      const field = header?.kind === 'struct' ? header.fields.find((each) => wanted.includes(each.name)) : undefined;
      if (field === undefined) return none(typeName(type));
      const read = counted(hop(access, field.offset), from) as Value;
      return { ...read, computation: { op: 'zeroIfNil', type: integer, operand: read.computation } };
    }
    default:
      return none(`${text}, of type ${typeName(type)},`);
  }
}

/** `len(xs[low:high])` and `cap(…)` of a slice, where Go would not panic: 0 <= low <= high <= cap(xs). */
function lengthOfPart(
  typing: Typing,
  name: 'len' | 'cap',
  part: Extract<Expression, { kind: 'slice' }>,
  { access, from }: Extract<Operand, { kind: 'place' }>,
): Operand | undefined {
  const text = `${name}(${expressionText(part)})`;
  const bound = (side: Expression | undefined, otherwise: Computation<ResolvedValue>) => {
    if (side === undefined) return otherwise;
    const made = typing.integer(side, text);
    return made && typing.oneSided(made.computation, from, text, true);
  };
  const capacity = typing.read(moved(access, 16), 'int', 8);
  const low = bound(part.low, { op: 'constant', type: integer, value: 0n });
  const high = bound(part.high, typing.read(moved(access, 8), 'int', 8));
  if (low === undefined || high === undefined) return undefined;
  const unsigned = (operand: Computation<ResolvedValue>) => ({ op: 'convert', type: word, operand }) as const;
  const notAbove = (left: Computation<ResolvedValue>, right: Computation<ResolvedValue>) =>
    ({ op: '<=', type: boolean, left: unsigned(left), right: unsigned(right) }) as const;
  const check = { op: '&&', type: boolean, left: notAbove(low, high), right: notAbove(high, capacity) } as const;
  const minus = (left: Computation<ResolvedValue>, right: Computation<ResolvedValue>) =>
    ({ op: '-', type: integer, left, right }) as const;
  const guardedCapacity = typing.read(guarded(moved(access, 16), { check, otherwise: 'outOfRange' }), 'int', 8);
  const left = minus(guardedCapacity, low);
  const computation = name === 'cap' ? left : minus(left, minus(capacity, high));
  return { kind: 'value', computation: mapLeaves(computation, (value) => ({ from, value })), name: 'int' };
}

function converted(typing: Typing, name: string, type: Scalar, arg: Expression): Operand | undefined {
  const { binary } = typing.scope;
  const operand = typing.operand(arg);
  if (operand === undefined) return undefined;
  const text = expressionText(arg);
  const wanted = plainName(name);
  if (operand.kind === 'constant') {
    const { value } = operand;
    if (type.kind === 'string' && !(value instanceof Uint8Array))
      return noConversion(typing, text, constantText(value), name);
    return typing.constant(value, type, wanted);
  }
  if (operand.kind === 'place' && type.kind === 'string') {
    const own = binary.type(operand.type);
    // The first two words of a slice are those of a string.
    if (own.kind === 'slice' && binary.type(own.elem).kind === 'uint' && binary.type(own.elem).size === 1) {
      const value: ResolvedValue = { kind: 'string', access: operand.access };
      return {
        kind: 'value',
        computation: { op: 'leaf', type, leaf: { from: operand.from, value } },
        name: 'string',
      };
    }
  }
  const made = typing.computed(operand, text);
  if (made === undefined) return undefined;
  const from = made.computation.type.kind;
  const isNumber = (kind: Scalar['kind']) => kind === 'int' || kind === 'uint' || kind === 'float';
  if (isNumber(from) && isNumber(type.kind)) {
    return { kind: 'value', computation: { op: 'convert', type, operand: made.computation }, name: wanted };
  }
  if (from === type.kind) return { ...made, name: wanted };
  return noConversion(typing, text, made.name, name);
}

function noConversion(typing: Typing, text: string, from: string, to: string): undefined {
  return typing.fail('probe.mismatched-types', `cannot convert '${text}' (${from}) to ${to}`, []);
}
