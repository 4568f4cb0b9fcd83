import { type Diagnostic, placed } from '#base';
import type { GoFunction, Place } from '#gobin';
import type { LogicalProbe, LogicalTracepoint } from '#model';
import type { Architecture, CompilableBinary } from './binary.ts';
import { leavesOf } from './computation/index.ts';
import {
  type FloatRoot,
  followsPointers,
  groupRefusal,
  type PlanContext,
  type PlannedProbe,
  planProbe,
  type Root,
  rootsOf,
  type SlotSource,
} from './plan/index.ts';
import type { Chosen } from './programs.ts';
import { isRest, notInKernel, type ResolvedProbe, type ResolvedSet, type Skipped } from './resolve/index.ts';
import { type CopyPlace, chooseSites, type Intact, intactFor, type SiteContext, withCallers } from './sites/index.ts';
import type { ProbeSites, Resolution } from './types.ts';

/** What probes become. */
export interface Choice {
  readonly chosen: readonly Chosen[];
  /** Functions and inlined copies that are left out, where something of their probe is not. */
  readonly skipped: readonly Skipped[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface ChoiceInput {
  readonly binary: CompilableBinary;
  readonly sites: SiteContext;
  readonly plan: Omit<PlanContext, 'counter'>;
}

/** Plans every probe of a tracepoint, each as it was resolved, and chooses its sites. */
export function chooseProbes(
  logical: LogicalTracepoint,
  resolved: readonly Resolution<ResolvedSet>[],
  input: ChoiceInput,
): Choice {
  const choices = logical.probes.map((probe, index): Choice => {
    const set = resolved[index]!;
    return set.ok
      ? chooseProbe(probe, index, set.value, input)
      : { chosen: [], skipped: [], diagnostics: set.diagnostics };
  });
  return {
    chosen: choices.flatMap(({ chosen }) => chosen),
    skipped: choices.flatMap(({ skipped }) => skipped),
    diagnostics: choices.flatMap(({ diagnostics }) => diagnostics),
  };
}

function chooseProbe(probe: LogicalProbe, counter: number, set: ResolvedSet, input: ChoiceInput): Choice {
  // A probe of no known dictionary is of no function more.
  const many = set.many || set.probes.filter((each) => !isRest(each)).length > 1;
  const chosen: Chosen[] = [];
  const skipped = [...set.skipped];
  const refusals: Diagnostic[] = [];
  const copyRefusals: Diagnostic[] = [];
  for (const resolved of set.probes) {
    const refusal = groupRefusal(resolved);
    if (refusal !== undefined) {
      const message = `beside aggregates a condition is decided in the kernel, and this one is not: ${refusal}`;
      return { chosen, skipped, diagnostics: [placed({ id: notInKernel, message }, probe.when?.span)] };
    }
    const plan = planProbe(resolved, { ...input.plan, counter });
    if (resolved.copy !== undefined) {
      const reason = noCopy(plan, resolved.copy);
      if (reason === undefined) {
        chosen.push({ resolved, plan, sites: copySites(resolved.function, resolved.copy, plan), many });
        continue;
      }
      skipped.push({ function: `copies of ${resolved.function.name}`, reason });
      copyRefusals.push(everyCopy(probe, reason));
      continue;
    }
    const sites = functionSites(resolved, plan, input);
    if (sites.ok) {
      chosen.push({ resolved, plan, sites: sites.value, many });
      continue;
    }
    refusals.push(...sites.diagnostics);
    skipped.push({ function: resolved.function.name, reason: sites.diagnostics[0]!.message });
  }
  const refused = chosen.length > 0 ? [] : uniqueMessages(refusals.length > 0 ? refusals : copyRefusals);
  return { chosen, skipped, diagnostics: refused.map((each) => placed(each, probe.span)) };
}

function functionSites(
  resolved: ResolvedProbe,
  plan: PlannedProbe,
  { binary, sites }: ChoiceInput,
): Resolution<ProbeSites> {
  const { entry, group } = plan;
  return chooseSites(resolved.function, binary.code(resolved.function), sites, {
    entry: entry !== undefined || (group !== undefined && (group.both || !group.atReturn)),
    returns: wantsReturns(plan),
    intact: entryIntact(plan, binary.architecture),
  });
}

/** Why a probe takes no such inlined copy. */
function noCopy({ group, entry, return: exit }: PlannedProbe, copy: CopyPlace): string | undefined {
  if (group?.atReturn === true && copy.end === undefined)
    return 'no instruction tells where a call of it ends, so there is no latency to be added up';
  const stacks = [entry, exit, group?.key].some((event) => event?.sources.some(({ kind }) => kind === 'stack'));
  return stacks && copy.stackStart === undefined
    ? 'where it was called from is not known there, so it has no stack'
    : undefined;
}

/** A function that has no code of its own, of whose copies none can be probed so. */
function everyCopy({ function: name }: LogicalProbe, reason: string): Diagnostic {
  return {
    id: 'probe.inlined-everywhere',
    message: `'${name}' has no code of its own: the compiler inlined it everywhere, and ${reason}`,
  };
}

/** The sites of an inlined copy are chosen with its parameters' places. */
function copySites(fn: GoFunction, { entry, end }: CopyPlace, plan: PlannedProbe): ProbeSites {
  return { function: fn, entry, returns: end === undefined || !wantsReturns(plan) ? [] : [end], warnings: [] };
}

function wantsReturns(plan: PlannedProbe): boolean {
  return plan.return !== undefined || plan.group?.atReturn === true;
}

/** What must still be in place at the entry site: the registers and stack words that the record is filled from. */
function entryIntact(plan: PlannedProbe, architecture: Architecture): Intact {
  const { within, per } = plan.selection ?? {};
  const { group } = plan;
  const condition = plan.entry?.condition ?? group?.conditions.entry;
  const sources = [
    ...(plan.entry?.sources ?? []),
    ...(condition === undefined ? [] : leavesOf(condition)),
    ...(per?.sources ?? []),
    ...(group?.key.sources.filter((_, slot) => group.keyWhen[slot] === 'entry') ?? []),
    ...(group?.values.sources.filter((_, slot) => group.valuesWhen[slot] === 'entry') ?? []),
  ];
  const places = sources.map((source) => rootsOf(source).flatMap(rootPlaces));
  const dictionary = plan.dictionary?.place;
  if (dictionary !== undefined) places.push([{ kind: 'register', register: dictionary.register, offset: 0, size: 8 }]);
  // What lies in memory, the function may have changed before a later instruction.
  const isStatic = (source: SlotSource) => rootsOf(source).some(({ kind }) => kind === 'static');
  const followed = sources.some((each) => followsPointers(each) || isStatic(each)) || dictionary?.offset !== undefined;
  const intact = intactFor(architecture, places, followed);
  const callers = within !== undefined || sources.some(({ kind }) => kind === 'stack');
  return callers ? withCallers(architecture, intact) : intact;
}

function rootPlaces(root: Root | FloatRoot): Place[] {
  if (root.kind === 'static' || root.kind === 'latency' || root.kind === 'goroutine') return [];
  return [rootPlace(root)];
}

function rootPlace(root: Exclude<Root, { kind: 'static' | 'latency' | 'goroutine' }> | FloatRoot): Place {
  return root.kind === 'stack'
    ? { kind: 'stack', frameOffset: root.frameOffset, offset: 0, size: 8 }
    : { kind: root.kind, register: root.register, offset: 0, size: 8 };
}

function uniqueMessages(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(diagnostics.map((each) => [each.message, each])).values()];
}
