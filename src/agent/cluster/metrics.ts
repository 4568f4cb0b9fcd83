import { gauge, type Metric } from '#cluster';
import type { StoredTable } from '#store';
import { budget } from '../budget.ts';
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
    each(
      'sonde_tracepoint_cost_cpus',
      'Processors that the calls cost just now, of all processes together.',
      'gauge',
      ({ cost }) => cost,
    ),
    gauge('sonde_tracepoint_cost_limit_cpus', 'What a tracepoint may cost a process before it is taken off.', budget),
  ];
}

/** What the tables hold. */
export function tableMetrics(tables: readonly StoredTable[]): Metric[] {
  const each = (name: string, help: string, value: (table: StoredTable) => number): Metric => ({
    name,
    help,
    type: 'gauge',
    samples: tables.map((table) => ({ labels: { table: table.name }, value: value(table) })),
  });
  return [
    each('sonde_table_rows', 'Rows that a table holds.', ({ rows }) => rows),
    each('sonde_table_bytes', 'Bytes of their values, as they came.', ({ bytes }) => bytes),
  ];
}
