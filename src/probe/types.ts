import type { MapSpec, Program } from '#asm';
import type { Address, Diagnostic, FileOffset } from '#base';
import type { GoFunction, InstructionClass } from '#gobin';
import type { AggregateFunction, Column, EventKind, EventLayout, Hole, Relation } from '#model';
import type { Computation } from './computation/index.ts';
import type { TypeGraph } from './graph/index.ts';
import type { PartStep, PlaceNames, TreePart } from './resolve/index.ts';
import type { StackStart } from './sites/index.ts';

/** What of the kernel and the process a program may use: found by trying, passed in as data. */
export interface EmitFeatures {
  /** bpf_get_attach_cookie (5.15). Without it the site index is always 0. */
  readonly attachCookie: boolean;
  /** Offset of thread.fsbase in task_struct, from BTF; undefined: no fallback when R14 is not `g`. */
  readonly fsbaseOffset?: number;
  /** `may_goto` (6.9): without, loops are checked by the verifier turn by turn, which takes longer. */
  readonly mayGoto?: boolean;
  /** Without `mayGoto`: so many steps a walk over objects takes at most, each of which the verifier looks at. Default 256. */
  readonly checkedSteps?: number;
  /** Sleepable uprobe programs (6.0): they can wait for a page. */
  readonly sleepable?: boolean;
  /** Undefined: programs do not look at float registers. */
  readonly floats?: FloatState;
}

/** Where the kernel keeps a thread's saved float registers, and how it says that they are saved: found by trial. Byte offsets. */
export interface FloatState {
  /** In `task_struct`: the thread's flags. */
  readonly flags: number;
  /** From a `task_struct` to the pointer to its `fpstate`. */
  readonly fpstate: number;
  /** In `fpstate`: the XSAVE area. */
  readonly area: number;
  /** Number of the bit of the flags that is set if and only if the area holds the registers. */
  readonly savedBit: number;
}

/** Whose hits count. `namespace` undefined: the host's own pid namespace, plain bpf_get_current_pid_tgid. */
export interface ProcessFilter {
  readonly tgid: number;
  readonly namespace?: { readonly device: bigint; readonly inode: bigint };
}

/** One instruction to be probed. */
export interface Site {
  readonly address: Address;
  readonly offset: FileOffset;
  /** The instruction's bytes in the file, for the check against the process. */
  readonly bytes: Uint8Array;
  readonly class: InstructionClass;
  readonly role: 'entry' | 'return' | 'tail' | 'recovery' | 'goexit' | 'panic';
  /** At a conditional jump: the event counts only if the jump is not taken, that is if (flags & mask) === 0 … */
  readonly notTaken?: {
    readonly flagsMask: number;
    readonly takenWhenAnySet: boolean;
    /** Flags that are inverted (XOR) before the test: arm64's `b.ls` is taken when C is clear or Z is set. */
    readonly flagsInverted?: number;
  };
  /**
   * Of an entry: how a call is told that began again as its stack had to grow, and has lost arguments that are wanted. `pc`: where it goes on, an address of the
   * file, which the goroutine's `sched.pc` then has; `inRbx`: RBX, too.
   */
  readonly grown?: { readonly pc: number; readonly inRbx: boolean };
  /** Text of the instruction for people. */
  readonly text: string;
}

export interface ProbeSites {
  readonly function: GoFunction;
  readonly entry?: Site;
  readonly returns: readonly Site[];
  /** What people should know: "entry is single-stepped: about 16 µs a hit". */
  readonly warnings: readonly string[];
}

/** Numbers that are texts in JSON: by their type's name. */
export const numberTexts = { 'time.Duration': 'duration', 'io/fs.FileMode': 'file-mode' } as const;
export type NumberText = (typeof numberTexts)[keyof typeof numberTexts];

