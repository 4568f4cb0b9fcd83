import { decodeUtf8 } from '#base';
import type { BinaryOperator, UnaryOperator } from '#goexpr';
import type { Scalar } from '../computation/index.ts';
import { scalarText } from '../computation/index.ts';

/** The value of an untyped constant: integer, floating-point number, bool, string (its bytes). */
export type ConstantValue = bigint | number | boolean | Uint8Array;

/** The constant as one of a type, or what is wrong in Go's words. */
export function constantOf(
  value: ConstantValue,
  type: Scalar,
  name: string,
): ConstantValue | { readonly wrong: string } {
  const shown = constantText(value);
  const wrong = (why: string) => ({ wrong: `${shown} ${why} ${name}` });
  switch (type.kind) {
    case 'bool':
      return typeof value === 'boolean' ? value : wrong('is no');
    case 'string':
      return value instanceof Uint8Array ? value : wrong('is no');
    case 'float': {
      if (typeof value !== 'bigint' && typeof value !== 'number') return wrong('is no');
      return type.size === 4 ? Math.fround(Number(value)) : Number(value);
    }
    default: {
      if (typeof value !== 'bigint' && typeof value !== 'number') return wrong('is no');
      if (typeof value === 'number' && !Number.isInteger(value)) return wrong('is no integer: it is truncated as');
      const whole = BigInt(value);
      const bits = type.size * 8;
      const kept = type.kind === 'int' ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole);
      return kept === whole ? whole : wrong('overflows');
    }
  }
}

/** The type that an untyped constant has where nothing else says so. */
export function defaultType(value: ConstantValue): { readonly type: Scalar; readonly name: string } {
  if (typeof value === 'bigint') return { type: { kind: 'int', size: 8 }, name: 'int' };
  if (typeof value === 'number') return { type: { kind: 'float', size: 8 }, name: 'float64' };
  if (typeof value === 'boolean') return { type: { kind: 'bool' }, name: 'bool' };
  return { type: { kind: 'string' }, name: 'string' };
}

export function constantText(value: ConstantValue): string {
  return value instanceof Uint8Array ? JSON.stringify(decodeUtf8(value)) : `${value}`;
}

/** Undefined: the operator has no meaning for it. */
export function foldUnary(operator: UnaryOperator, value: ConstantValue): ConstantValue | undefined {
  if (operator === '!') return typeof value === 'boolean' ? !value : undefined;
  if (typeof value === 'bigint') return operator === '-' ? -value : operator === '^' ? ~value : value;
  if (typeof value === 'number') return operator === '^' ? undefined : operator === '-' ? -value : value;
  return undefined;
}

/** Byte by byte, as Go orders strings. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 || at >= b.length ? a.length - b.length : a[at]! - b[at]!;
}

/** Undefined: the operator has no meaning for them; a text: why they have no value. */
export function foldBinary(
  operator: BinaryOperator,
  a: ConstantValue,
  b: ConstantValue,
): ConstantValue | { readonly wrong: string } | undefined {
  if (typeof a === 'boolean' && typeof b === 'boolean') {
    const results: Partial<Record<BinaryOperator, boolean>> = {
      '&&': a && b,
      '||': a || b,
      '==': a === b,
      '!=': a !== b,
    };
    return results[operator];
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array && operator === '+') return new Uint8Array([...a, ...b]);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    const order = compareBytes(a, b);
    const results: Partial<Record<BinaryOperator, ConstantValue>> = {
      '==': order === 0,
      '!=': order !== 0,
      '<': order < 0,
      '<=': order <= 0,
      '>': order > 0,
      '>=': order >= 0,
      '+': Uint8Array.from([...a, ...b]),
    };
    return results[operator];
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array || typeof a === 'boolean' || typeof b === 'boolean') {
    return undefined;
  }
  switch (operator) {
    case '==':
      // biome-ignore lint/suspicious/noDoubleEquals: an integer and a floating-point constant may be equal
      return a == b;
    case '!=':
      // biome-ignore lint/suspicious/noDoubleEquals: as above
      return a != b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return foldIntegers(operator, a, b);
  const [x, y] = [Number(a), Number(b)];
  switch (operator) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '*':
      return x * y;
    case '/':
      return y === 0 ? { wrong: 'a division by zero' } : x / y;
    default:
      return undefined;
  }
}

/** Most bits of a constant: Go's compilers take 512. */
const mostShift = 512n;

function foldIntegers(operator: BinaryOperator, a: bigint, b: bigint): bigint | { readonly wrong: string } | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
    case '%':
      if (b === 0n) return { wrong: 'a division by zero' };
      return operator === '/' ? a / b : a % b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '&^':
      return a & ~b;
    case '<<':
    case '>>':
      if (b < 0n || b > mostShift) return { wrong: `a shift by ${b}` };
      return operator === '<<' ? a << b : a >> b;
    default:
      return undefined;
  }
}

/** Go's basic types by name, for conversions. */
export const basicTypes: Readonly<Record<string, Scalar>> = {
  bool: { kind: 'bool' },
  string: { kind: 'string' },
  int: { kind: 'int', size: 8 },
  int8: { kind: 'int', size: 1 },
  int16: { kind: 'int', size: 2 },
  int32: { kind: 'int', size: 4 },
  int64: { kind: 'int', size: 8 },
  uint: { kind: 'uint', size: 8 },
  uint8: { kind: 'uint', size: 1 },
  uint16: { kind: 'uint', size: 2 },
  uint32: { kind: 'uint', size: 4 },
  uint64: { kind: 'uint', size: 8 },
  uintptr: { kind: 'uint', size: 8 },
  byte: { kind: 'uint', size: 1 },
  rune: { kind: 'int', size: 4 },
  float32: { kind: 'float', size: 4 },
  float64: { kind: 'float', size: 8 },
  'time.Duration': { kind: 'int', size: 8 },
};

/** Two names of one type. */
export function plainName(name: string): string {
  return name === 'byte' ? 'uint8' : name === 'rune' ? 'int32' : name;
}

export { scalarText };
