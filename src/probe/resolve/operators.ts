/** Unary and binary operators, comparisons by identity among them. Every function answers undefined after a diagnostic. */
import type { GoType } from '#gobin';
import { type BinaryOperator, type Expression, expressionText, type UnaryOperator } from '#goexpr';
import { boolean, type Computation, integer, type Scalar, word } from '../computation/index.ts';
import { hop, moved } from './access.ts';
import { defaultType, foldBinary, foldUnary } from './constants.ts';
import { equalParts } from './equality.ts';
import { importPathOf } from './import-path.ts';
import { itabType, type Operand, type Placed, type Value } from './operand.ts';
import type { ConditionLeaf, ResolvedValue } from './resolved.ts';
import { typeName } from './type-text.ts';
import type { Typing } from './typing.ts';

const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** `reflect.Kind` of types whose value in an interface is a pointer, which tells all when it differs: chan, func, map, pointer, unsafe.Pointer. */
const pointerKinds = [18n, 19n, 21n, 22n, 26n];
/** `internal/abi.Type.Kind_`, the low five bits of a byte (Go 1.17 to 1.26). */
const kindOffset = 23;
const kindBits = 31n;
const nilKinds: ReadonlySet<GoType['kind']> = new Set(['pointer', 'slice', 'map', 'chan', 'func', 'interface']);
const pointerShaped: ReadonlySet<GoType['kind']> = new Set(['pointer', 'chan']);

export function unaryOf(typing: Typing, operator: UnaryOperator, inner: Expression): Operand | undefined {
  const operand = typing.operand(inner);
  if (operand === undefined) return undefined;
  const text = `${operator}${expressionText(inner)}`;
  if (operand.kind === 'constant') {
    const value = foldUnary(operator, operand.value);
    return value === undefined
      ? noOperator(typing, operator, text, defaultType(operand.value).name)
      : { kind: 'constant', value };
  }
  const made = typing.computed(operand, expressionText(inner));
  if (made === undefined) return undefined;
  const { computation, name } = made;
  const { kind } = computation.type;
  const isInteger = kind === 'int' || kind === 'uint';
  const fits = operator === '!' ? kind === 'bool' : operator === '^' ? isInteger : isInteger || kind === 'float';
  if (!fits) return noOperator(typing, operator, text, name);
  if (operator === '+') return made;
  const op = operator === '!' ? 'not' : operator === '^' ? 'complement' : 'negate';
  return { kind: 'value', computation: { op, type: computation.type, operand: computation }, name };
}

function noOperator(typing: Typing, operator: string, text: string, type: string): undefined {
  return typing.fail('probe.mismatched-types', `'${text}': operator ${operator} is not defined on ${type}`, []);
}

export function binaryOf(typing: Typing, expression: Extract<Expression, { kind: 'binary' }>): Operand | undefined {
  const asPath = importPathOf(typing, expression);
  if (asPath !== undefined) return typing.operand(asPath);
  const { operator } = expression;
  const text = expressionText(expression);
  const left = typing.operand(expression.left);
  const right = typing.operand(expression.right);
  if (left === undefined && right !== undefined) hintConstant(typing, expression.left, right);
  if (right === undefined && left !== undefined) hintConstant(typing, expression.right, left);
  if (left === undefined || right === undefined) return undefined;
  if (left.kind === 'constant' && right.kind === 'constant') {
    const value = foldBinary(operator, left.value, right.value);
    if (value === undefined) return noOperator(typing, operator, text, defaultType(left.value).name);
    return typeof value === 'object' && 'wrong' in value
      ? typing.fail('probe.constant', `'${text}': ${value.wrong}`, [])
      : { kind: 'constant', value };
  }
  if (operator === '<<' || operator === '>>') return shifted(typing, operator, left, right, expression);
  if (comparisons.has(operator)) {
    const special = identityOf(typing, operator, left, right, expression, text);
    if (special !== 'ordinary') return special;
  }
  const sides = matched(typing, left, right, expression, text);
  if (sides === undefined) return undefined;
  const [a, b] = sides;
  const { type } = a.computation;
  const result = comparisons.has(operator) || operator === '&&' || operator === '||' ? boolean : type;
  if (!isDefined(operator, type)) return noOperator(typing, operator, text, a.name);
  const computation = { op: operator, type: result, left: a.computation, right: b.computation } as const;
  return { kind: 'value', computation, name: comparisons.has(operator) ? 'bool' : a.name };
}