/** How a column's value is made of slots. */
export type ValueShape =
  /** `text`: of a part of JSON; `constants`: names of constants of its type, by value in decimal. */
  | {
      readonly kind: 'slot';
      readonly slot: number;
      readonly text?: NumberText;
      readonly constants?: Readonly<Record<string, string>>;
    }
  /** A value of a type of the graph. `holes`: bytes of it that could not be captured. */
  | GraphShape
  /** Where calls came from, as `function file:line`: a JSON array of a stack's, or `one`: the innermost alone, as text. `start`: the first one's place in the code, of an inlined copy or a line. */
  | { readonly kind: 'frames'; readonly slot: number; readonly one?: true; readonly start?: StackStart }
  /** An object of parts in order. */
  | { readonly kind: 'object'; readonly fields: readonly { readonly name: string; readonly value: ValueShape }[] }
  | { readonly kind: 'computed'; readonly computation: Computation<ValueShape> }
  /** A part of a captured value; `part`: its type in the graph. */
  | {
      readonly kind: 'part';
      readonly whole: GraphShape;
      readonly steps: readonly PartStep<ValueShape>[];
      readonly part: number;
    }
  /** Nothing, with the reason. */
  | { readonly kind: 'missing'; readonly reason: string };

export interface GraphShape {
  readonly kind: 'graph';
  readonly slot: number;
  readonly type: number;
  readonly holes: readonly Hole[];
  /** JSON of what a nil pointer on the way to it means. */
  readonly none?: string;
  /** An error, whose text is wanted: empty for nil. */
  readonly error?: true;
}

/** What the decoder asks of a call to decide whether it gets a row. */
export type ConditionShape =
  | { readonly from: 'entry' | 'return'; readonly shape: ValueShape }
  | { readonly from: 'latency' | 'outcome' };

/** Where a column's value comes from. */
export interface ColumnPlan {
  readonly column: Column;
  readonly source:
    | { readonly kind: 'entry'; readonly shape: ValueShape }
    | { readonly kind: 'return'; readonly shape: ValueShape }
    | { readonly kind: 'latency' }
    | { readonly kind: 'outcome' }
    | { readonly kind: 'panic' }
    | { readonly kind: TreePart }
    | { readonly kind: 'place'; readonly part: keyof PlaceNames }
    | { readonly kind: 'log'; readonly parts: readonly LogPart[] };
}

/** What a probe adds up in the kernel: how its map's keys and values are to be read (`groupKey`, `groupWord`). */
export interface GroupLayout {
  /** Of a key: the slots of its columns. */
  readonly key: EventLayout;
  readonly valueBytes: number;
  readonly details: number;
  /** Its calls are counted and nothing more of them is wanted: the probe's own count of hits is all that there is. */
  readonly bare: boolean;
  readonly columns: readonly GroupColumn[];
}

/** Numbers that are added up: 64 bits with or without a sign, or IEEE 754. */
export type NumberKind = 'int' | 'uint' | 'float';

export interface GroupColumn {
  readonly column: Column;
  readonly source:
    | { readonly kind: 'key'; readonly shape: ValueShape }
    | { readonly kind: 'count' }
    /** The same of all calls: where they were seen. */
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'sum' | 'min' | 'max'; readonly word: number; readonly number: NumberKind }
    | { readonly kind: 'histogram'; readonly detail: number; readonly number: NumberKind }
    | { readonly kind: 'top'; readonly detail: number; readonly shape: ValueShape }
    | { readonly kind: 'missing'; readonly reason: string };
}

/** How a table of groups is made of rows, one a call: `made` says so of each of the rows' own columns, behind the implicit ones. */
export interface Fold {
  readonly rows: Relation;
  readonly made: readonly ('key' | AggregateFunction)[];
  /** Which of them are floats of 32 bits. */
  readonly single: readonly boolean[];
}

/** A piece of a log line. `text` of a value: what stands in the template. */
export type LogPart =
  | { readonly from: 'text' | 'latency' | 'outcome'; readonly text: string }
  | { readonly from: 'panic'; readonly text: string }
  | { readonly from: 'entry' | 'return'; readonly text: string; readonly shape: ValueShape };

/** How the record of a panic is read; slots by number. */
export interface PanicShape {
  readonly layout: EventLayout;
  readonly value: ValueShape;
  /** End of the goroutine's stack. */
  readonly stackEnd: number;
  /** Stack pointers of frames whose deferred functions run for an earlier panic: the first with its flag, if it has one, is it. */
  readonly deferring: readonly { readonly frame: number; readonly started?: number }[];
  readonly graph?: TypeGraph;
}

