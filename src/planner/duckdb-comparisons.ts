import type { Application, Scalar } from './plan.ts';

const signs: Readonly<Record<string, string | undefined>> = {
  equal: '=',
  notEqual: '<>',
  less: '<',
  lessEqual: '<=',
  greater: '>',
  greaterEqual: '>=',
};

/**
 * A comparison as IEEE 754, Go and Python have it: beside NaN every one is false but `!=`. The engine has NaN equal to itself and above all
 * numbers. Undefined: the operation is no comparison.
 */
export function comparisonText(scalar: Application, operands: readonly string[]): string | undefined {
  const { operation } = scalar;
  const sign = signs[operation];
  if (sign === undefined) return undefined;
  const [left, right] = operands as [string, string];
  const compared = `${left} ${sign} ${right}`;
  const [leftNan, rightNan] = scalar.arguments.map(mayBeNan) as [boolean, boolean];
  if (operation === 'equal' || operation === 'notEqual') {
    if (!leftNan || !rightNan) return `(${compared})`;
    const both = `(isnan(${left}) AND isnan(${right}))`;
    return operation === 'equal' ? `(${compared} AND NOT ${both})` : `(${compared} OR ${both})`;
  }
  const upwards = operation === 'less' || operation === 'lessEqual';
  const [above, below] = upwards ? [right, left] : [left, right];
  if (!(upwards ? rightNan : leftNan)) return `(${compared})`;
  const other = scalar.arguments[upwards ? 0 : 1]!;
  const nan = other.kind === 'constant' ? `isnan(${above})` : `(isnan(${above}) AND ${below} IS NOT NULL)`;
  return `(${compared} AND NOT ${nan})`;
}

function mayBeNan(scalar: Scalar): boolean {
  if (scalar.type !== 'FLOAT64') return false;
  if (scalar.kind === 'constant') return Number.isNaN(scalar.value);
  if (scalar.kind === 'column') return true;
  const [first, second] = scalar.arguments;
  const divisor = second?.kind === 'constant' ? Number(second.value) : 0;
  const divided = scalar.operation === 'divide' && Number.isFinite(divisor) && divisor !== 0;
  return scalar.operation === 'toFloat' || divided ? mayBeNan(first!) : true;
}