/** `Paid` is nothing in this package, but a constant of the type that it is compared with: where that is declared it has another name here. */
function hintConstant(typing: Typing, wrong: Expression, { kind, ...other }: Operand): void {
  const diagnostic = typing.found.at(-1);
  if (wrong.kind !== 'name' || (kind !== 'place' && kind !== 'part') || diagnostic === undefined) return;
  const { type } = other as Placed;
  const full = [...(typing.scope.binary.constants?.(type)?.values() ?? [])].find((each) =>
    each.endsWith(`.${wrong.name}`),
  );
  if (full === undefined) return;
  const hint = `did you mean ${full.slice(full.lastIndexOf('/') + 1)}?`;
  typing.found[typing.found.length - 1] = { ...diagnostic, hints: [hint, ...(diagnostic.hints ?? [])] };
}

function shifted(
  typing: Typing,
  op: '<<' | '>>',
  left: Operand,
  right: Operand,
  expression: Extract<Expression, { kind: 'binary' }>,
): Operand | undefined {
  const text = expressionText(expression);
  const sides = (
    [
      [left, expression.left],
      [right, expression.right],
    ] as const
  ).map(([operand, own]) =>
    operand.kind === 'constant'
      ? typing.constant(operand.value, integer, 'int')
      : typing.computed(operand, expressionText(own)),
  );
  const [a, b] = sides;
  if (a === undefined || b === undefined) return undefined;
  const isInteger = ({ computation }: Value) => computation.type.kind === 'int' || computation.type.kind === 'uint';
  if (!isInteger(a) || !isInteger(b)) return noOperator(typing, op, text, isInteger(a) ? b.name : a.name);
  return {
    kind: 'value',
    computation: { op, type: a.computation.type, left: a.computation, right: b.computation },
    name: a.name,
  };
}

/** Comparisons of what is no number, bool or string: with nil, of pointers, of interfaces. */
function identityOf(
  typing: Typing,
  operator: BinaryOperator,
  left: Operand,
  right: Operand,
  expression: Extract<Expression, { kind: 'binary' }>,
  text: string,
): Operand | undefined | 'ordinary' {
  const { binary } = typing.scope;
  const result = (equal: Computation<ConditionLeaf>): Operand => ({
    kind: 'value',
    computation: operator === '==' ? equal : { op: 'not', type: boolean, operand: equal },
    name: 'bool',
  });
  const equals = (a: Computation<ConditionLeaf>, b: Computation<ConditionLeaf>) =>
    ({ op: '==', type: boolean, left: a, right: b }) as const;
  if (left.kind === 'nil' || right.kind === 'nil') {
    const [other, own] = left.kind === 'nil' ? [right, expression.right] : [left, expression.left];
    if (operator !== '==' && operator !== '!=') return noOperator(typing, operator, text, 'nil');
    const type = other.kind === 'place' ? binary.type(other.type) : undefined;
    if (other.kind !== 'place' || type === undefined || !nilKinds.has(type.kind)) {
      const what = type === undefined ? typing.described(other) : `of type ${typeName(type)}`;
      return typing.fail(
        'probe.mismatched-types',
        `'${text}': ${expressionText(own)} is ${what}, which is never nil`,
        [],
      );
    }
    return result(equals(wordOf(other), { op: 'constant', type: word, value: 0n }));
  }
  if (left.kind !== 'place' || right.kind !== 'place') return 'ordinary';
  const [a, b] = [binary.type(left.type), binary.type(right.type)];
  if ((a.kind === 'struct' || a.kind === 'array') && a.kind === b.kind) {
    if (operator !== '==' && operator !== '!=') return noOperator(typing, operator, text, a.name);
    if (a.name !== b.name) return typing.mismatched(text, a.name, b.name);
    const equal = equalParts(typing, left, right, text, (x, y) => {
      const type = binary.type(x.type);
      if (type.kind === 'interface') return sameDynamic(x, y, type.empty);
      return pointerShaped.has(type.kind) ? equals(wordOf(x), wordOf(y)) : undefined;
    });
    return equal && result(equal);
  }
  if (a.kind === 'interface' && b.kind === 'interface') {
    if (operator !== '==' && operator !== '!=') return noOperator(typing, operator, text, a.name);
    if (a.empty !== b.empty) return typing.mismatched(text, a.name, b.name);
    return result(sameDynamic(left, right, a.empty));
  }
  if (pointerShaped.has(a.kind) && pointerShaped.has(b.kind)) {
    if (operator !== '==' && operator !== '!=') return noOperator(typing, operator, text, a.name);
    if (a.name !== b.name) return typing.mismatched(text, a.name, b.name);
    return result(equals(wordOf(left), wordOf(right)));
  }
  return 'ordinary';
}