/** A probe, down to layouts: everything the decoder needs to make rows of its records. Plain data, sent to the reader's thread. */
export interface ProbePlan {
  readonly function: string;
  /** For columns that say where a call was seen. */
  readonly names?: PlaceNames;
  /** Why the type arguments among them are shapes. */
  readonly shapesOnly?: string;
  readonly columns: readonly ColumnPlan[];
  readonly entry?: EventLayout;
  readonly return?: EventLayout;
  /** Rows are made at the entry: nothing of the return is wanted. */
  readonly rowAtEntry: boolean;
  /** What the kernel has not decided already: calls for which it is not true get no row. */
  readonly condition?: Computation<ConditionShape>;
  /** Calls of an inlined copy: they have no frame of their own, and end no call of the function around them. */
  readonly nested?: true;
  /** Of an inlined copy: between the stack pointer and the return address in the function around it. */
  readonly frameBytes?: number;
  /** Rows are made at the entry although more is wanted: where its calls end is not known. */
  readonly endless?: true;
  /** Its calls have a place in a tree: the slots, in the records of entries and returns, of how many events had been dropped by then. */
  readonly tree?: { readonly entry: number; readonly return: number };
  /** What its calls were left by a panic with is wanted: how it is read, or why it is not known. One object for all probes of a tracepoint. */
  readonly panic?: PanicShape | string;
  /** Its calls are added up in the kernel: it has no other columns, and no records. */
  readonly group?: GroupLayout;
  /** The types of its values of shape `graph`; one object for all probes of a tracepoint. */
  readonly graph?: TypeGraph;
}

/** One program and the sites that it is attached to (one uprobe_multi link). The cookie of a site is its index here, or in `cookies`. */
export interface ProgramSites {
  readonly cookies?: readonly number[];
  readonly program: Program;
  readonly kind: EventKind;
  readonly sites: readonly Site[];
  /** To be loaded as sleepable: it reads float registers (with the map `kicks`), or waits for pages. */
  readonly sleepable?: 'floats' | 'pages';
}

/** The whole of a tracepoint for one process. */
export interface CompiledTarget {
  readonly plans: readonly ProbePlan[];
  readonly programs: readonly ProgramSites[];
}

/** An array map with one value, to be filled with `bytes`. */
export interface FilledMap {
  readonly spec: MapSpec;
  readonly bytes: Uint8Array;
}

/** Maps that all programs of a tracepoint share. */
export interface TracepointMaps {
  readonly ring: MapSpec;
  /** An array map with one value: `control` below. */
  readonly control: MapSpec;
  /** The types that the walk over objects knows (`graph/table.ts`), the code that calls are within (`emit/within.ts`). */
  readonly tables: readonly FilledMap[];
  /**
   * A hash map, to be filled: type descriptor's address in the process (in the file, plus the load bias) → u32 `entry`, u32 `size`.
   */
  readonly dynamic?: {
    readonly spec: MapSpec;
    readonly entries: readonly { readonly address: number; readonly entry: number; readonly size: number }[];
  };
  /** Where calls are added up: a map like `inner` in the one place of `outer`, and a second one to change it for. */
  readonly groups?: { readonly outer: MapSpec; readonly inner: MapSpec };
  /** All others: they begin empty. */
  readonly others: readonly MapSpec[];
  /** The same, of which a tracepoint has one for all of its processes. */
  readonly shared: readonly MapSpec[];
}

/** What the first word of the control map says of entries: dropped, sent, or only counted (where programs are made for an estimate). */
export const gates = { shut: 0, open: 1, counting: 2 } as const;

/**
 * The value of the control map, u64 words: [0] gate (`gates`); then for probe p five words at
 * 1 + 5 * p: hits (calls counted at the entry site, or returns of a probe without one), drops of entry events, drops of return
 * (and tail) events, calls for which the condition could not be decided, calls that were not kept; behind the last probe's words: drops of recovery and Goexit events; nanoseconds that hits waited for float registers; drops of all events, where calls have a place in a tree; for an
 * estimate a word more per probe: calls counted.
 */
export const control = {
  gate: 0,
  hits: 0,
  entryDrops: 1,
  returnDrops: 2,
  undecided: 3,
  skipped: 4,
  wordsPerProbe: 5,
} as const;

export type Resolution<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };
