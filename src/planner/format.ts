import type { Span } from '#base';
import { type FormattedKind, formatFault, formatValue } from '#functions';
import { formatUuid } from '#model';
import { fault } from './fault.ts';
import { apply, type ConstantScalar, constant, type Scalar } from './plan.ts';
import { binary } from './scalars.ts';
import { type Argument, kindName, scalarValue, unknown, type Value } from './value.ts';

const text = { type: 'STRING', semantic: 'ST_NONE' } as const;

/** A value as an f-string shows it: of constants Python's form, of a row's value that of px.to_string; in a format as Python writes both. */
export function asText({ value, span }: Argument, format = ''): Scalar | undefined {
  if (value.kind === 'opaque') return undefined;
  if (value.kind === 'none') return constant('STRING', 'None');
  if (value.kind !== 'scalar') return fault('pxl.type', `'${kindName(value)}' has no text`, span);
  const { scalar } = value;
  return format === '' ? plainText(scalar) : inFormat(scalar, format, span);
}

const kinds: Readonly<Record<string, FormattedKind | undefined>> = { INT64: 'int', FLOAT64: 'float' };

function inFormat(scalar: Scalar, format: string, span: Span): Scalar {
  const kind = kinds[scalar.type] ?? 'text';
  const wrong = formatFault(format, kind);
  if (wrong !== undefined) fault('pxl.value', `${wrong}; the value is ${scalar.type}`, span);
  const shown = kind === 'text' ? plainText(scalar) : scalar;
  if (shown.kind === 'constant')
    return constant('STRING', formatValue(shown.value as string | bigint | number, format));
  return apply(`_format_${kind}`, text, shown, constant('STRING', format));
}

function plainText(scalar: Scalar): Scalar {
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
  parts: readonly (string | { readonly argument: Argument; readonly format: string })[],
): Value {
  let whole: Scalar = constant('STRING', '');
  for (const part of parts) {
    const next = typeof part === 'string' ? constant('STRING', part) : asText(part.argument, part.format);
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
