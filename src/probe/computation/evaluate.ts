import type { BinaryOperator } from '#goexpr';
import type { Computation, Scalar } from './tree.ts';

/** A string of which `length - bytes.length` bytes were not captured. */
export interface Text {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Integers as bigint, in their type's range. */
export type Value = bigint | number | boolean | Text;

/** Why there is no value. */
export class Unknown {
  readonly reason: string;
  /** A nil pointer stood in the way. */
  readonly nil: boolean;

  constructor(reason: string, nil = false) {
    this.reason = reason;
    this.nil = nil;
  }
}

/** Go's value of a computation over captured leaves: `&&` and `||` look at their right side only where Go would, integers wrap. */
export function evaluate<Leaf>(
  node: Computation<Leaf>,
  leaf: (leaf: Leaf) => Value | Unknown,
  bias = 0,
): Value | Unknown {
  const { type } = node;
  switch (node.op) {
    case 'leaf':
      return leaf(node.leaf);
    case 'constant':
      return node.value instanceof Uint8Array ? { bytes: node.value, length: node.value.length } : node.value;
    case 'address':
      return BigInt(node.address) + BigInt(bias);
    case 'unknown':
      return new Unknown(node.reason);
    case '&&':
    case '||': {
      const left = evaluate(node.left, leaf, bias);
      if (left instanceof Unknown) return left;
      return left === (node.op === '||') ? left : evaluate(node.right, leaf, bias);
    }
    case 'slice': {
      const operand = evaluate(node.operand, leaf, bias);
      if (operand instanceof Unknown) return operand;
      const low = node.low === undefined ? 0n : evaluate(node.low, leaf, bias);
      if (low instanceof Unknown) return low;
      const high = node.high === undefined ? undefined : evaluate(node.high, leaf, bias);
      return high instanceof Unknown ? high : slice(operand as Text, low as bigint, high as bigint | undefined);
    }
    case 'zeroIfNil': {
      const operand = evaluate(node.operand, leaf, bias);
      return operand instanceof Unknown && operand.nil ? 0n : operand;
    }
    case 'negate':
    case 'complement':
    case 'not':
    case 'convert':
    case 'length': {
      const operand = evaluate(node.operand, leaf, bias);
      return operand instanceof Unknown ? operand : unary(node.op, operand, type);
    }
    default: {
      const left = evaluate(node.left, leaf, bias);
      if (left instanceof Unknown) return left;
      const right = evaluate(node.right, leaf, bias);
      if (right instanceof Unknown) return right;
      if (isText(left) && isText(right)) return ofTexts(node.op, left, right);
      if (typeof left === 'boolean') return node.op === '==' ? left === right : left !== right;
      return ofNumbers(node.op as BinaryOperator, left as bigint | number, right as bigint | number, type);
    }
  }
}

function isText(value: Value): value is Text {
  return typeof value === 'object';
}

function unary(
  op: 'negate' | 'complement' | 'not' | 'convert' | 'length',
  operand: Value,
  type: Scalar,
): Value | Unknown {
  switch (op) {
    case 'not':
      return operand !== true;
    case 'length':
      return BigInt((operand as Text).length);
    case 'negate':
      return fitted(-(operand as bigint), type);
    case 'complement':
      return fitted(~(operand as bigint), type);
    case 'convert':
      return converted(operand as bigint | number, type);
  }
}

/** Go's conversion between numeric types: fractions are cut, integers wrap; what is out of an integer's range is left to the machine. */
function converted(value: bigint | number, type: Scalar): Value | Unknown {
  if (type.kind === 'float') return fitted(Number(value), type);
  if (typeof value === 'bigint') return fitted(value, type);
  const whole = Math.trunc(value);
  if (!Number.isFinite(whole)) return new Unknown(`${value} has no integer`);
  const exact = BigInt(whole);
  const result = fitted(exact, type);
  return result === exact ? result : new Unknown(`${value} is out of the range of the integer type`);
}

function fitted(value: bigint | number, type: Scalar): bigint | number {
  if (typeof value === 'number') return type.kind === 'float' && type.size === 4 ? Math.fround(value) : value;
  if (type.kind === 'int') return BigInt.asIntN(type.size * 8, value);
  return type.kind === 'uint' ? BigInt.asUintN(type.size * 8, value) : value;
}

/** Two integers, or two floating-point numbers. */
function ofNumbers(op: BinaryOperator, left: bigint | number, right: bigint | number, type: Scalar): Value | Unknown {
  switch (op) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
  return typeof left === 'bigint' && typeof right === 'bigint'
    ? ofIntegers(op, left, right, type)
    : ofFloats(op, Number(left), Number(right), type);
}

function ofIntegers(op: BinaryOperator, left: bigint, right: bigint, type: Scalar): Value | Unknown {
  switch (op) {
    case '+':
      return fitted(left + right, type);
    case '-':
      return fitted(left - right, type);
    case '*':
      return fitted(left * right, type);
    case '/':
      return right === 0n ? divisionByZero : fitted(left / right, type);
    case '%':
      return right === 0n ? divisionByZero : fitted(left % right, type);
    case '&':
      return fitted(left & right, type);
    case '|':
      return fitted(left | right, type);
    case '^':
      return fitted(left ^ right, type);
    case '&^':
      return fitted(left & ~right, type);
    case '<<':
    case '>>': {
      if (right < 0n) return new Unknown('a negative shift count');
      const by = right > 64n ? 64n : right;
      return fitted(op === '<<' ? left << by : left >> by, type);
    }
    default:
      return new Unknown(`${op} has no value for integers`);
  }
}

const divisionByZero = new Unknown('a division by zero');

function ofFloats(op: BinaryOperator, left: number, right: number, type: Scalar): Value | Unknown {
  switch (op) {
    case '+':
      return fitted(left + right, type);
    case '-':
      return fitted(left - right, type);
    case '*':
      return fitted(left * right, type);
    case '/':
      return fitted(left / right, type);
    default:
      return new Unknown(`${op} has no value for floating-point numbers`);
  }
}

function slice(operand: Text, low: bigint, high: bigint | undefined): Text | Unknown {
  const end = high ?? BigInt(operand.length);
  if (low < 0n || end < low || end > BigInt(operand.length)) {
    return new Unknown(`slice bounds out of range [${low}:${high ?? ''}] with length ${operand.length}`);
  }
  return { bytes: operand.bytes.subarray(Number(low), Number(end)), length: Number(end - low) };
}

function ofTexts(op: string, left: Text, right: Text): Value | Unknown {
  switch (op) {
    case '==':
    case '!=': {
      if (left.length !== right.length) return op === '!=';
      const order = compare(left, right);
      return order instanceof Unknown ? order : (order === 0) === (op === '==');
    }
    case '+':
      if (left.bytes.length < left.length) return cut(left);
      return { bytes: Uint8Array.from([...left.bytes, ...right.bytes]), length: left.length + right.length };
    case 'hasPrefix':
      return starts(left, right);
    case 'hasSuffix':
      if (right.length > left.length) return false;
      if (left.bytes.length < left.length) return cut(left);
      return starts({ bytes: left.bytes.subarray(left.length - right.length), length: right.length }, right);
    case 'contains': {
      if (right.bytes.length < right.length) return cut(right);
      if (indexOf(left.bytes, right.bytes)) return true;
      return left.bytes.length < left.length ? cut(left) : false;
    }
  }
  const order = compare(left, right);
  if (order instanceof Unknown) return order;
  switch (op) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

function cut(value: Text): Unknown {
  return new Unknown(`only ${value.bytes.length} of the string's ${value.length} bytes were captured`);
}

function starts(whole: Text, prefix: Text): boolean | Unknown {
  if (prefix.length > whole.length) return false;
  const shown = Math.min(whole.bytes.length, prefix.bytes.length);
  for (let i = 0; i < shown; i++) if (whole.bytes[i] !== prefix.bytes[i]) return false;
  if (shown === prefix.length) return true;
  return cut(whole.bytes.length < prefix.bytes.length ? whole : prefix);
}

/** Negative, 0, positive: the order of the bytes, as Go's. */
function compare(left: Text, right: Text): number | Unknown {
  const shown = Math.min(left.bytes.length, right.bytes.length);
  for (let i = 0; i < shown; i++) {
    const difference = left.bytes[i]! - right.bytes[i]!;
    if (difference !== 0) return difference;
  }
  if (shown < Math.min(left.length, right.length)) return cut(left.bytes.length < left.length ? left : right);
  return left.length - right.length;
}

function indexOf(whole: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= whole.length; at++) {
    let i = 0;
    while (i < part.length && whole[at + i] === part[i]) i++;
    if (i === part.length) return true;
  }
  return false;
}
