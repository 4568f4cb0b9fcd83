import { Assembler, fp, immediate, type Label, type Program, r0, r1, r6, r8, r9 } from '#asm';
import { BugError } from '#base';
import type { RuntimeOffsets } from '#gobin';
import { type EventKind, eventKinds, headerFlags, headerSize } from '#model';
import { type EventPlan, type KernelCondition, rootsOf, type SlotSource } from '../plan/index.ts';
import type { EmitFeatures, ProcessFilter, Site } from '../types.ts';
import { checkReservations, checkStack } from './check.ts';
import { requireCondition } from './compute.ts';
import { filterProcess } from './filter.ts';
import { saveFloats } from './floats.ts';
import { frame, mapNames } from './frame.ts';
import { acceptG, clearGoroutine, findGoroutine, readGoid } from './goroutine.ts';
import type { Machine } from './machine.ts';
import { controlOffset, floatNsOffset, unwindDropsOffset } from './maps.ts';
import { readWord } from './read.ts';
import { count, noteTime, reserve, submit, writeHeader, writeSite } from './record.ts';
import { writeSlot } from './slot.ts';
import { walk } from './walk.ts';
import { noteUnwanted, noteWanted, takeWanted } from './wanted.ts';

/** What all programs of one process's tracepoint are emitted with. */
export interface EmitContext {
  readonly machine: Machine;
  readonly runtime: RuntimeOffsets;
  readonly features: EmitFeatures;
  readonly filter: ProcessFilter;
  /** Index of the process in its tracepoint. */
  readonly target: number;
  /** How many probes the tracepoint has. */
  readonly probes: number;
  /** The table of types, where objects are walked over: byte offset of each type's header. */
  readonly entries?: readonly number[];
  /** There is a map of the types that interfaces may hold. */
  readonly dynamicTypes?: boolean;
  /** Addresses of the file plus this are the process's. */
  readonly bias?: number;
}

const noEvent: EventPlan = { layout: { size: headerSize, slots: [] }, sources: [] };

/** Sends a call's arguments. Only this program looks at the gate; it counts hits. `returns`: the probe has a return program too. */
export function entryProgram(
  context: EmitContext,
  probe: number,
  event: EventPlan,
  site: Site,
  options: { readonly returns: boolean } = { returns: false },
): Program {
  return build(`entry_${probe}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    asm.loadMapValue(r1, mapNames.control, 0);
    asm.load(8, r1, r1, 0);
    asm.jumpIf('eq', r1, immediate(0), out);
    count(asm, controlOffset(probe, 'hits'));
    if (event.condition !== undefined) decide(asm, context, probe, event.condition, options.returns, out);
    if (wantsFloats(event)) askForFloats(asm, context);
    findGoroutine(asm, context.machine, context.runtime, context.features);
    const full = asm.newLabel();
    reserve(asm, event.layout.size, full);
    writeEvent(asm, context, eventKinds.entry, probe, event);
    writeSite(asm, false);
    if (event.layout.walk) walk(asm, event.layout.walk, walkOptions(context));
    submit(asm, 'now');
    asm.jump(out);
    asm.label(full);
    count(asm, controlOffset(probe, 'entryDrops'));
  });
}

/**
 * Sends a call's results at a `ret`, or that the call is over at a tail jump. `hits`: the probe has no entry program to count them;
 * `wanted`: an entry program tells which calls are wanted.
 */
export function returnProgram(
  context: EmitContext,
  probe: number,
  kind: 'return' | 'tail',
  event: EventPlan,
  options: { readonly hits: boolean; readonly wanted?: boolean; readonly sites: number },
): Program {
  const sent = kind === 'return' ? event : noEvent;
  return build(`${kind}_${probe}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (!wantsFloats(sent)) noteTime(asm);
    if (options.wanted === true) {
      findGoroutine(asm, context.machine, context.runtime, context.features);
      takeWanted(asm, probe, out);
    }
    if (options.hits) count(asm, controlOffset(probe, 'hits'));
    if (sent.condition !== undefined) decide(asm, context, probe, sent.condition, false, out);
    if (wantsFloats(sent)) askForFloats(asm, context);
    findGoroutine(asm, context.machine, context.runtime, context.features);
    const full = asm.newLabel();
    reserve(asm, sent.layout.size, full);
    writeEvent(asm, context, eventKinds[kind], probe, sent);
    writeSite(asm, options.sites > 1 && context.features.attachCookie);
    if (sent.layout.walk) walk(asm, sent.layout.walk, walkOptions(context));
    submit(asm, 'noted');
    asm.jump(out);
    asm.label(full);
    count(asm, controlOffset(probe, 'returnDrops'));
  });
}

