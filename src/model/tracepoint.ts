import type { Span } from '#base';
import type { CaptureLimits } from './limits.ts';
import type { Upid } from './upid.ts';

/** Which processes in the pods of one namespace; what is left out does not narrow. */
export interface PodSelector {
  readonly namespace: string;
  /** The name of the pod, or of the controller that it belongs to. */
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
  /** What the call was left by a panic with, in the form of `docs/values.md`. */
  | { readonly kind: 'panic' }
  /** The text of the error that the call returned; empty for none. */
  | { readonly kind: 'error' }
  /** Where the call was seen: the function's name without type arguments, these, and the function that its copy was inlined into. */
  | { readonly kind: 'function' | 'type-arguments' | 'inlined-into' }
  /** An empty column. */
  | { readonly kind: 'nothing' }
  /** Every argument (receiver first) or every result, as one JSON object by name, in order. */
  | { readonly kind: 'arguments' }
  /** Where it was called from: `function file:line`; and all return addresses of its stack, as a JSON array of these. */
  | { readonly kind: 'caller' }
  | { readonly kind: 'stack' }
  /** On which CPU it began, and on which thread (its id in the host's pid namespace). */
  | { readonly kind: 'cpu' }
  | { readonly kind: 'thread' }
  /**
   * Its place in the tree of traced calls of its goroutine: an id that is unique for a process, that of the innermost traced call in which it began, and
   * its latency without that of the calls that it is this for.
   */
  | { readonly kind: 'call-id' | 'parent-call-id' | 'own-time' }
  /** Of its goroutine: the id of the one that started it, the `go` statement that did. */
  | { readonly kind: 'parent' }
  | { readonly kind: 'creator' }
  /** Its pprof labels, as a JSON object. */
  | { readonly kind: 'labels' }
  /**
   * Counted in the kernel, over all calls with the same values in the probe's other columns: `of` is a number (top_keys: or a string) of each call;
   * count has none.
   */
  | { readonly kind: 'aggregate'; readonly function: AggregateFunction; readonly of?: AggregatedValue }
  /** A text with `{expression}` for values of arguments and results, `{latency}`, `{outcome}`. */
  | { readonly kind: 'log'; readonly text: string; readonly span?: Span }
  | { readonly kind: 'results' };

export const aggregateFunctions = ['count', 'sum', 'min', 'max', 'histogram', 'top_keys'] as const;
export type AggregateFunction = (typeof aggregateFunctions)[number];
export type AggregatedValue = Extract<Capture, { kind: 'argument' | 'result' | 'latency' }>;

export interface CaptureColumn {
  readonly name: string;
  readonly capture: Capture;
}

/**
 * Which calls are kept, told by the kernel at the entry in this order; what is left out does not narrow. A call that is not kept is counted and
 * nothing else: neither its entry nor its return is sent.
 */
export interface CallSelection {
  /** Only while this function is on the goroutine's stack. */
  readonly within?: string;
  /** One in so many, the first included. */
  readonly sample?: number;
  /** At most so many in each second. */
  readonly rate?: number;
  /** The first so many. */
  readonly first?: number;
  /** A Go expression over the arguments: sample, rate and first count each of its values apart. */
  readonly per?: { readonly text: string; readonly span?: Span };
}

/** One place, or the many that a pattern stands for, and what is wanted of its calls. */
export interface LogicalProbe {
  /** A function's name, or a pattern (`functionPattern` of #gobin, `docs/tracing.md`). */
  readonly function: string;
  /** Its Go declaration, for binaries whose debug info does not have it: `func(n int, s string) error`. */
  readonly signature?: { readonly text: string; readonly span?: Span };
  readonly calls?: CallSelection;
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
  /** Path of a file with the debug info that the target's executable lacks. */
  readonly debugFile?: string;
  /** Pages that are not resident are waited for: the process waits with them. */
  readonly waitForPages?: true;
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
