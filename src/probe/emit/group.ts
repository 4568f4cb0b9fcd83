import { fp, immediate, type Program, r0, r1, r2, r7 } from '#asm';
import { leavesOf } from '../computation/index.ts';
import type { GroupPlan, KernelCondition, SelectionPlan, SlotSource } from '../plan/index.ts';
import type { Site } from '../types.ts';
import { filterProcess } from './filter.ts';
import { frame, mapNames } from './frame.ts';
import { findGoroutine } from './goroutine.ts';
import { GroupEmitter } from './group-emitter.ts';
import type { GroupSizes } from './group-sizes.ts';
import { leaveOutGrown } from './grown.ts';
import { closeCall, findOpenCall, openCall, openKey } from './open.ts';
import {
  asksGoroutine,
  build,
  countEstimate,
  decide,
  type EmitContext,
  type ProgramOptions,
  programSuffix,
  testFlags,
} from './program.ts';
import { countProbe, noteProbe, noteTime, type ProbeNumber } from './record.ts';
import { select } from './select.ts';

/** Adds a call up at its entry, or keeps what is known of it then for its return. */
export function groupEntryProgram(
  context: EmitContext,
  probe: ProbeNumber,
  group: GroupPlan,
  sizes: GroupSizes,
  site: Site,
  selection: SelectionPlan | undefined,
  options: ProgramOptions = {},
): Program {
  return build(`entry_${programSuffix(probe, options)}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    if (site.notTaken !== undefined) testFlags(asm, context.machine, site.notTaken, out);
    asm.loadMapValue(r1, mapNames.control, 0);
    asm.load(8, r1, r1, 0);
    asm.jumpIf('eq', r1, immediate(0), out);
    if (context.estimate === true) countEstimate(asm, context, probe, out);
    noteProbe(asm, probe, context.probes, out);
    countProbe(asm, probe, 'hits');
    if (group.layout.bare) return;
    const [skipped, unwanted] = [asm.newLabel(), group.both ? asm.newLabel() : out];
    const lost = asm.newLabel();
    if (site.grown !== undefined) leaveOutGrown(asm, context.machine, site.grown, context.bias ?? 0, lost);
    const condition = group.conditions.entry;
    const early = asksGoroutine(condition, selection);
    if (early) findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    if (condition !== undefined) decide(asm, context, probe, condition, unwanted);
    if (selection !== undefined) select(asm, { ...context, ...options }, probe, selection, skipped);
    const emitter = new GroupEmitter(asm, { ...context, ...options }, probe, group, sizes);
    if (!early && (group.both || emitter.wantsGoroutine)) {
      findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    }
    emitter.clear();
    emitter.fill('entry');
    if (group.both) {
      openKey(asm, probe, out);
      asm.call('ktime_get_ns');
      asm.store(8, fp, emitter.time, r0);
      openCall(asm, emitter.time);
    } else emitter.add(out);
    asm.jump(out);
    if (asm.isUsed(skipped)) {
      asm.label(skipped);
      countProbe(asm, probe, 'skipped');
      if (asm.isUsed(lost)) asm.jump(unwanted);
    }
    if (asm.isUsed(lost)) {
      asm.label(lost);
      countProbe(asm, probe, 'entryDrops');
    }
    if (!group.both || !(asm.isUsed(skipped) || asm.isUsed(lost) || asm.isUsed(unwanted))) return;
    asm.label(unwanted);
    findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
    openKey(asm, probe, out);
    closeCall(asm);
  });
}

/** Adds a call up at its return; at a tail jump there are no results. */
export function groupReturnProgram(
  context: EmitContext,
  probe: ProbeNumber,
  kind: 'return' | 'tail',
  group: GroupPlan,
  sizes: GroupSizes,
  selection: SelectionPlan | undefined,
  options: ProgramOptions = {},
): Program {
  return build(`${kind}_${programSuffix(probe, options)}`, (asm, out) => {
    filterProcess(asm, context.filter, out);
    noteTime(asm);
    noteProbe(asm, probe, context.probes, out);
    const [skipped, unwanted] = [asm.newLabel(), group.both ? asm.newLabel() : out];
    // A tail jump has no results: a condition on them is not decided there.
    const condition = group.conditions.return;
    if (!group.both) {
      countProbe(asm, probe, 'hits');
      if (condition !== undefined) decideAt(kind, condition);
      if (selection !== undefined) select(asm, { ...context, ...options }, probe, selection, skipped);
    }
    const emitter = new GroupEmitter(asm, { ...context, ...options }, probe, group, sizes);
    if (group.both) {
      findGoroutine(asm, context.machine, context.runtime, context.features, options.frameBytes);
      openKey(asm, probe, out);
      findOpenCall(asm);
      asm.jumpIf('eq', r0, immediate(0), out);
      asm.mov(r7, r0);
      if (condition !== undefined) {
        asm.load(8, r1, fp, frame.ktime);
        asm.load(8, r2, r7, 0);
        asm.alu('sub', r1, r2);
        asm.store(8, fp, frame.latency, r1);
        decideAt(kind, condition);
        // A text that was compared lies where the key was.
        openKey(asm, probe, out);
      }
      emitter.recall();
      closeCall(asm);
    } else emitter.clear();
    emitter.fill('return', kind === 'tail');
    emitter.add(out);
    if (asm.isUsed(skipped)) {
      asm.jump(out);
      asm.label(skipped);
      countProbe(asm, probe, 'skipped');
    }
    if (!asm.isUsed(unwanted) || !group.both) return;
    asm.jump(out);
    asm.label(unwanted);
    openKey(asm, probe, out);
    closeCall(asm);

    function decideAt(place: typeof kind, wanted: KernelCondition): void {
      if (place === 'return' || leavesOf(wanted).every(isLatency)) decide(asm, context, probe, wanted, unwanted);
      else {
        countProbe(asm, probe, 'undecided');
        asm.jump(unwanted);
      }
    }
  });
}

function isLatency(source: SlotSource): boolean {
  return 'root' in source && source.root.kind === 'latency';
}
