import { Assembler, fp, immediate, type Label, type Program, r0, r1, r2, r6, r8, r9 } from '#asm';
import { BugError } from '#base';
import type { CgoCallback, RuntimeOffsets } from '#gobin';
import { type EventKind, eventKinds, headerFlags, headerSize } from '#model';
import { leavesOf } from '../computation/index.ts';
import {
  type EventPlan,
  type KernelCondition,
  readGoroutine,
  rootsOf,
  type SelectionPlan,
  type SlotSource,
} from '../plan/index.ts';
import type { DictionaryTest } from '../resolve/index.ts';
import { type EmitFeatures, gates, type ProcessFilter, type Site } from '../types.ts';
import { checkReservations, checkStack } from './check.ts';
import { type Reading, requireCondition } from './compute.ts';
import { allDropsOffset, estimateOffset, unwindDropsOffset, waitedNsOffset } from './control.ts';
import { loadDictionary, requireDictionary } from './dictionary.ts';
import { filterProcess } from './filter.ts';
import { saveFloats } from './floats.ts';
import { frame, mapNames } from './frame.ts';
import { acceptG, clearGoroutine, findGoroutine, readGoid } from './goroutine.ts';
import { leaveOutGrown } from './grown.ts';
import type { Machine } from './machine.ts';
import { closeCall, findOpenCall, openCall, openKey } from './open.ts';
import { beginWaiting, NotingAssembler, waitOrGoOn } from './pages.ts';
import { readWord } from './read.ts';
import {
  count,
  countProbe,
  type FrameBytes,
  noteProbe,
  noteTime,
  type ProbeNumber,
  reserve,
  submit,
  writeHeader,
  writeSite,
} from './record.ts';
import { select } from './select.ts';
import { writeSlot } from './slot.ts';
import { walk } from './walk.ts';

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
  /** While the gate is at `gates.counting`, entries are counted beside the probes' own words and nothing else happens. */
  readonly estimate?: boolean;
  /** The table of types, where objects are walked over: byte offset of each type's header. */
  readonly entries?: readonly number[];
  /** Its calls have a place in a tree: drops of all kinds are counted together, too. */
  readonly tree?: boolean;
  /** There is a map of the types that interfaces may hold. */
  readonly dynamicTypes?: boolean;
  /** Addresses of the file plus this are the process's. */
  readonly bias?: number;
  readonly cgoCallback?: CgoCallback | undefined;
  /** Programs are sleepable, and wait for pages that are not resident. */
  readonly waits?: boolean;
  /** Default: those of `smallestRing`. */
  readonly ringBytes?: number;
}

const noEvent: EventPlan = { layout: { size: headerSize, slots: [] }, sources: [] };

/** Which calls of a probe its programs keep, and how. `tracked`: returns are sent of those calls only whose entries were. */
export interface Keeping {
  readonly selection?: SelectionPlan | undefined;
  readonly tracked: boolean;
  /** Nobody has to look at an entry before its return is there. */
  readonly quiet?: boolean;
  /** Of a shape function's calls those with certain dictionaries; `key`: the number that these calls have in the map of open calls, one for all probes of the function. */
  readonly dictionary?: { readonly test: DictionaryTest; readonly key: number } | undefined;
}

/** Further of what a program is made for. */
export interface ProgramOptions {
  /** Of a program for many probes: ends its name. */
  readonly group?: number;
  /** Of inlined copies and lines: bytes between the stack pointer at their sites and the return address. */
  readonly frameBytes?: FrameBytes;
}

