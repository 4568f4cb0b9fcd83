import type { Relation, RowBatch, Upid } from '#model';
import type { Fold, ProbePlan } from '#probe';

/** What the reader's thread must know of a ring: descriptors are the process's, the rest is plain data. */
export interface RingDescription extends Decoding {
  readonly id: number;
  readonly ringFd: number;
  readonly ringBytes: number;
  /** The control map: the decoder looks at the drop counters. */
  readonly controlFd: number;
  readonly controlBytes: number;
  readonly upid: Upid;
  /** The tracepoint's calls are added up in the kernel. */
  readonly groups?: GroupMapsDescription;
  /** Groups are made of the rows; `relation` is the groups'. */
  readonly fold?: Fold;
  /** Calls that run when the ring is closed get a row of outcome `running`. */
  readonly rowsOfRunning: boolean;
  /** The executable by a path that this process may open, and what the process adds to its addresses: for names and constant bytes. */
  readonly executable: string;
  readonly bias: number;
}

/** How records become rows. Of rings with one object for `plans` the thread is sent it once. */
export interface Decoding {
  readonly plans: readonly ProbePlan[];
  readonly relation: Relation;
}

/** Where the programs add calls up: descriptors, and bytes of a key and of a CPU's value. */
export interface GroupMapsDescription {
  readonly outer: number;
  /** The first is in `outer`. */
  readonly inner: readonly [number, number];
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** The map of stacks, if they are parts of keys. */
  readonly stacks?: { readonly fd: number; readonly valueBytes: number };
}

/** A call that has not ended. */
export interface OpenCall {
  /** Wall clock, nanoseconds. */
  readonly sinceNs: bigint;
  /** How long it has been running. */
  readonly forNs: bigint;
  readonly goid: bigint | undefined;
  readonly function: string;
  /** The function whose code an inlined copy is part of; empty for a call. */
  readonly inlinedInto: string;
  /** Its place in the tree of calls, where that was asked for. */
  readonly id: bigint | undefined;
  readonly parentId: bigint | undefined;
  /** The columns that are captured at the entry, by name: a JSON object text. */
  readonly captured: string;
  /** What is missing or cut in them, as a row's notes. */
  readonly notes: string | null;
}

/** Requests, answered in order by a message with the same `token`. */
export type ReaderRequest =
  | {
      readonly kind: 'open';
      readonly ring: Omit<RingDescription, keyof Decoding>;
      /** `what`: not known to the thread yet. */
      readonly decoding: { readonly id: number; readonly what?: Decoding };
    }
  /** Reads what is in the ring now and hands over all rows. */
  | { readonly kind: 'flush'; readonly id: number }
  /** Lists open calls, after a flush. */
  | { readonly kind: 'running'; readonly id: number }
  /** The process has ended, or replaced itself by exec (then: when, CLOCK_MONOTONIC): flush, and its open calls end as `exited`. */
  | { readonly kind: 'exited'; readonly id: number; readonly replacedNs: bigint | undefined }
  /** Flush, list open calls and forget; the ring's descriptor may be closed after the answer. */
  | { readonly kind: 'close'; readonly id: number }
  /** Gives back the memory that the thread does not need. */
  | { readonly kind: 'trim' };

export type ToReader = ReaderRequest & { readonly token: number };

export type FromReader =
  | { readonly kind: 'rows'; readonly id: number; readonly batch: RowBatch }
  /** Its records cannot be made rows of: an error of ours. Nothing more comes of this ring. */
  | { readonly kind: 'failed'; readonly id: number; readonly error: string }
  | {
      readonly kind: 'answer';
      readonly token: number;
      readonly running?: readonly OpenCall[];
      readonly error?: string;
    };
