import { Assembler, immediate, type Program, r0, r1, r2, r3, r7 } from '#asm';
import { BugError } from '#base';
import { clock, type Sys } from '#sys';
import { attachUprobes } from './attach.ts';
import type { UprobeAttachment } from './attachment.ts';
import { makeMap } from './map.ts';
import { OwnTarget } from './own-target.ts';
import { loadProgram } from './program.ts';

/** What one hit of a uprobe costs on this machine, in nanoseconds of the traced thread, with a program that only counts. */
export interface HitCost {
  /** On an instruction that the kernel emulates: one trap. */
  readonly emulatedNs: number;
  /** On one that it single-steps: two traps. */
  readonly steppedNs: number;
  readonly latencyFloor: LatencyFloor;
}

/**
 * The latency that a traced call of an empty function shows, in nanoseconds: from the end of the program at an emulated entry to the
 * start of the program at the return. What is shorter is the probe's own time (FACTS, rule 23).
 */
export interface LatencyFloor {
  /** The return is seen at an instruction that the kernel emulates. */
  readonly emulatedNs: number;
  /** At the `ret` itself, which is single-stepped on x64. */
  readonly steppedNs: number;
}

export interface CalibrateOptions {
  readonly multi: boolean;
}

/** Several short rounds, of which the quickest counts: what disturbs a round only makes it longer. */
const rounds = 5;
const turnsPerRound = { emulated: 200, both: 40 } as const;

/**
 * Measures all on code of our own in this process: some 40 ms. Resolves when the numbers are there; the kernel takes the
 * probes away on another thread meanwhile. Throws SyscallFailed where a probe cannot be placed at all.
 */
export async function calibrate(sys: Sys, options: CalibrateOptions = { multi: true }): Promise<HitCost> {
  using target = new OwnTarget(sys);
  using counter = makeMap(sys, { name: 'calibrate', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 });
  using program = loadProgram(sys, countingProgram(), new Map([['calibrate', counter]]), { multi: options.multi });
  const attachments: UprobeAttachment[] = [];
  const probed = (offset: number, turns: number): number => {
    const sites = [{ offset, cookie: 0 }];
    attachments.push(attachUprobes(sys, program, { executable: target.executable, pid: sys.pid, sites }));
    const before = Number(counter.words[0]);
    const ns = quickest(sys, target, turns);
    const hits = Number(counter.words[0]) - before;
    const expected = rounds * turns * attachments.length;
    if (hits !== expected) throw new BugError(`calibration made ${expected} hits, the probe saw ${hits}`);
    return ns;
  };
  try {
    const bare = quickest(sys, target, turnsPerRound.emulated);
    const one = probed(target.emulated, turnsPerRound.emulated);
    const both = probed(target.stepped, turnsPerRound.both);
    return {
      emulatedNs: Math.max(1, Math.round(one - bare)),
      steppedNs: Math.max(1, Math.round(both - one)),
      latencyFloor: {
        emulatedNs: latencyFloor(sys, options, 'emulatedLater'),
        steppedNs: latencyFloor(sys, options, 'return'),
      },
    };
  } finally {
    for (const attachment of attachments) void attachment.closeInBackground();
  }
}

/** Nanoseconds a turn. */
function quickest(sys: Sys, target: OwnTarget, times: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = sys.clockGettime(clock.monotonic);
    target.run(times);
    best = Math.min(best, Number(sys.clockGettime(clock.monotonic) - start) / times);
  }
  return best;
}

/** On a target of its own, for the probes of one measurement would be in the latency of the next. */
function latencyFloor(sys: Sys, { multi }: CalibrateOptions, exit: 'emulatedLater' | 'return'): number {
  using target = new OwnTarget(sys);
  using times = makeMap(sys, timesMap);
  using ring = makeMap(sys, floorRing);
  const maps = new Map([times, ring].map((map) => [map.spec.name, map]));
  const attachments: UprobeAttachment[] = [];
  try {
    const ends = [
      [entryProgram(), target.emulated],
      [returnProgram(), target[exit]],
    ] as const;
    for (const [program, offset] of ends) {
      using loaded = loadProgram(sys, program, maps, { multi });
      const sites = [{ offset, cookie: 0 }];
      attachments.push(attachUprobes(sys, loaded, { executable: target.executable, pid: sys.pid, sites }));
    }
    let best = Number.POSITIVE_INFINITY;
    const { words } = times;
    for (let round = 0; round < rounds; round++) {
      const before = words[1]!;
      target.run(turnsPerRound.both);
      best = Math.min(best, Number(words[1]! - before) / turnsPerRound.both);
    }
    return Math.max(1, Math.round(best));
  } finally {
    for (const attachment of attachments) void attachment.closeInBackground();
  }
}

/** Word 0: when the last call began; word 1: sum of the latencies. */
const timesMap = { name: 'floor', type: 'array', keySize: 4, valueSize: 16, maxEntries: 1 } as const;
/** Nobody reads it: it holds all entries. */
const floorRing = { name: 'floor_ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 1 << 16 } as const;
const floorRecord = 64;

/** As the entry programs of tracepoints: the time is taken last, before the record is sent. */
function entryProgram(): Program {
  const asm = new Assembler();
  const full = asm.newLabel();
  asm.loadMapFd(r1, floorRing.name);
  asm.mov(r2, immediate(floorRecord));
  asm.mov(r3, immediate(0));
  asm.call('ringbuf_reserve');
  asm.mov(r7, r0);
  asm.jumpIf('eq', r7, immediate(0), full);
  asm.call('ktime_get_ns');
  asm.loadMapValue(r2, timesMap.name, 0);
  asm.store(8, r2, 0, r0);
  asm.mov(r1, r7);
  asm.mov(r2, immediate(0));
  asm.call('ringbuf_submit');
  asm.label(full);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('floor_entry');
}

/** As the return programs of tracepoints: the time is taken first. */
function returnProgram(): Program {
  const asm = new Assembler();
  asm.call('ktime_get_ns');
  asm.loadMapValue(r2, timesMap.name, 0);
  asm.load(8, r1, r2, 0);
  asm.alu('sub', r0, r1);
  asm.loadMapValue(r2, timesMap.name, 8);
  asm.atomicAdd(r2, 0, r0);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('floor_return');
}

function countingProgram(): Program {
  const asm = new Assembler();
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, 'calibrate', 0);
  asm.atomicAdd(r2, 0, r1);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('calibrate');
}
