import { type Aggregates, integer, type Partials } from './definition.ts';

export const counts: Aggregates<'count' | 'count_distinct'> = {
  /** Of rows, also those whose value is missing. */
  count: {
    type: () => integer,
    text: (_, { over }) => `count(*)${over}`,
    split: { kind: 'parts', parts: () => [{ partial: 'count', type: integer, merge: 'total' }] },
  },
  count_distinct: {
    type: () => integer,
    text: (value, { over }) => `count(DISTINCT ${value})${over}`,
    split: { kind: 'key' },
  },
};

export const countPartials: Partials<'count_values' | 'total'> = {
  count_values: { text: (value) => `count(${value})` },
  /** Of counts: nothing is 0. */
  total: { text: (value) => `CAST(coalesce(sum(${value}), 0) AS BIGINT)` },
};
