/**
 * The layout of a ring-buffer record, described once: the emitter writes it, the decoder reads it.
 *
 * Every record begins with the header below; the body follows at `headerSize`: one status byte per slot (padded to 8 bytes),
 * then the slots, each 8-byte aligned. A probe's records have one constant size (the verifier allows no other reservation).
 */
export const header = {
  /** u16, an `EventKind`. */
  kind: 0,
  /** u16, index of the probe in its tracepoint. */
  probe: 2,
  /** u32, index of the process in its tracepoint, constant in each program. */
  target: 4,
  /** u64, CLOCK_MONOTONIC nanoseconds. */
  ktime: 8,
  /** u64, the goroutine's id; on g0 that of `m.curg`. Meaningless without `headerFlags.goid`. */
  goid: 16,
  /** u64, address of the `g`. Meaningless without `headerFlags.g`. */
  g: 24,
  /**
   * u32, `g.stack.hi` minus the address of the call's return address (arm64: minus the stack pointer at the function's first
   * instruction): grows with call depth, survives a moved stack.
   */
  depth: 32,
  /** u32, bits of `headerFlags`. */
  flags: 36,
  /** u64, the attach cookie: index of the site in its probe. */
  site: 40,
  /**
   * u32, low half of how many entry events of the probe had been dropped when this event happened, and u32 at 52, how many
   * return events. Where both grew between an entry and a return, the return may be another call's. 0 in recovery, Goexit and panic events.
   */
  entryDrops: 48,
  returnDrops: 52,
} as const;
export const headerSize = 56;

export const headerFlags = {
  /** `g` was checked against the stack pointer, `g` and `depth` hold. */
  g: 1,
  /** `goid` was read. */
  goid: 2,
  /** `goid` is that of `m.curg`: the `g` itself is a g0 or the signal g, and its next event may bring another goid. */
  curg: 4,
} as const;

/** Those of calls come first. */
export const eventKinds = {
  entry: 1,
  /** At a `ret`: results are in place. */
  return: 2,
  /** At a jump out of the function: the call is over for this function, its results are another function's. */
  tail: 3,
  /** `runtime.recovery`: calls on `g` at a depth greater than `depth` have been unwound by a recovered panic. */
  recovery: 4,
  /** `runtime.Goexit`: all open calls on `g` end so. */
  goexit: 5,
  /** `runtime.gopanic` begins on `g`: with its value. */
  panic: 6,
} as const;
export type EventKind = (typeof eventKinds)[keyof typeof eventKinds];

/** Groups of a second, and buckets and top keys among them: of further ones nothing is kept, which is counted as drops. */
export const mostGroups = 65_536;

/** A status byte of a slot. `cold`, of a string: its bytes could not be read, its slot holds the length and then their address (u64). */
export const slotStatus = {
  captured: 0,
  nil: 1,
  unreadable: 2,
  notRead: 3,
  cold: 4,
  /** An index is beyond the elements. */
  outOfRange: 5,
  /** An interface holds something else than was said. */
  otherType: 6,
  /** An index could not be computed. */
  noIndex: 7,
} as const;

/** Further ones, of floats that were in registers. `noKicker`: the slot holds the number of the CPU. */
export const floatStatus = { noKicker: 16, notSaved: 17 } as const;

/** One value in a record. Integers are stored as 8 bytes, sign- or zero-extended from the Go type's own width. */
export type Slot =
  | { readonly kind: 'int' | 'uint' | 'bool' | 'address'; readonly offset: number; readonly status: number }
  /** IEEE 754 in `size` bytes, as Go keeps it. Its column is FLOAT64; in JSON it is a number, or one of "NaN", "+Inf", "-Inf". */
  | { readonly kind: 'float'; readonly offset: number; readonly status: number; readonly size: 4 | 8 }
  /** At `offset` the string's full length (u64), then up to `maxBytes` of its bytes. */
  | { readonly kind: 'string'; readonly offset: number; readonly status: number; readonly maxBytes: number }
  /** At `offset` how many return addresses were found (u64; beyond `frames`: there are more), then up to `frames` of them, innermost first. */
  | { readonly kind: 'stack'; readonly offset: number; readonly status: number; readonly frames: number }
  /** At `offset` the number (u64) by which the map of stacks has the frames, up to `frames` of them, laid out as a `stack`. */
  | { readonly kind: 'stack-id'; readonly offset: number; readonly status: number; readonly frames: number }
  /** A value with what it refers to: `offset` is that of its chunk's bytes in the snapshot area, its header lies before them. */
  | { readonly kind: 'graph'; readonly offset: number; readonly status: number };

