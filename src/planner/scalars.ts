import type { Span } from '#base';
import type { SemanticType } from '#model';
import type { BinaryOperator, ComparisonOperator } from '#pxl';
import { fault } from './fault.ts';
import { apply, type ConstantScalar, constant, type Operation, type Scalar, type ScalarType, typeOf } from './plan.ts';

/** Larger expressions are refused: PxL variables can double one with every line. */
const mostNodes = 5000;

const arithmetic: Record<Exclude<BinaryOperator, '//' | '**'>, Operation> = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
};
const comparisons: Record<ComparisonOperator, Operation> = {
  '==': 'equal',
  '!=': 'notEqual',
  '<': 'less',
  '<=': 'lessEqual',
  '>': 'greater',
  '>=': 'greaterEqual',
};

/** `a + b` and its like, typed; of two constants their result. */
export function binary(operator: BinaryOperator, left: Scalar, right: Scalar, span: Span): Scalar {
  if (operator === '//' || operator === '**') return floorOrPower(operator, left, right, span);
  const result =
    binaryType(operator, left, right) ?? refuse(operator, [left, right], span, binaryHints(operator, left, right));
  if (left.kind === 'constant' && right.kind === 'constant') return foldBinary(operator, left, right, result, span);
  const operation = result.type === 'STRING' ? 'concat' : arithmetic[operator];
  return bounded(apply(operation, result, left, right), span);
}

function binaryHints(operator: BinaryOperator, left: Scalar, right: Scalar): string[] {
  if (left.type === 'TIME64NS' && right.type === 'STRING') return ["write px.minutes(5), or px.parse_duration('5m')"];
  const joins = operator === '+' && right.type === 'STRING';
  const formats = (operator === '+' || operator === '%') && left.type === 'STRING';
  return joins || formats ? ["write f'{a} {b}'"] : [];
}

/** Python's `//`, rounded down, and `**`, which is px.pow. */
function floorOrPower(operator: '//' | '**', left: Scalar, right: Scalar, span: Span): Scalar {
  const numbers = [left, right].every(({ type }) => type === 'INT64' || type === 'FLOAT64');
  if (!numbers) return refuse(operator, [left, right], span);
  const whole = operator === '//' && left.type === 'INT64' && right.type === 'INT64';
  if (left.kind === 'constant' && right.kind === 'constant') {
    if (operator === '**') return constant('FLOAT64', Number(left.value) ** Number(right.value));
    if (Number(right.value) === 0) fault('pxl.value', 'division by zero', span);
    if (!whole) return constant('FLOAT64', Math.floor(Number(left.value) / Number(right.value)));
    const [a, b] = [left.value as bigint, right.value as bigint];
    return constant('INT64', inRange((a - (((a % b) + b) % b)) / b, span));
  }
  const type = whole ? 'INT64' : 'FLOAT64';
  const operation = operator === '**' ? 'pow' : whole ? 'floorDivide' : 'floorQuotient';
  const operands = whole ? [left, right] : [asFloat(left), asFloat(right)];
  return bounded(apply(operation, { type, semantic: 'ST_NONE' }, ...operands), span);
}

function asFloat(value: Scalar): Scalar {
  if (value.type === 'FLOAT64') return value;
  if (value.kind === 'constant') return constant('FLOAT64', Number(value.value));
  return apply('toFloat', { type: 'FLOAT64', semantic: value.semantic }, value);
}

export function comparison(operator: ComparisonOperator, left: Scalar, right: Scalar, span: Span): Scalar {
  const ordered = operator !== '==' && operator !== '!=';
  const same = left.type === right.type && (!ordered || left.type !== 'BOOLEAN');
  // As in Pixie: True equals 1, and nothing else but 1.
  if (left.type === 'BOOLEAN' && right.type === 'INT64') return comparison(operator, asInt(left), right, span);
  if (left.type === 'INT64' && right.type === 'BOOLEAN') return comparison(operator, left, asInt(right), span);
  if (!same && !(isNumber(left) && isNumber(right))) {
    const types = [left.type, right.type];
    const hints = types.includes('UINT128') ? ["write px.uint128('…')"] : [];
    if (types.includes('TIME64NS') && types.includes('STRING'))
      hints.push("write px.now() - px.minutes(5), or px.parse_time('2026-01-31 13:45:00 +0000')");
    refuse(operator, [left, right], span, hints);
  }
  if (left.kind === 'constant' && right.kind === 'constant') return constant('BOOLEAN', compare(operator, left, right));
  return bounded(apply(comparisons[operator], { type: 'BOOLEAN', semantic: 'ST_NONE' }, left, right), span);
}

export function logical(operator: 'and' | 'or', first: Scalar, second: Scalar, span: Span): Scalar {
  const left = truth(first, span);
  const right = truth(second, span);
  if (left.type !== 'BOOLEAN' || right.type !== 'BOOLEAN') refuse(operator, [left, right], span);
  if (left.kind === 'constant' && right.kind === 'constant') {
    return constant('BOOLEAN', operator === 'and' ? left.value && right.value : left.value || right.value);
  }
  return bounded(apply(operator, { type: 'BOOLEAN', semantic: 'ST_NONE' }, left, right), span);
}

/** What a whole number means as a condition: it is not zero. */
export function truth(value: Scalar, span: Span): Scalar {
  return value.type === 'INT64' ? comparison('!=', value, constant('INT64', 0n), span) : value;
}

function asInt(value: Scalar): Scalar {
  if (value.kind === 'constant') return constant('INT64', value.value ? 1n : 0n);
  return apply('toInt', { type: 'INT64', semantic: 'ST_NONE' }, value);
}

