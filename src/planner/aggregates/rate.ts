import { apply } from '../plan.ts';
import { type Aggregates, float, integer } from './definition.ts';

/** Values a second between the first time and the last. */
export function perSecond(count: string, first: string, last: string): string {
  return `CASE WHEN ${last} > ${first} THEN ${count} / ((${last} - ${first}) / 1e9::DOUBLE) END`;
}

export const rates: Aggregates<'rate'> = {
  rate: {
    type: ({ type }) => (type === 'TIME64NS' ? float : undefined),
    text: (value) => perSecond(`count(${value})`, `min(${value})`, `max(${value})`),
    split: {
      kind: 'parts',
      parts: ({ type, semantic }) => [
        { partial: 'count_values', type: integer, merge: 'total' },
        { partial: 'min', type: { type, semantic }, merge: 'min' },
        { partial: 'max', type: { type, semantic }, merge: 'max' },
      ],
      finish: (merged, result) => apply('perSecond', result, ...merged),
    },
  },
};
