import { Assembler, fp, immediate, type Label, type Program, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 } from '#asm';
import { floatStatus, type Slot } from '#model';
import type { FloatState } from '../types.ts';
import { frame, mapNames } from './frame.ts';
import { type Machine, machine } from './machine.ts';

/** A thread gives up its CPU at most so often for one hit; once is nearly always enough. */
const rounds = 3;
/** BPF_RB_FORCE_WAKEUP, include/uapi/linux/bpf.h */
const forceWakeup = 2;
/** Offsets in an XSAVE area: Intel SDM vol. 1, 13.4.1 and 13.4.2. */
const xmm0 = 160;
const xmmBytes = 16;
const xstateBv = 512;
/** Bit of XSTATE_BV: where it is clear, the SSE registers are in their initial state, all zero, and the area holds nothing of them. */
const sseState = 2;

/**
 * Has the kernel save the thread's float registers, by giving up the CPU (FACTS, "Floats in registers"); only for hits that count, and before
 * anything is reserved. Leaves in the frame: `time` as it was before, `floatFault` and `floatArea` for `writeFloat`. Takes r6, loses
 * the rest. **Nothing on the stack outlives it**: the stack of a larger program is the CPU's, not the thread's (since 6.13).
 * `cost`: address of a u64 that the nanoseconds are added to.
 */
export function saveFloats(
  asm: Assembler,
  state: FloatState,
  cost: { readonly map: string; readonly offset: number },
): void {
  const saved = asm.newLabel();
  asm.call('ktime_get_ns');
  asm.mov(r9, r0);
  asm.call('get_current_task_btf');
  asm.mov(r7, r0);
  const noKicker = asm.newLabel();
  for (let round = 0; round < rounds; round++) {
    ifSaved(asm, state, saved);
    kick(asm, noKicker);
  }
  ifSaved(asm, state, saved);
  const fault = asm.newLabel();
  const unreadable = asm.newLabel();
  const done = asm.newLabel();
  asm.jump(unreadable);

  asm.label(saved);
  findArea(asm, state, unreadable);
  asm.store(8, fp, frame.floatFault, immediate(0));
  asm.store(8, fp, frame.floatArea, r8);
  asm.jump(done);

  asm.label(unreadable);
  asm.mov(r1, immediate(floatStatus.notSaved));
  asm.jump(fault);
  asm.label(noKicker);
  asm.mov(r1, r8);
  asm.alu('lsh', r1, immediate(8));
  asm.alu('or', r1, immediate(floatStatus.noKicker));
  asm.label(fault);
  asm.store(8, fp, frame.floatFault, r1);
  asm.store(8, fp, frame.floatArea, immediate(0));

  asm.label(done);
  asm.call('ktime_get_ns');
  asm.alu('sub', r0, r9);
  asm.loadMapValue(r1, cost.map, cost.offset);
  asm.atomicAdd(r1, 0, r0);
  asm.store(8, fp, frame.ktime, r9);
}

/** r7: the task. The one thing that makes a value valid. */
function ifSaved(asm: Assembler, state: FloatState, saved: Label): void {
  asm.load(8, r1, r7, state.flags);
  asm.alu('rsh', r1, immediate(state.savedBit));
  asm.jumpIf('set', r1, immediate(1), saved);
}

/** Wakes this CPU's kicker, then comes by a place where the scheduler lets it run. r6: context, r7: the task; r8 = the CPU. */
function kick(asm: Assembler, noKicker: Label): void {
  asm.call('get_smp_processor_id');
  asm.mov(r8, r0);
  asm.store(4, fp, frame.scratch, r0);
  asm.loadMapFd(r1, mapNames.kicks);
  scratch(asm, r2);
  asm.call('map_lookup_elem');
  asm.jumpIf('eq', r0, immediate(0), noKicker);
  asm.mov(r1, r0);
  scratch(asm, r2);
  asm.mov(r3, immediate(0));
  asm.mov(r4, immediate(forceWakeup));
  asm.call('ringbuf_output');
  scratch(asm, r1);
  asm.mov(r2, immediate(8));
  asm.load(8, r3, r6, machine('amd64').stackPointer);
  asm.mov(r4, r7);
  asm.mov(r5, immediate(0));
  asm.call('copy_from_user_task');
}

