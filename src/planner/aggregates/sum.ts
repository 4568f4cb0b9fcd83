import { duckdbType } from '../duckdb-types.ts';
import { apply, type Scalar, type ScalarType, typeOf } from '../plan.ts';
import { type Aggregates, float, integer, isNumber, type Part, type Partials, text } from './definition.ts';

/** Of whole numbers as a decimal text: what overflows at one node may fit together with the others. */
const exact = (merge: Part['merge'], merged: ScalarType): Part => ({
  partial: 'exact_sum',
  type: text,
  merge,
  merged,
});
const isFloat = ({ type }: Scalar) => type === 'FLOAT64';
const number = (value: string, { type }: Scalar) => (type === 'BOOLEAN' ? `CAST(${value} AS BIGINT)` : value);

export const sums: Aggregates<'sum' | 'mean'> = {
  /** Missing beyond 64 bits. Floats are added in the order in which they come. */
  sum: {
    type: (argument) => (argument.type === 'BOOLEAN' ? integer : isNumber(argument) ? typeOf(argument) : undefined),
    text: (value, { argument, result, over }) =>
      `TRY_CAST(sum(${number(value, argument)})${over} AS ${duckdbType(result)})`,
    split: {
      kind: 'parts',
      parts: (argument) => {
        const result = argument.type === 'BOOLEAN' ? integer : typeOf(argument);
        return isFloat(argument) ? [{ partial: 'sum', type: result, merge: 'sum' }] : [exact('total_of_exact', result)];
      },
    },
  },
  mean: {
    type: (argument) =>
      argument.type === 'BOOLEAN'
        ? float
        : isNumber(argument)
          ? { type: 'FLOAT64', semantic: argument.semantic }
          : undefined,
    text: (value, { argument, over }) => `avg(${number(value, argument)})${over}`,
    split: {
      kind: 'parts',
      parts: (argument) => [
        isFloat(argument) ? { partial: 'sum', type: float, merge: 'sum' } : exact('float_of_exact', float),
        { partial: 'count_values', type: integer, merge: 'total' },
      ],
      finish: ([sum, count], result) => apply('divide', result, sum!, count!),
    },
  },
};

export const sumPartials: Partials<'exact_sum' | 'total_of_exact' | 'float_of_exact'> = {
  exact_sum: { text: (value, { argument }) => `CAST(sum(${number(value, argument)}) AS VARCHAR)` },
  total_of_exact: {
    text: (value, { result }) => `TRY_CAST(sum(CAST(${value} AS HUGEINT)) AS ${duckdbType(result)})`,
  },
  float_of_exact: { text: (value) => `CAST(sum(CAST(${value} AS HUGEINT)) AS DOUBLE)` },
};