/** Sends a call's arguments. Only this program looks at the gate; it counts hits. */
export function entryProgram(
  context: EmitContext,
  probe: ProbeNumber,
  event: EventPlan,
  site: Pick<Site, 'notTaken' | 'grown'>,
  options: ProgramOptions = {},
  { selection, tracked, dictionary, quiet = false }: Keeping = { tracked: false },
): Program {
  const key = dictionary?.key ?? probe;
  const make = context.waits === true ? buildWaiting : build;
  return make(`entry_${programSuffix(probe, options)}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    if (dictionary !== undefined) {
      loadDictionary(asm, context.machine, dictionary.test, out);
      requireDictionary(asm, dictionary.test, context.bias ?? 0, out);
    }
    asm.loadMapValue(r1, mapNames.control, 0);
    asm.load(8, r1, r1, 0);
    asm.jumpIf('eq', r1, immediate(gates.shut), out);
    if (context.estimate === true) countEstimate(asm, context, probe, out);
    noteProbe(asm, probe, context.probes, out);
    countProbe(asm, probe, 'hits');
    const full = asm.newLabel();
    if (site.grown !== undefined) leaveOutGrown(asm, context.machine, site.grown, context.bias ?? 0, full);
    const unwanted = tracked ? asm.newLabel() : out;
    const goroutine = () => findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    const early = asksGoroutine(event.condition, selection);
    if (early) goroutine();
    if (event.condition !== undefined) decide(asm, context, probe, event.condition, unwanted);
    const skipped = asm.newLabel();
    if (selection !== undefined) select(asm, { ...context, ...options }, probe, selection, skipped);
    if (wantsFloats(event)) {
      askForFloats(asm, context);
      noteProbe(asm, probe, context.probes, out);
    }
    const waiting = context.waits === true ? beginWaiting(asm, false) : undefined;
    if (waiting !== undefined) noteProbe(asm, probe, context.probes, out);
    // What sleeps keeps nothing on the stack.
    if (!early || wantsFloats(event) || waiting !== undefined) goroutine();
    if (dictionary !== undefined) {
      loadDictionary(asm, context.machine, dictionary.test, out);
      asm.store(8, fp, frame.dictionary, r1);
    }
    reserve(asm, event.layout.size, full);
    writeEvent(asm, { ...context, ...options }, eventKinds.entry, probe, event);
    writeSite(asm, probe, false);
    if (event.layout.walk) walk(asm, event.layout.walk, walkOptions(context));
    if (waiting !== undefined) waitOrGoOn(asm, waiting, waitedNsOffset(context.probes));
    submit(asm, context, { time: 'now', quiet });
    if (tracked) {
      openKey(asm, key, out);
      if (dictionary === undefined) asm.store(8, fp, frame.scratch, immediate(0));
      openCall(asm, dictionary === undefined ? frame.scratch : frame.dictionary);
    }
    asm.jump(out);
    if (asm.isUsed(skipped)) {
      asm.label(skipped);
      countProbe(asm, probe, 'skipped');
      asm.jump(unwanted);
    }
    asm.label(full);
    countProbe(asm, probe, 'entryDrops');
    countAllDrops(asm, context);
    if (!tracked) return;
    // The call at this place is none that was kept, whatever the last one was.
    asm.label(unwanted);
    goroutine();
    openKey(asm, key, out);
    closeCall(asm);
  });
}

export function programSuffix(probe: ProbeNumber, { group = 0 }: ProgramOptions): string {
  return probe === 'cookie' ? `g${group}` : `${probe}`;
}

/** While calls are only counted (r1 is the gate): counts and leaves. */
export function countEstimate(asm: Assembler, context: EmitContext, probe: ProbeNumber, out: Label): void {
  const open = asm.newLabel();
  asm.jumpIf('ne', r1, immediate(gates.counting), open);
  noteProbe(asm, probe, context.probes, out);
  asm.loadMapValue(r1, mapNames.control, estimateOffset(context.probes, probe === 'cookie' ? 0 : probe));
  if (probe === 'cookie') {
    asm.load(8, r2, fp, frame.probe);
    asm.alu('lsh', r2, immediate(3));
    asm.alu('add', r1, r2);
  }
  asm.mov(r2, immediate(1));
  asm.atomicAdd(r1, 0, r2);
  asm.jump(out);
  asm.label(open);
}

/** Sends a call's results at a `ret`, or that the call is over at a tail jump. `hits`: the probe has no entry program to count them. */
export function returnProgram(
  context: EmitContext,
  probe: ProbeNumber,
  kind: 'return' | 'tail',
  event: EventPlan,
  options: ProgramOptions & { readonly hits: boolean; readonly sites: number },
  { selection, tracked, dictionary }: Keeping = { tracked: false },
): Program {
  const key = dictionary?.key ?? probe;
  const sent = kind === 'return' ? event : noEvent;
  const waits = context.waits === true && kind === 'return';
  const make = waits ? buildWaiting : build;
  return make(`${kind}_${programSuffix(probe, options)}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    const skipped = asm.newLabel();
    if (!wantsFloats(sent)) noteTime(asm);
    noteProbe(asm, probe, context.probes, out);
    if (tracked && (wantsFloats(sent) || dictionary !== undefined)) {
      // Only a return that is sent is worth the wait.
      findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
      openKey(asm, key, out);
      findOpenCall(asm);
      asm.jumpIf('eq', r0, immediate(0), out);
      if (dictionary !== undefined) {
        asm.load(8, r1, r0, 0);
        requireDictionary(asm, dictionary.test, context.bias ?? 0, out);
      }
    }
    if (options.hits) countProbe(asm, probe, 'hits');
    if (sent.condition !== undefined) decide(asm, context, probe, sent.condition, out);
    if (options.hits && selection !== undefined) select(asm, { ...context, ...options }, probe, selection, skipped);
    if (wantsFloats(sent)) {
      askForFloats(asm, context);
      noteProbe(asm, probe, context.probes, out);
    }
    findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    if (tracked) {
      openKey(asm, key, out);
      closeCall(asm);
      asm.jumpIf('ne', r0, immediate(0), out);
    }
    const waiting = waits ? beginWaiting(asm, true) : undefined;
    if (waiting !== undefined) {
      noteProbe(asm, probe, context.probes, out);
      findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    }
    const full = asm.newLabel();
    reserve(asm, sent.layout.size, full);
    writeEvent(asm, { ...context, ...options }, eventKinds[kind], probe, sent);
    writeSite(asm, probe, options.sites > 1 && context.features.attachCookie);
    if (sent.layout.walk) walk(asm, sent.layout.walk, walkOptions(context));
    if (waiting !== undefined) waitOrGoOn(asm, waiting, waitedNsOffset(context.probes));
    submit(asm, context, { time: 'noted' });
    asm.jump(out);
    if (asm.isUsed(skipped)) {
      asm.label(skipped);
      countProbe(asm, probe, 'skipped');
      asm.jump(out);
    }
    asm.label(full);
    countProbe(asm, probe, 'returnDrops');
    countAllDrops(asm, context);
  });
}

