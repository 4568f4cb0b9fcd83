import { formatUuid } from '#model';
import { fault } from './fault.ts';
import { apply, type ConstantScalar, constant, type Scalar } from './plan.ts';
import { binary } from './scalars.ts';
import { type Argument, kindName, scalarValue, unknown, type Value } from './value.ts';

const text = { type: 'STRING', semantic: 'ST_NONE' } as const;

/** A value as an f-string shows it: of constants Python's form, of a row's value that of px.to_string. */
export function asText({ value, span }: Argument, digits?: number): Scalar | undefined {
  if (value.kind === 'opaque') return undefined;
  if (value.kind === 'none') return constant('STRING', 'None');
  if (value.kind !== 'scalar') return fault('pxl.type', `'${kindName(value)}' has no text`, span);
  const { scalar } = value;
  if (digits !== undefined) {
    if (scalar.type !== 'INT64' && scalar.type !== 'FLOAT64') {
      return fault('pxl.type', `the format \`.${digits}f\` is for numbers, not ${scalar.type}`, span);
    }
    if (scalar.kind === 'constant') return constant('STRING', Number(scalar.value).toFixed(digits));
    const float = scalar.type === 'FLOAT64' ? scalar : apply('toFloat', { ...text, type: 'FLOAT64' }, scalar);
    return apply('round', text, float, constant('INT64', BigInt(digits)));
  }
  if (scalar.kind === 'constant') return constant('STRING', constantText(scalar));
  if (scalar.type === 'STRING') return scalar;
  if (scalar.type === 'TIME64NS') return apply('itoa', text, scalar);
  return apply('to_string', text, scalar);
}

function constantText({ type, value }: ConstantScalar): string {
  if (type === 'UINT128') return formatUuid((value as bigint) >> 64n, BigInt.asUintN(64, value as bigint));
  if (type === 'BOOLEAN') return value ? 'True' : 'False';
  return type === 'FLOAT64' && Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The parts of an f-string as one text. */
export function formatted(
  parts: readonly (string | { readonly argument: Argument; readonly digits?: number })[],
): Value {
  let whole: Scalar = constant('STRING', '');
  for (const part of parts) {
    const next = typeof part === 'string' ? constant('STRING', part) : asText(part.argument, part.digits);
    if (next === undefined) return typeof part === 'string' ? unknown : part.argument.value;
    const empty: boolean = whole.kind === 'constant' && whole.value === '';
    whole = empty
      ? next
      : binary(
          '+',
          whole,
          next,
          typeof part === 'string' ? { start: 0, end: 0, line: 1, column: 1 } : part.argument.span,
        );
  }
  return scalarValue(whole);
}
