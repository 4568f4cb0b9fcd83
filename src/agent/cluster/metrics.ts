import type { Metric } from '#cluster';
import type { Tracepoint } from '../tracepoints.ts';

/** What tracepoints have seen and lost, a sample each. */
export function tracepointMetrics(tracepoints: readonly Tracepoint[]): Metric[] {
  const each = (
    name: string,
    help: string,
    type: Metric['type'],
    value: (tracepoint: Tracepoint) => number,
  ): Metric => ({
    name,
    help,
    type,
    samples: tracepoints.map((tracepoint) => ({
      labels: { tracepoint: tracepoint.logical.name, table: tracepoint.logical.table, state: tracepoint.state },
      value: value(tracepoint),
    })),
  });
  return [
    each('sonde_tracepoint_processes', 'Processes that are traced now.', 'gauge', ({ processes }) => processes),
    each('sonde_tracepoint_hits_total', 'Calls seen.', 'counter', ({ hits }) => hits),
    each('sonde_tracepoint_rows_total', 'Rows made.', 'counter', ({ rows }) => rows),
    each('sonde_tracepoint_drops_total', 'Events and rows lost.', 'counter', ({ drops }) => drops),
  ];
}
