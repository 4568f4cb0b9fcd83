import { gauge, type Metric } from '#cluster';
import type { StoredTable } from '#store';
import { budget } from '../budget.ts';
import type { Tracepoint } from '../held-tracepoint.ts';

/**
 * What tracepoints have seen and lost, a sample each, by the `uid` of its object: the page is open to the pod network, and what somebody's tracepoint is called is for those who may
 * get it. Undefined: it has no object any more.
 */
export function tracepointMetrics(
  tracepoints: readonly Tracepoint[],
  uidOf: (name: string) => string | undefined,
): Metric[] {
  const known = tracepoints.flatMap((tracepoint) => {
    const uid = uidOf(tracepoint.logical.name);
    return uid === undefined ? [] : [{ tracepoint, uid }];
  });
  const each = (
    name: string,
    help: string,
    type: Metric['type'],
    value: (tracepoint: Tracepoint) => number,
  ): Metric => ({
    name,
    help,
    type,
    samples: known.map(({ tracepoint, uid }) => ({
      labels: { uid, state: tracepoint.state },
      value: value(tracepoint),
    })),
  });
  return [
    each('sonde_tracepoint_processes', 'Processes that are traced now.', 'gauge', ({ processes }) => processes),
    each('sonde_tracepoint_hits_total', 'Calls seen.', 'counter', ({ hits }) => hits),
    each('sonde_tracepoint_rows_total', 'Rows made.', 'counter', ({ rows }) => rows),
    each('sonde_tracepoint_drops_total', 'Events and rows lost.', 'counter', ({ drops }) => drops),
    each(
      'sonde_tracepoint_cost_cpus',
      'Processors that the calls cost just now, of all processes together.',
      'gauge',
      ({ cost }) => cost,
    ),
    gauge('sonde_tracepoint_cost_limit_cpus', 'What a tracepoint may cost a process before it is taken off.', budget),
  ];
}

/** What the tables hold, all together: their names are the users'. */
export function tableMetrics(tables: readonly StoredTable[]): Metric[] {
  const sum = (value: (table: StoredTable) => number) => tables.reduce((total, table) => total + value(table), 0);
  return [
    gauge('sonde_tables', 'Tables that there are.', tables.length),
    gauge(
      'sonde_table_rows',
      'Rows that they hold.',
      sum(({ rows }) => rows),
    ),
    gauge(
      'sonde_table_bytes',
      'Bytes of their values, as they came.',
      sum(({ bytes }) => bytes),
    ),
  ];
}