/** Goes on where the condition holds. `returns`: notes for the return program that the call is wanted, or that it is not. */
function decide(
  asm: Assembler,
  context: EmitContext,
  probe: number,
  condition: KernelCondition,
  returns: boolean,
  out: Label,
): void {
  const [no, undecided, yes] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  requireCondition(asm, context, condition, { no, undecided });
  if (returns) {
    findGoroutine(asm, context.machine, context.runtime, context.features);
    noteWanted(asm, probe);
  }
  asm.jump(yes);
  if (asm.isUsed(undecided)) {
    asm.label(undecided);
    count(asm, controlOffset(probe, 'undecided'));
    asm.jump(no);
  }
  if (asm.isUsed(no)) {
    asm.label(no);
    if (returns) {
      findGoroutine(asm, context.machine, context.runtime, context.features);
      noteUnwanted(asm, probe);
    }
    asm.jump(out);
  }
  asm.label(yes);
}

/** Whether a program that sends `event` has to be sleepable. */
export function wantsFloats(event: EventPlan): boolean {
  return event.sources.some((source) => rootsOf(source).some((root) => root.kind === 'float-register'));
}

/** Notes the time too, as it was before. */
function askForFloats(asm: Assembler, { features, probes }: EmitContext): void {
  if (features.floats === undefined) throw new BugError('float registers are wanted where they cannot be had');
  saveFloats(asm, features.floats, { map: mapNames.control, offset: floatNsOffset(probes) });
}

/** `runtime.Goexit` runs on the goroutine that ends. */
export function goexitProgram(context: EmitContext, site: Site): Program {
  return build('goexit', (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    noteTime(asm);
    findGoroutine(asm, context.machine, context.runtime, context.features);
    sendUnwind(asm, out, context, eventKinds.goexit);
  });
}

/**
 * `runtime.recovery(gp)` runs on g0: `gp`, the goroutine that goes on, is the first argument. It continues in the frame whose
 * stack pointer is `gp._panic.sp` (Go ≥ 1.22) or `gp.sigcode0` (older; runtime/panic.go): every call below that is gone.
 * Undefined when this binary's offsets are not known.
 */
export function recoveryProgram(context: EmitContext, site: Site): Program | undefined {
  const { gPanic, panicSp, gSigcode0 } = context.runtime;
  const byPanic = gPanic !== undefined && panicSp !== undefined;
  if (!byPanic && gSigcode0 === undefined) return undefined;
  return build('recovery', (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    noteTime(asm);
    clearGoroutine(asm);
    asm.load(8, r8, r6, context.machine.firstArgument);
    if (byPanic) {
      readWord(asm, r9, r8, gPanic, out);
      readWord(asm, r9, r9, panicSp, out);
    } else {
      readWord(asm, r9, r8, gSigcode0!, out);
    }
    acceptG(asm, out);
    if (!context.machine.callPushes) {
      // A direct callee of the frame that goes on is deeper than this, that frame itself is not.
      asm.load(8, r1, fp, frame.depth);
      asm.alu('sub', r1, immediate(8));
      asm.store(8, fp, frame.depth, r1);
    }
    asm.store(8, fp, frame.g, r8);
    asm.store(8, fp, frame.flags, immediate(headerFlags.g));
    const noGoid = asm.newLabel();
    readGoid(asm, context.runtime, noGoid);
    asm.label(noGoid);
    sendUnwind(asm, out, context, eventKinds.recovery);
  });
}

function sendUnwind(asm: Assembler, out: Label, context: EmitContext, kind: EventKind): void {
  const full = asm.newLabel();
  reserve(asm, headerSize, full);
  writeEvent(asm, context, kind, 0, noEvent);
  writeSite(asm, false);
  submit(asm, 'noted');
  asm.jump(out);
  asm.label(full);
  count(asm, unwindDropsOffset(context.probes));
}

function walkOptions({ dynamicTypes = false, features }: EmitContext) {
  return { dynamicTypes, mayGoto: features.mayGoto ?? false };
}

function writeEvent(asm: Assembler, context: EmitContext, kind: EventKind, probe: number, event: EventPlan): void {
  writeHeader(asm, { kind, probe, target: context.target, layout: event.layout });
  event.layout.slots.forEach((slot, index) => {
    writeSlot(asm, context, slot, event.sources[index] as SlotSource, context.entries ?? []);
  });
}

function testFlags(asm: Assembler, machine: Machine, test: NonNullable<Site['notTaken']>, out: Label): void {
  asm.load(8, r1, r6, machine.flags);
  if (test.flagsInverted !== undefined) asm.alu('xor', r1, immediate(test.flagsInverted));
  if (test.takenWhenAnySet) {
    asm.jumpIf('set', r1, immediate(test.flagsMask), out);
    return;
  }
  asm.alu('and', r1, immediate(test.flagsMask));
  asm.jumpIf('eq', r1, immediate(0), out);
}

/** A program with the context in r6, whose `out` label returns 0; its reservations and its stack are checked. */
function build(name: string, body: (asm: Assembler, out: Label) => void): Program {
  const asm = new Assembler();
  const out = asm.newLabel();
  asm.mov(r6, r1);
  body(asm, out);
  asm.label(out);
  asm.mov(r0, immediate(0));
  asm.exit();
  const program = asm.program(name);
  checkReservations(program);
  checkStack(program);
  return program;
}
