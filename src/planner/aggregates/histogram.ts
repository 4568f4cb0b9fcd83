import { apply } from '../plan.ts';
import { type Aggregates, isNumber, type Partials, text } from './definition.ts';
import { entriesText } from './states.ts';

/** Buckets and their counts. */
function countsText(value: string): string {
  const float = `CAST(${value} AS DOUBLE)`;
  const bucket = `CASE WHEN ${float} > 0 THEN CAST(pow(2, floor(log2(${float}))) AS VARCHAR) ELSE '0.0' END`;
  return `histogram(${bucket}) FILTER (${value} IS NOT NULL)`;
}

/** A JSON object of bucket to count: the largest power of two that is not above the value, 0 for what is not positive. */
export const histograms: Aggregates<'histogram'> = {
  histogram: {
    type: (argument) => (isNumber(argument) ? text : undefined),
    text: (value) => `CASE WHEN count(${value}) > 0 THEN CAST(to_json(${countsText(value)}) AS VARCHAR) END`,
    split: {
      kind: 'parts',
      parts: () => [{ partial: 'histogram_state', type: text, merge: 'gathered' }],
      finish: ([states], result) => apply('histogramOfStates', result, states!),
    },
  },
};

export const histogramPartials: Partials<'histogram_state'> = {
  histogram_state: { text: (value) => `CASE WHEN count(${value}) > 0 THEN CAST(${countsText(value)} AS VARCHAR) END` },
};

export const histogramFinishes = {
  histogramOfStates: (gathered: string) => {
    const entries = entriesText(gathered);
    const keys = `list_sort(list_distinct(list_transform(${entries}, lambda e_: e_.key)))`;
    const count = `list_sum(list_transform(list_filter(${entries}, lambda f_: f_.key = k_), lambda e_: e_.value))`;
    const made = `list_transform(${keys}, lambda k_: {'key': k_, 'value': CAST(${count} AS BIGINT)})`;
    return `CAST(to_json(map_from_entries(${made})) AS VARCHAR)`;
  },
};
