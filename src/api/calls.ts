import type { Capture, CaptureColumn } from '#model';

/** What of calls `px trace` is to show beside the rest. */
export interface CallParts {
  /** A line of text instead of arguments and results: a template. */
  readonly log?: string | undefined;
  /** Each call's place in the tree of calls. */
  readonly tree?: boolean | undefined;
  /** Each call's callers. */
  readonly stack?: boolean | undefined;
}

/** What `px trace` shows of a call, and a TraceCall is made of: the columns of a tracepoint that has no table. They are always the same, some of them of `nothing`. */
export function callColumns({ log, tree = false, stack = false }: CallParts = {}): readonly CaptureColumn[] {
  const when = (wanted: boolean, capture: Capture): Capture => (wanted ? capture : { kind: 'nothing' });
  const values = log === undefined;
  return [
    { name: 'function', capture: { kind: 'function' } },
    { name: 'type_args', capture: { kind: 'type-arguments' } },
    { name: 'inlined_into', capture: { kind: 'inlined-into' } },
    { name: 'args', capture: when(values, { kind: 'arguments' }) },
    { name: 'results', capture: when(values, { kind: 'results' }) },
    { name: 'latency', capture: { kind: 'latency' } },
    { name: 'outcome', capture: { kind: 'outcome' } },
    { name: 'panic', capture: { kind: 'panic' } },
    { name: 'call_id', capture: when(tree, { kind: 'call-id' }) },
    { name: 'parent_call_id', capture: when(tree, { kind: 'parent-call-id' }) },
    { name: 'own_time', capture: when(tree, { kind: 'own-time' }) },
    { name: 'log', capture: log === undefined ? { kind: 'nothing' } : { kind: 'log', text: log } },
    { name: 'stack', capture: when(stack, { kind: 'stack' }) },
  ];
}