function wordOf({ access, from }: Placed, offset = 0): Computation<ConditionLeaf> {
  const value: ResolvedValue = { kind: 'uint', access: moved(access, offset), size: 8 };
  return { op: 'leaf', type: word, leaf: { from, value } };
}

/** Equal type words, and equal data words or, where these are no pointers that are themselves the value, nothing that could be told. */
function sameDynamic(left: Placed, right: Placed, empty: boolean): Computation<ConditionLeaf> {
  const [type, other, data, otherData] = [wordOf(left), wordOf(right), wordOf(left, 8), wordOf(right, 8)];
  const { access, from } = left;
  const kindAt = empty ? hop(access, kindOffset) : hop(hop(access, itabType), kindOffset);
  const byte: Scalar = { kind: 'uint', size: 1 };
  const kind: Computation<ConditionLeaf> = {
    op: '&',
    type: byte,
    left: { op: 'leaf', type: byte, leaf: { from, value: { kind: 'uint', access: kindAt, size: 1 } } },
    right: { op: 'constant', type: byte, value: kindBits },
  };
  const make = (op: '==' | '!=' | '&&' | '||', a: Computation<ConditionLeaf>, b: Computation<ConditionLeaf>) =>
    ({ op, type: boolean, left: a, right: b }) as const;
  const notPointer = pointerKinds
    .map((each): Computation<ConditionLeaf> => make('!=', kind, { op: 'constant', type: byte, value: each }))
    .reduce((a, b) => make('&&', a, b));
  const unknown: Computation<ConditionLeaf> = {
    op: 'unknown',
    type: boolean,
    reason: 'both interfaces hold values of one type, which are not compared',
  };
  const nil = make('==', type, { op: 'constant', type: word, value: 0n });
  const same = make('||', make('==', data, otherData), make('&&', notPointer, unknown));
  return make('&&', make('==', type, other), make('||', nil, same));
}

/** Both sides as values of one type; a constant takes the other's. */
function matched(
  typing: Typing,
  left: Operand,
  right: Operand,
  expression: Extract<Expression, { kind: 'binary' }>,
  text: string,
): readonly [Value, Value] | undefined {
  const [leftText, rightText] = [expressionText(expression.left), expressionText(expression.right)];
  if (left.kind === 'constant') {
    const b = typing.computed(right, rightText);
    const a = b && typing.as(left, b.computation.type, b.name, leftText, text);
    return a && b && [a, b];
  }
  const a = typing.computed(left, leftText);
  if (a === undefined) return undefined;
  const b = typing.as(right, a.computation.type, a.name, rightText, text);
  return b && [a, b];
}

function isDefined(operator: BinaryOperator, { kind }: Scalar): boolean {
  const isInteger = kind === 'int' || kind === 'uint';
  switch (operator) {
    case '==':
    case '!=':
      return true;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return kind !== 'bool';
    case '&&':
    case '||':
      return kind === 'bool';
    case '+':
      return kind !== 'bool';
    case '-':
    case '*':
    case '/':
      return isInteger || kind === 'float';
    default:
      return isInteger;
  }
}
