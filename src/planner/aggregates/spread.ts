import { apply, type ScalarType } from '../plan.ts';
import { type Aggregates, isNumber, type Partials, type Split, text } from './definition.ts';
import { statesText } from './states.ts';

/** Squares of larger numbers leave the doubles, for which DuckDB fails the query: their spread is NaN, as that of infinities. */
const squarable = (value: string) => `abs(${value}) < 1e150`;
const asDouble = (value: string) => `CAST(${value} AS DOUBLE)`;

/** Number of values, their mean, and the sum of the squares of the distances from it (Chan, Golub, LeVeque 1979). */
const stateType = 'STRUCT(n DOUBLE, mean DOUBLE, m2 DOUBLE)';

const split = (operation: 'varianceOfStates' | 'deviationOfStates'): Split => ({
  kind: 'parts',
  parts: () => [{ partial: 'spread_state', type: text, merge: 'gathered' }],
  finish: ([states], result) => apply(operation, result, states!),
});

const sample = (call: string, value: string, over: string) => {
  const float = asDouble(value);
  const fits = `bool_and(${squarable(float)})${over}`;
  return `CASE WHEN ${fits} THEN ${call}(${float}) FILTER (${squarable(float)})${over} WHEN NOT ${fits} THEN CAST('nan' AS DOUBLE) END`;
};

const result = (argument: ScalarType, semantic: ScalarType['semantic']): ScalarType | undefined =>
  isNumber(argument) ? { type: 'FLOAT64', semantic } : undefined;

/** Of a sample: of one value there is none. */
export const spreads: Aggregates<'stddev' | 'variance'> = {
  stddev: {
    type: (argument) => result(argument, argument.semantic),
    text: (value, { over }) => sample('stddev_samp', value, over),
    split: split('deviationOfStates'),
  },
  variance: {
    type: (argument) => result(argument, 'ST_NONE'),
    text: (value, { over }) => sample('var_samp', value, over),
    split: split('varianceOfStates'),
  },
};

export const spreadPartials: Partials<'spread_state'> = {
  spread_state: {
    text: (value) => {
      const float = asDouble(value);
      const call = (name: string) => `${name}(${float}) FILTER (${squarable(float)})`;
      const state = `{'n': CAST(count(${float}) AS DOUBLE), 'mean': ${call('avg')}, 'm2': ${call('var_pop')} * count(${float})}`;
      const none = `{'n': CAST(count(${float}) AS DOUBLE), 'mean': CAST('nan' AS DOUBLE), 'm2': CAST('nan' AS DOUBLE)}`;
      return `CAST(CASE WHEN bool_and(${squarable(float)}) THEN ${state} WHEN count(${float}) > 0 THEN ${none} END AS VARCHAR)`;
    },
  },
};

function varianceText(gathered: string): string {
  const states = statesText(gathered, stateType);
  const summed = (value: string) => `list_sum(list_transform(${states}, lambda e_: ${value}))`;
  const n = summed('e_.n');
  // From one of the means: their sum would be rounded, and equal values would have a spread.
  const distance = `(e_.mean - ${states}[1].mean)`;
  const mean = `(${summed(`e_.n * ${distance}`)} / ${n})`;
  const squares = summed(`e_.m2 + e_.n * (${distance} - ${mean}) * (${distance} - ${mean})`);
  return `CASE WHEN ${n} > 1 THEN ${squares} / (${n} - 1) WHEN isnan(${squares}) THEN ${squares} END`;
}

export const spreadFinishes = {
  varianceOfStates: varianceText,
  deviationOfStates: (gathered: string) => `sqrt(${varianceText(gathered)})`,
};
