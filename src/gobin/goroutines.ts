import { type Address, ByteReader, EndOfInput, NumberTooLarge } from '#base';
import type { Pclntab } from './pclntab.ts';
import { type FrameSteps, walkStack } from './stack-walk.ts';

/** Bytes of the process at an address of the process; undefined where nothing can be read. */
export type ReadMemory = (at: number, size: number) => Uint8Array | undefined;

/** Offsets in `runtime.g` that walking stacks needs, from debug info. */
export interface GoroutineOffsets {
  readonly goid: number;
  /** gobuf: sp at 0, pc at 8 (Go, runtime/runtime2.go). */
  readonly sched: number;
  readonly status: number;
  readonly syscallSp: number;
  readonly syscallPc: number;
}

export interface Goroutine {
  readonly goid: bigint;
  /**
   * `running`: on a CPU at this moment, so that its registers are not in memory and its stack cannot be walked (or it was on and off one
   * several times while it was read).
   */
  readonly state: 'waiting' | 'runnable' | 'syscall' | 'running';
  /** Innermost first; addresses in the process. Empty for `running`. */
  readonly frames: readonly Address[];
  /** The walk came to the bottom of the stack: what is not in `frames` is not there. */
  readonly complete: boolean;
}

/** `g.atomicstatus` (Go, runtime/runtime2.go); the scan bit is masked. Leaked: waiting for ever, as the collector of Go 1.26 can find out. */
const status = { runnable: 1, running: 2, syscall: 3, waiting: 4, copyStack: 8, preempted: 9, leaked: 10 } as const;
const scanBit = 0x1000;
/** `g.stack.hi` (FACTS, Go 10). */
const stackHi = 8;

const mostGoroutines = 1_000_000;
/** How often a goroutine is read that changes meanwhile. */
const tries = 3;

/**
 * All goroutines of a process and their stacks, read from its memory while it runs (amd64). `allgs` is the address of `runtime.allgs`;
 * `bias` is added to the binary's addresses. A goroutine that changes under the reader's hands is read again, and counts as running when it does not
 * hold still. Nothing is yielded where the process cannot be read (any more).
 */
export function* goroutines(
  read: ReadMemory,
  table: Pclntab,
  offsets: GoroutineOffsets,
  allgs: number,
  bias: number,
): Generator<Goroutine> {
  const slice = attempt(() => word2(read(allgs, 16)));
  if (!slice) return;
  const [array, count] = slice;
  const walker: Walker = { read, steps: { table, bias, known: new Map() }, offsets };
  const step = 1024;
  for (let start = 0; start < Math.min(count, mostGoroutines); start += step) {
    const pointers = read(array + 8 * start, 8 * Math.min(step, count - start));
    if (!pointers) return;
    const reader = new ByteReader(pointers);
    while (reader.remaining >= 8) {
      const g = attempt(() => reader.u64number());
      const found = g === undefined ? undefined : goroutine(g, walker);
      if (found) yield found;
    }
  }
}

interface Walker {
  readonly read: ReadMemory;
  readonly steps: FrameSteps;
  readonly offsets: GoroutineOffsets;
}

/** What `runtime.g` says of where a goroutine stands. */
interface Standing {
  readonly goid: bigint;
  readonly status: number;
  readonly sp: number;
  readonly pc: number;
  readonly stackHi: number;
}

const states: Readonly<Record<number, Goroutine['state']>> = {
  [status.runnable]: 'runnable',
  [status.running]: 'running',
  [status.syscall]: 'syscall',
  [status.waiting]: 'waiting',
  // Its stack is being moved by itself.
  [status.copyStack]: 'running',
  [status.preempted]: 'runnable',
  [status.leaked]: 'waiting',
};

/** Undefined for what is no goroutine (any more, or yet). */
function goroutine(g: number, walker: Walker): Goroutine | undefined {
  let last: Standing | undefined;
  for (let turn = 0; turn < tries; turn++) {
    const standing = attempt(() => standingOf(g, walker));
    if (!standing) continue;
    last = standing;
    const state = states[standing.status];
    if (state === undefined) return undefined;
    if (state === 'running') break;
    const walked = attempt(() => walkStack(walker.read, walker.steps, standing));
    if (
      !walked ||
      !same(
        standing,
        attempt(() => standingOf(g, walker)),
      )
    )
      continue;
    return { goid: standing.goid, state, ...walked };
  }
  return last && { goid: last.goid, state: 'running', frames: [], complete: false };
}

function standingOf(g: number, { read, offsets }: Walker): Standing | undefined {
  const size = Math.max(offsets.goid, offsets.sched + 8, offsets.status, offsets.syscallSp, offsets.syscallPc) + 8;
  const bytes = read(g, size);
  if (!bytes) return undefined;
  const at = (offset: number) => new ByteReader(bytes, offset);
  const state = at(offsets.status).u32() & ~scanBit;
  const inSyscall = state === status.syscall;
  return {
    goid: at(offsets.goid).u64(),
    status: state,
    sp: at(inSyscall ? offsets.syscallSp : offsets.sched).u64number(),
    pc: at(inSyscall ? offsets.syscallPc : offsets.sched + 8).u64number(),
    stackHi: at(stackHi).u64number(),
  };
}

function same(a: Standing, b: Standing | undefined): boolean {
  return b !== undefined && a.status === b.status && a.sp === b.sp && a.pc === b.pc && a.goid === b.goid;
}

/** Torn memory reads as numbers that are no addresses. */
function attempt<T>(walk: () => T): T | undefined {
  try {
    return walk();
  } catch (error) {
    if (error instanceof NumberTooLarge || error instanceof EndOfInput) return undefined;
    throw error;
  }
}

function word2(bytes: Uint8Array | undefined): [number, number] | undefined {
  if (bytes?.length !== 16) return undefined;
  const reader = new ByteReader(bytes);
  return [reader.u64number(), reader.u64number()];
}