function scratch(asm: Assembler, register: typeof r1 | typeof r2): void {
  asm.mov(register, fp);
  asm.alu('add', register, immediate(frame.scratch));
}

/** r8 = address of the saved XMM0; 0: all are zero. r7: the task. */
function findArea(asm: Assembler, state: FloatState, unreadable: Label): void {
  kernelWord(asm, r7, state.fpstate, unreadable);
  asm.load(8, r8, fp, frame.scratch);
  kernelWord(asm, r8, state.area + xstateBv, unreadable);
  asm.load(8, r1, fp, frame.scratch);
  asm.alu('add', r8, immediate(state.area + xmm0));
  const held = asm.newLabel();
  asm.jumpIf('set', r1, immediate(sseState), held);
  asm.mov(r8, immediate(0));
  asm.label(held);
}

function kernelWord(asm: Assembler, base: typeof r7 | typeof r8, offset: number, failed: Label): void {
  asm.mov(r3, base);
  asm.alu('add', r3, immediate(offset));
  scratch(asm, r1);
  asm.mov(r2, immediate(8));
  asm.call('probe_read_kernel');
  asm.jumpIf('ne', r0, immediate(0), failed);
}

/** Fills a slot, or the part of it at `at`, with the low `size` bytes of a float register, or marks it with the reason why there are none. Loses r0–r5. */
export function writeFloat(
  asm: Assembler,
  machine: Machine,
  slot: Slot,
  source: { readonly register: number; readonly size: number },
  at = slot.offset,
): void {
  const done = asm.newLabel();
  const fault = asm.newLabel();
  asm.load(8, r1, fp, frame.floatFault);
  asm.jumpIf('ne', r1, immediate(0), fault);
  asm.load(8, r3, fp, frame.floatArea);
  asm.jumpIf('eq', r3, immediate(0), done);
  asm.alu('add', r3, immediate(machine.floatRegister(source.register) * xmmBytes));
  asm.mov(r1, r7);
  asm.alu('add', r1, immediate(at));
  asm.mov(r2, immediate(source.size));
  asm.call('probe_read_kernel');
  asm.jumpIf('eq', r0, immediate(0), done);
  asm.mov(r1, immediate(floatStatus.notSaved));
  asm.label(fault);
  asm.store(1, r7, slot.status, r1);
  asm.alu('rsh', r1, immediate(8));
  asm.store(8, r7, slot.offset, r1);
  asm.label(done);
}

/** What a trial program writes its findings to: a map of u64 words, and which is which. */
export interface FloatTrialMap {
  readonly map: string;
  readonly hits: number;
  readonly flags: number;
  readonly ns: number;
  readonly registers: number;
  readonly count: number;
}

/** Like a tracepoint's program as far as floats are concerned, for finding out which bit says that they are saved. */
export function floatTrialProgram(place: Omit<FloatState, 'savedBit'>, trial: FloatTrialMap, ask: boolean): Program {
  const asm = new Assembler();
  const out = asm.newLabel();
  asm.mov(r6, r1);
  asm.call('ktime_get_ns');
  asm.mov(r9, r0);
  asm.call('get_current_task_btf');
  asm.mov(r7, r0);
  if (ask) kick(asm, out);
  asm.call('ktime_get_ns');
  asm.alu('sub', r0, r9);
  asm.loadMapValue(r1, trial.map, 8 * trial.ns);
  asm.store(8, r1, 0, r0);
  asm.load(8, r9, r7, place.flags);
  asm.loadMapValue(r1, trial.map, 8 * trial.flags);
  asm.store(8, r1, 0, r9);
  kernelWord(asm, r7, place.fpstate, out);
  asm.load(8, r8, fp, frame.scratch);
  for (let n = 0; n < trial.count; n++) {
    kernelWord(asm, r8, place.area + xmm0 + n * xmmBytes, out);
    asm.load(8, r2, fp, frame.scratch);
    asm.loadMapValue(r1, trial.map, 8 * (trial.registers + n));
    asm.store(8, r1, 0, r2);
  }
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, trial.map, 8 * trial.hits);
  asm.atomicAdd(r2, 0, r1);
  asm.label(out);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program(ask ? 'floats_asked' : 'floats_unasked');
}
