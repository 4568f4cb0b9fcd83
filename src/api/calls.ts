import type { CaptureColumn } from '#model';

/** What `px trace` shows of a call, and a TraceCall is made of: the columns of a tracepoint that has no table. */
export const callColumns: readonly CaptureColumn[] = [
  { name: 'function', capture: { kind: 'function' } },
  { name: 'type_args', capture: { kind: 'type-arguments' } },
  { name: 'inlined_into', capture: { kind: 'inlined-into' } },
  { name: 'args', capture: { kind: 'arguments' } },
  { name: 'results', capture: { kind: 'results' } },
  { name: 'latency', capture: { kind: 'latency' } },
  { name: 'outcome', capture: { kind: 'outcome' } },
];
