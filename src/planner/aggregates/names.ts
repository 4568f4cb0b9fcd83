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
  'pprof',
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

/** What splits make of aggregates: no script can call these. */
export const partialNames = [
  'count_values',
  'total',
  'exact_sum',
  'total_of_exact',
  'float_of_exact',
  'first_place',
  'last_place',
  'spread_state',
  'quantile_state',
  'histogram_state',
  'gathered',
] as const;
export type PartialName = (typeof partialNames)[number];