/** What comes before each chunk's bytes in the snapshot area. Chunks are 8-aligned; the next one follows. */
export const chunkHeader = {
  /** u64, where the bytes were copied from; 0 for a value in registers. */
  address: 0,
  /** u32, byte offset of its elements' type in the table of types. */
  type: 8,
  /** u32, how many bytes were captured. */
  bytes: 12,
  /** u16, how many references away from the event's own values. */
  depth: 16,
  /** u16, a `slotStatus`. */
  status: 18,
  /** u32, where in the area the next chunk of the same value begins; 0: this is the last one. */
  next: 20,
} as const;
export const chunkHeaderSize = 24;

/** State of the program's walk over the object graph; its words (u64) at these offsets from `WalkLayout.state`. */
export const walkState = {
  /** Bytes of the area that are in use. */
  tail: 0,
  end: 8,
  first: 16,
  stride: 24,
  depth: 32,
  /** Bits of `walkCut`. */
  cut: 40,
  steps: 48,
  /** Inner nodes of tries that were copied, and their entries. */
  nodes: 56,
  entries: 64,
  /** The value whose turn it is (an index of `WalkLayout.roots`), and how many have more to be followed. */
  root: 72,
  open: 80,
  /** The turn is over when so many steps have been gone … */
  turnSteps: 88,
  /** … or with the first chunk that is deeper than this. Each round goes one deeper. */
  level: 96,
  /** What a turn goes on with, of the value whose turn it is: the chunk and the element in it, the entry of its type, the value's last chunk, and up to where the area may be filled. */
  chunk: 104,
  base: 112,
  entry: 120,
  last: 128,
  turnTail: 136,
  /** Addresses that have been taken, by a hash. */
  seen: 144,
} as const;
/** More are only fewer bytes for values: 40 objects that all point at each other were no more with 64 or 128. */
export const seenWords = 32;

/** Behind it, for each of `WalkLayout.roots`, the words that a turn goes on with (u64). `credit`: bytes that it may still take, less than 0 where the last chunk was larger. */
export const rootState = { chunk: 0, base: 8, entry: 16, last: 24, credit: 32 } as const;
export const rootStateSize = 40;

export function walkStateSize(roots: number): number {
  return walkState.seen + 8 * seenWords + rootStateSize * roots;
}

export const walkCut = {
  /** The area is full. */
  full: 1,
  /** The walk went all its steps and was not done. */
  steps: 2,
  /** It went as many as the verifier lets pass. */
  checked: 4,
} as const;

/** The snapshot of the objects that an event's values refer to: chunks, the values' own first. Offsets count from the record's start. */
export interface WalkLayout {
  readonly state: number;
  readonly area: number;
  /** Bytes of the values' own chunks. */
  readonly rootBytes: number;
  /** Those of them that lead anywhere: where in the area, and the first entry of their type's references. */
  readonly roots: readonly { readonly chunk: number; readonly entry: number }[];
  /** What one of several values may take before it is the next one's turn. */
  readonly turn: { readonly steps: number; readonly bytes: number };
  /** A chunk begins at this offset in the area at most … */
  readonly lastChunk: number;
  /** … and has so many bytes at most, behind its header. */
  readonly maxChunk: number;
  readonly steps: number;
  readonly depth: number;
  /** Bytes of the table of types. */
  readonly tableBytes: number;
}

/** The record of one kind of event of one probe. `status` and `offset` in slots count from the record's start. */
export interface EventLayout {
  /** Whole record in bytes, a multiple of 8. */
  readonly size: number;
  readonly slots: readonly Slot[];
  /** There are slots of kind `graph`. */
  readonly walk?: WalkLayout;
}

/** Bytes of a value that are in no place that can be read. */
export interface Hole {
  readonly offset: number;
  readonly size: number;
  readonly reason: string;
}

/**
 * What a program adds up in the kernel. Key of an entry of the map: u32 `kind`, u32 probe, u64 bucket, then the values of the key columns (and of
 * `top_keys`) as in a record: `GroupLayout.key` has their slots. An entry of kind 0 is the group itself, one of kind n + 1 a bucket of a histogram or one value of a
 * `top_keys`, both those of `GroupLayout.details[n]`: it only counts.
 */
export const groupKey = { kind: 0, probe: 4, bucket: 8 } as const;
export const groupKeyHeader = 16;

/** Value of a group, u64 words: calls, then for each sum, min and max its `groupWord`. */
export const groupWord = {
  /** Sum, modulo 2^64; of min and max the largest of the values in the order of `orderedWord`. */
  value: 0,
  /** How many calls had a value that could be read. */
  captured: 8,
} as const;
export const groupWordSize = 16;

/** So many buckets for each doubling, a power of two: a bucket is at most 12.5 % wide. */
export const bucketsPerDoubling = 8;