/** Has the goroutine to be known before it is decided whether the call is kept? */
export function asksGoroutine(condition: KernelCondition | undefined, selection: SelectionPlan | undefined): boolean {
  return readGoroutine([...(condition === undefined ? [] : leavesOf(condition)), ...(selection?.per?.sources ?? [])]);
}

/** Goes on where the condition holds, else to `no`. */
export function decide(
  asm: Assembler,
  context: EmitContext,
  probe: ProbeNumber,
  condition: KernelCondition,
  no: Label,
): void {
  const [undecided, yes] = [asm.newLabel(), asm.newLabel()];
  requireCondition(asm, context, condition, { no, undecided });
  if (asm.isUsed(undecided)) {
    asm.jump(yes);
    asm.label(undecided);
    countProbe(asm, probe, 'undecided');
    asm.jump(no);
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
  saveFloats(asm, features.floats, { map: mapNames.control, offset: waitedNsOffset(probes) });
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

/** `runtime.gopanic` begins, on the goroutine that panics: sends what it is called with. */
export function panicProgram(context: EmitContext, event: EventPlan, site: Site): Program {
  return build('panic', (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    noteTime(asm);
    findGoroutine(asm, context.machine, context.runtime, context.features);
    sendUnwind(asm, out, context, eventKinds.panic, event);
  });
}

function sendUnwind(asm: Assembler, out: Label, context: EmitContext, kind: EventKind, event = noEvent): void {
  const full = asm.newLabel();
  reserve(asm, event.layout.size, full);
  writeEvent(asm, context, kind, 0, event);
  writeSite(asm, 0, false);
  if (event.layout.walk) walk(asm, event.layout.walk, walkOptions(context));
  submit(asm, context, { time: 'noted' });
  asm.jump(out);
  asm.label(full);
  count(asm, unwindDropsOffset(context.probes));
  countAllDrops(asm, context);
}

function countAllDrops(asm: Assembler, { probes, tree = false }: EmitContext): void {
  if (tree) count(asm, allDropsOffset(probes));
}

function walkOptions({ dynamicTypes = false, features }: EmitContext) {
  const { mayGoto = false, checkedSteps = 256 } = features;
  return { dynamicTypes, mayGoto, checkedSteps };
}

function writeEvent(
  asm: Assembler,
  context: EmitContext & Pick<Reading, 'frameBytes'>,
  kind: EventKind,
  probe: ProbeNumber,
  event: EventPlan,
): void {
  writeHeader(asm, { kind, probe, target: context.target, layout: event.layout });
  event.layout.slots.forEach((slot, index) => {
    writeSlot(asm, context, slot, event.sources[index] as SlotSource, context.entries ?? []);
  });
}

export function testFlags(asm: Assembler, machine: Machine, test: NonNullable<Site['notTaken']>, out: Label): void {
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
export function build(name: string, body: (asm: Assembler, out: Label) => void): Program {
  return built(new Assembler(), name, body);
}

/** The same of a program that waits for pages. */
function buildWaiting(name: string, body: (asm: Assembler, out: Label) => void): Program {
  return built(new NotingAssembler(), name, body);
}

function built(asm: Assembler, name: string, body: (asm: Assembler, out: Label) => void): Program {
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
