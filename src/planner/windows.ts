import { aggregateType } from './aggregates/all.ts';
import type { AggregateName } from './aggregates/names.ts';
import type { Scalar, ScalarType } from './plan.ts';

/** Functions that only a window has: what a row is among others. */
export const windowNames = ['lag', 'lead', 'rank', 'dense_rank', 'row_number', 'difference'] as const;
export type WindowName = (typeof windowNames)[number];

/** Aggregates that a window takes over the rows up to each row. */
const running: ReadonlySet<string> = new Set([
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'first',
  'last',
  'stddev',
  'variance',
]);

/** The type of a window's function over values of a type, undefined where there is none. */
export function windowType(name: WindowName | AggregateName, argument: Scalar): ScalarType | undefined {
  const { type, semantic, unsigned } = argument;
  switch (name) {
    case 'lag':
    case 'lead':
      return { type, semantic, ...(unsigned ? { unsigned } : {}) };
    case 'rank':
    case 'dense_rank':
    case 'row_number':
      return { type: 'INT64', semantic: 'ST_NONE' };
    case 'difference':
      if (type === 'TIME64NS') return { type: 'INT64', semantic: 'ST_DURATION_NS' };
      return type === 'INT64' || type === 'FLOAT64' ? { type, semantic } : undefined;
    default:
      return running.has(name) ? aggregateType(name, argument) : undefined;
  }
}