export function unary(operator: '+' | '-' | 'not' | '~', given: Scalar, span: Span): Scalar {
  if (operator === 'not') {
    const operand = truth(given, span);
    if (operand.type !== 'BOOLEAN') refuse(operator, [operand], span);
    if (operand.kind === 'constant') return constant('BOOLEAN', !operand.value);
    return bounded(apply('not', typeOf(operand), operand), span);
  }
  const operand = given;
  if (operator === '~') {
    if (operand.type !== 'INT64') refuse(operator, [operand], span, operand.type === 'BOOLEAN' ? ['write `not`'] : []);
    if (operand.kind === 'constant') return constant('INT64', ~(operand.value as bigint));
    return bounded(apply('invert', { type: 'INT64', semantic: 'ST_NONE' }, operand), span);
  }
  if (operand.type !== 'INT64' && operand.type !== 'FLOAT64') refuse(operator, [operand], span);
  if (operator === '+') return operand;
  if (operand.kind === 'constant') {
    const value = typeof operand.value === 'bigint' ? inRange(-operand.value, span) : -(operand.value as number);
    return constant(operand.type, value, operand.semantic);
  }
  return bounded(apply('negate', { type: operand.type, semantic: operand.semantic }, operand), span);
}

export function bounded<S extends Scalar>(scalar: S, span: Span): S {
  if (scalar.size > mostNodes) fault('pxl.limit', `this expression has more than ${mostNodes} parts`, span);
  return scalar;
}

/** The types of values for a message: `INT64 and STRING`. */
export function typeNames(values: readonly ScalarType[]): string {
  return values.map((value) => value.type).join(' and ');
}

function refuse(operator: string, operands: readonly Scalar[], span: Span, hints: readonly string[] = []): never {
  return fault('pxl.type', `\`${operator}\` cannot be used with ${typeNames(operands)}`, span, hints);
}

function isNumber(value: Scalar): boolean {
  return value.type === 'INT64' || value.type === 'FLOAT64' || value.type === 'TIME64NS';
}

function binaryType(operator: BinaryOperator, left: Scalar, right: Scalar): ScalarType | undefined {
  if (left.type === 'STRING' && right.type === 'STRING') {
    return operator === '+' ? { type: 'STRING', semantic: 'ST_NONE' } : undefined;
  }
  if (!isNumber(left) || !isNumber(right)) return undefined;
  if (operator === '/') return left.type === 'TIME64NS' || right.type === 'TIME64NS' ? undefined : float();
  const leftTime = left.type === 'TIME64NS';
  const rightTime = right.type === 'TIME64NS';
  if (leftTime || rightTime) {
    if (left.type === 'FLOAT64' || right.type === 'FLOAT64') return undefined;
    if (leftTime && rightTime) return operator === '-' ? { type: 'INT64', semantic: 'ST_DURATION_NS' } : undefined;
    if (operator === '+' || (operator === '-' && leftTime)) return { type: 'TIME64NS', semantic: 'ST_NONE' };
    return operator === '%' && leftTime ? { type: 'INT64', semantic: 'ST_DURATION_NS' } : undefined;
  }
  const semantic = operator === '+' || operator === '-' ? commonSemantic(left, right) : 'ST_NONE';
  if (left.type === 'FLOAT64' || right.type === 'FLOAT64') return operator === '%' ? undefined : float(semantic);
  const natural = (value: Scalar) =>
    value.unsigned || (value.kind === 'constant' && (value.value as bigint) >= 0n) === true;
  const unsigned = (left.unsigned || right.unsigned) && operator !== '-' && natural(left) && natural(right);
  return { type: 'INT64', semantic, ...(unsigned ? { unsigned: true } : {}) };
}

function float(semantic: SemanticType = 'ST_NONE'): ScalarType {
  return { type: 'FLOAT64', semantic };
}

/** Sums and differences keep a unit that both have, or one has and the other lacks. */
function commonSemantic(left: Scalar, right: Scalar): SemanticType {
  if (left.semantic === right.semantic || right.semantic === 'ST_NONE') return left.semantic;
  return left.semantic === 'ST_NONE' ? right.semantic : 'ST_NONE';
}

function compare(operator: ComparisonOperator, left: ConstantScalar, right: ConstantScalar): boolean {
  const a = left.value;
  const b = right.value;
  switch (operator) {
    case '==':
      // biome-ignore lint/suspicious/noDoubleEquals: 1n == 1 is meant to hold
      return a == b;
    case '!=':
      // biome-ignore lint/suspicious/noDoubleEquals: 1n == 1 is meant to hold
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
}

function foldBinary(
  operator: BinaryOperator,
  left: ConstantScalar,
  right: ConstantScalar,
  result: ScalarType,
  span: Span,
): Scalar {
  if (result.type === 'STRING') {
    const text = `${left.value}${right.value}`;
    if (text.length > 1_000_000) fault('pxl.limit', 'this string is longer than a million characters', span);
    return constant('STRING', text);
  }
  if ((operator === '/' || operator === '%') && Number(right.value) === 0) fault('pxl.value', 'division by zero', span);
  if (result.type === 'FLOAT64') {
    const a = Number(left.value);
    const b = Number(right.value);
    const value = operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a / b;
    return constant('FLOAT64', value, result.semantic);
  }
  const a = left.value as bigint;
  const b = right.value as bigint;
  const value = operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a % b;
  return constant(result.type, inRange(value, span), result.semantic);
}

/** The value, if an INT64 or an unsigned one holds it. */
export function inRange(value: bigint, span: Span): bigint {
  if (value < -0x8000_0000_0000_0000n || value > 0xffff_ffff_ffff_ffffn) {
    fault('pxl.value', `${value} does not fit in 64 bits`, span);
  }
  return value;
}
