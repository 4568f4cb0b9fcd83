import type { Scalar, ScalarType } from './plan.ts';

/** Pixie's aggregates (math_ops.cc, math_sketches.cc, collections.cc, request_path_ops.cc) and, behind them, Sonde's. */
export const aggregateNames = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'quantiles',
  'any',
  '_build_request_path_clusters',
  'count_distinct',
  'first',
  'last',
  'stddev',
  'variance',
  'median',
  'p50',
  'p75',
  'p90',
  'p95',
  'p99',
  'p999',
  'histogram',
  'rate',
] as const;
export type AggregateName = (typeof aggregateNames)[number];

/** The share of values below, of the aggregates that are a quantile. */
export const quantileOf: Partial<Record<AggregateName, string>> = {
  median: '0.5',
  p50: '0.5',
  p75: '0.75',
  p90: '0.9',
  p95: '0.95',
  p99: '0.99',
  p999: '0.999',
};

/**
 * The type of an aggregate over values of a type, undefined where there is none. `count` counts rows, also those whose value is
 * missing; the others leave missing values out, and over no value at all the result is missing; so is a sum beyond 64 bits.
 * `quantiles` is a JSON text with p01 … p99; `histogram` one of bucket to count, a bucket being the power of two that its
 * values do not lie below; `rate` is rows a second between the first and the last time.
 */
export function aggregateType(name: AggregateName, argument: Scalar): ScalarType | undefined {
  const { type, semantic } = argument;
  const numeric = type === 'INT64' || type === 'FLOAT64';
  switch (name) {
    case 'count':
    case 'count_distinct':
      return { type: 'INT64', semantic: 'ST_NONE' };
    case 'sum':
      if (type === 'BOOLEAN') return { type: 'INT64', semantic: 'ST_NONE' };
      return numeric ? sameType(argument) : undefined;
    case 'mean':
      if (type === 'BOOLEAN') return { type: 'FLOAT64', semantic: 'ST_NONE' };
      return numeric ? { type: 'FLOAT64', semantic } : undefined;
    case 'min':
    case 'max':
      return numeric || type === 'TIME64NS' || type === 'STRING' ? sameType(argument) : undefined;
    case 'quantiles':
      return numeric ? { type: 'STRING', semantic: 'ST_QUANTILES' } : undefined;
    case 'any':
    case 'first':
    case 'last':
      return sameType(argument);
    case 'stddev':
    case 'variance':
      return numeric ? { type: 'FLOAT64', semantic: name === 'stddev' ? semantic : 'ST_NONE' } : undefined;
    case 'histogram':
      return numeric ? { type: 'STRING', semantic: 'ST_NONE' } : undefined;
    case '_build_request_path_clusters':
      return type === 'STRING' ? { type: 'STRING', semantic: 'ST_NONE' } : undefined;
    case 'rate':
      return type === 'TIME64NS' ? { type: 'FLOAT64', semantic: 'ST_NONE' } : undefined;
    default:
      return numeric ? { type: 'FLOAT64', semantic } : undefined;
  }
}

function sameType(argument: Scalar): ScalarType {
  const { type, semantic, unsigned } = argument;
  return { type, semantic, ...(unsigned ? { unsigned } : {}) };
}
