import type { Span } from '#base';
import type { CaptureLimits } from './limits.ts';
import type { Upid } from './upid.ts';

/** Which processes in the pods of one namespace; what is left out does not narrow. */
export interface PodSelector {
  readonly namespace: string;
  /** The pod's name, or its beginning up to a hyphen: what a deployment's pods have in common. */
  readonly pod?: string;
  /** Every one of these labels, with this value. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The controller that the pods belong to. */
  readonly workload?: { readonly kind: string; readonly name: string };
  readonly container?: string;
  /** A regular expression (ECMAScript) that is found in the command line. */
  readonly process?: string;
}

/** Which processes of one machine, by every one of what is given. */
export interface ProcessSelector {
  /** Path of the executable, in the process's own mount namespace. */
  readonly executable?: string;
  /** The last part of that path, or of the first argument. */
  readonly name?: string;
  /** A path below `/sys/fs/cgroup`, and all below it. */
  readonly cgroup?: string;
}

/** What a tracepoint is attached to: one process, or every process that a selector fits, also those that start later. */
export type Target =
  | { readonly kind: 'upid'; readonly upid: Upid; readonly span?: Span }
  | { readonly kind: 'processes'; readonly processes: ProcessSelector; readonly span?: Span }
  | { readonly kind: 'pods'; readonly pods: PodSelector; readonly span?: Span };

/** What one output column holds. `text` is a Go expression over the function's variables (`iterations`, `r.URL.Path`, `$0`). */
export type Capture =
  | { readonly kind: 'argument'; readonly text: string; readonly span?: Span }
  | { readonly kind: 'result'; readonly text: string; readonly span?: Span }
  | { readonly kind: 'latency' }
  | { readonly kind: 'outcome' }
  /** Where the call was seen: the function's name without type arguments, these, and the function that its copy was inlined into. */
  | { readonly kind: 'function' | 'type-arguments' | 'inlined-into' }
  /** An empty column. */
  | { readonly kind: 'nothing' }
  /** Every argument (receiver first) or every result, as one JSON object by name, in order. */
  | { readonly kind: 'arguments' }
  | { readonly kind: 'results' };

export interface CaptureColumn {
  readonly name: string;
  readonly capture: Capture;
}

/** One place, or the many that a pattern stands for, and what is wanted of its calls. */
export interface LogicalProbe {
  /** A function's name, or a pattern (`functionPattern` of #gobin, `docs/tracing.md`). */
  readonly function: string;
  readonly columns: readonly CaptureColumn[];
  /** A Go expression over arguments, results and `$latency`, `$outcome`: calls for which it is not true get no row. */
  readonly when?: { readonly text: string; readonly span?: Span };
  readonly span?: Span;
}

/** What a script says, before any binary was looked at. Plain data: two of equal JSON mean the same. */
export interface LogicalTracepoint<T extends Target = Target> {
  readonly name: string;
  readonly table: string;
  readonly target: T;
  readonly ttlNs: bigint;
  readonly probes: readonly LogicalProbe[];
  /** It stays whatever it costs. */
  readonly noBudget?: true;
  /** Those that are not the defaults. */
  readonly limits?: Partial<CaptureLimits>;
  readonly span?: Span;
}

/** A tracepoint of one process: what can be compiled and placed. */
export type ProcessTracepoint = LogicalTracepoint<Extract<Target, { kind: 'upid' }>>;

export type TracepointState = 'PENDING' | 'RUNNING' | 'FAILED' | 'TERMINATED';

/** How a call ended. `lost` always comes with a reason in the row's notes. */
export const outcomes = ['returned', 'panicked', 'goexit', 'exited', 'running', 'lost'] as const;
export type Outcome = (typeof outcomes)[number];
