import type { Diagnostic } from '#base';
import { eventKinds } from '#model';
import type { CompilableBinary } from './binary.ts';
import {
  type EmitContext,
  entryProgram,
  type FrameBytes,
  type GroupSizes,
  goexitProgram,
  groupEntryProgram,
  groupReturnProgram,
  isTracked,
  type Keeping,
  type ProbeNumber,
  panicProgram,
  recoveryProgram,
  returnProgram,
  siteCookie,
  wantsFloats,
} from './emit/index.ts';
import type { EventPlan, GroupPlan, PlannedProbe, SelectionPlan } from './plan/index.ts';
import type { ResolvedProbe } from './resolve/index.ts';
import { chooseRuntimeSites, type FunctionCode, runtimeProbes, type SiteContext } from './sites/index.ts';
import type { ProbeSites, ProgramSites, Site } from './types.ts';

/** One function of a tracepoint, through all stages but the last. */
export interface Chosen {
  readonly resolved: ResolvedProbe;
  readonly plan: PlannedProbe;
  readonly sites: ProbeSites;
  /** It is one of several that a probe stands for: programs are shared where their events are made alike. */
  readonly many: boolean;
}

/** The sites of one role of one probe, and what its program sends there. */
interface Emission {
  readonly probe: number;
  readonly many: boolean;
  readonly event: EventPlan;
  readonly sites: readonly Site[];
  /** Of an inlined copy: between the stack pointer at the sites and the return address. */
  readonly frameBytes: number | undefined;
  /** Which calls it keeps. */
  readonly keeping: Keeping;
  /** What the program is made by, beside the event. */
  readonly like: string;
}

export function entryPrograms(context: EmitContext, chosen: readonly Chosen[]): ProgramSites[] {
  const emissions = chosen.flatMap(({ resolved, plan, sites, many }, probe): Emission[] => {
    const { entry } = sites;
    if (plan.entry === undefined || entry === undefined) return [];
    const frameBytes = resolved.copy?.frameBytes.entry;
    return [
      {
        probe,
        many: many && plan.dictionary === undefined,
        keeping: keeping(plan, chosen),
        event: plan.entry,
        sites: [entry],
        frameBytes,
        like: JSON.stringify([entry.notTaken, entry.grown]),
      },
    ];
  });
  return grouped(emissions).map(({ probe, group, event, sites, cookies, frameBytes, keeping }) => {
    const program = entryProgram(context, probe, event, sites[0]!, { group, ...inFrame(frameBytes) }, keeping);
    return { program, kind: eventKinds.entry, sites, ...cookies, ...sleepable(context, event) };
  });
}

/** Of probes whose calls are added up: all their programs, the entries last. Functions of a pattern that are added up alike share theirs. */
export function groupPrograms(context: EmitContext, chosen: readonly Chosen[], sizes: GroupSizes): ProgramSites[] {
  const programs = (role: 'return' | 'tail' | 'entry') => {
    const alike = new Map<string, Omit<Added, 'sites'> & { readonly site: Site; readonly probes: Added[] }>();
    chosen.forEach(({ resolved, plan: { group, selection }, sites, many }, probe) => {
      const own = role === 'entry' ? [sites.entry ?? []].flat() : sites.returns.filter((site) => site.role === role);
      if (group === undefined || own.length === 0) return;
      // An inlined copy has both sites, whatever is wanted.
      if (role === 'entry' ? group.atReturn && !group.both : !group.atReturn) return;
      const { layout: _, ...made } = group;
      const frameBytes = resolved.copy?.frameBytes[role === 'entry' ? 'entry' : 'end'];
      const { notTaken, grown } = role === 'entry' ? own[0]! : {};
      const key = many ? alikeKey([made, selection, notTaken, grown, frameBytes === undefined]) : `probe ${probe}`;
      const known = alike.get(key);
      const added = { probe, group, selection, frameBytes, sites: own };
      if (known) known.probes.push(added);
      else alike.set(key, { ...added, site: own[0]!, probes: [added] });
    });
    return [...alike.values()].map(({ group, selection, frameBytes, site, probes }, index): ProgramSites => {
      const one = chosen[probes[0]!.probe]!.many ? undefined : probes[0]!.probe;
      const probe: ProbeNumber = one ?? 'cookie';
      const options = {
        group: index,
        ...inFrame(one === undefined && frameBytes !== undefined ? 'cookie' : frameBytes),
      };
      const program =
        role === 'entry'
          ? groupEntryProgram(context, probe, group, sizes, site, selection, options)
          : groupReturnProgram(context, probe, role, group, sizes, selection, options);
      const sites = probes.flatMap((each) => each.sites);
      if (one !== undefined) return { program, kind: eventKinds[role], sites };
      return { program, kind: eventKinds[role], sites, cookies: probes.flatMap(cookiesOf) };
    });
  };
  return [...programs('return'), ...programs('tail'), ...programs('entry')];
}

interface Added {
  readonly probe: number;
  readonly group: GroupPlan;
  readonly selection: SelectionPlan | undefined;
  readonly frameBytes: number | undefined;
  readonly sites: readonly Site[];
}

/** Equal for what programs can be shared of. Constants of conditions may be large. */
function alikeKey(parts: readonly unknown[]): string {
  return JSON.stringify(parts, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}

const cookiesOf = ({ probe, sites, frameBytes }: Pick<Emission, 'probe' | 'sites' | 'frameBytes'>): number[] =>
  sites.map((_, site) => siteCookie(probe, site, frameBytes));

const inFrame = (frameBytes: FrameBytes | undefined) => (frameBytes === undefined ? {} : { frameBytes });

function keeping(plan: PlannedProbe, chosen: readonly Chosen[]): Keeping {
  const { selection, dictionary: test } = plan;
  const key = chosen.findIndex((each) => each.plan.dictionary?.known === test?.known);
  return {
    selection,
    tracked: isTracked(plan),
    quiet: plan.return !== undefined,
    ...(test === undefined ? {} : { dictionary: { test, key } }),
  };
}

export function exitPrograms(context: EmitContext, chosen: readonly Chosen[]): ProgramSites[] {
  return (['return', 'tail'] as const).flatMap((kind) => {
    const emissions = chosen.flatMap(({ resolved, plan, sites, many }, probe): Emission[] => {
      const own = sites.returns.filter((site) => site.role === kind);
      if (plan.return === undefined || own.length === 0) return [];
      const hits = plan.entry === undefined;
      const frameBytes = resolved.copy?.frameBytes.end;
      const shared = many && plan.dictionary === undefined;
      return [
        {
          probe,
          many: shared,
          event: plan.return,
          sites: own,
          frameBytes,
          keeping: keeping(plan, chosen),
          like: `${hits}`,
        },
      ];
    });
    return grouped(emissions).map(({ probe, group, event, sites, cookies, like, frameBytes, keeping }) => {
      const options = { hits: like === 'true', sites: sites.length, group, ...inFrame(frameBytes) };
      const program = returnProgram(context, probe, kind, event, options, keeping);
      return {
        program,
        kind: eventKinds[kind],
        sites,
        ...cookies,
        ...(kind === 'return' ? sleepable(context, event) : {}),
      };
    });
  });
}

/**
 * One program per emission of its own; one for all of those of patterns whose events are made alike, which tells them apart by the cookie: by probe, site and,
 * of inlined copies, how much of a frame lies above them.
 */
function grouped(emissions: readonly Emission[]): {
  readonly probe: ProbeNumber;
  readonly group: number;
  readonly event: EventPlan;
  readonly sites: readonly Site[];
  readonly cookies: Pick<ProgramSites, 'cookies'>;
  readonly like: string;
  readonly frameBytes: FrameBytes | undefined;
  readonly keeping: Keeping;
}[] {
  const groups = new Map<string, Emission[]>();
  for (const emission of emissions) {
    const key = emission.many
      ? alikeKey([emission.like, emission.frameBytes === undefined, emission.keeping, emission.event])
      : `probe ${emission.probe}`;
    const group = groups.get(key);
    if (group) group.push(emission);
    else groups.set(key, [emission]);
  }
  return [...groups.values()].map((emissions, group) => {
    const { many, probe, event, like, frameBytes, keeping } = emissions[0]!;
    const sites = emissions.flatMap((each) => each.sites);
    if (!many) return { probe, group, event, sites, cookies: {}, like, frameBytes, keeping };
    const shared = { like, keeping, frameBytes: frameBytes === undefined ? undefined : ('cookie' as const) };
    return { probe: 'cookie', group, event, sites, cookies: { cookies: emissions.flatMap(cookiesOf) }, ...shared };
  });
}

/** The rare probes that tell why a call never returned: only where calls are matched at all. `panic`: the event that tells what was panicked with, if that is wanted. */
export function unwindPrograms(
  context: EmitContext,
  planned: readonly PlannedProbe[],
  binary: CompilableBinary,
  sites: SiteContext,
  panic: EventPlan | undefined,
): { readonly programs: readonly ProgramSites[]; readonly warnings: readonly string[] } {
  const programs: ProgramSites[] = [];
  const warnings: string[] = [];
  if (!planned.some((plan) => plan.entry !== undefined && plan.return !== undefined)) return { programs, warnings };
  const find = (name: string): FunctionCode | undefined => {
    const found = binary.functionNamed(name);
    return found && { function: found, code: binary.code(found) };
  };
  const recoveryCode = find(runtimeProbes.recovery);
  const goexitCode = find(runtimeProbes.goexit);
  const panicCode = panic && find(runtimeProbes.panic);
  const found = chooseRuntimeSites({ recovery: recoveryCode, goexit: goexitCode, panic: panicCode }, sites);
  const add = (program: ProgramSites['program'], kind: ProgramSites['kind'], site: Site) =>
    programs.push({ program, kind, sites: [site] });
  // A function that the linker left out is never called: nothing is missed then.
  const recovery = found.recovery && recoveryProgram(context, found.recovery);
  if (found.recovery && recovery) add(recovery, eventKinds.recovery, found.recovery);
  else if (recoveryCode) {
    const why = reason(found.diagnostics, runtimeProbes.recovery) ?? "the layout of the runtime's g is not known";
    warnings.push(`calls that panic show as lost: ${why}`);
  }
  if (found.goexit) add(goexitProgram(context, found.goexit), eventKinds.goexit, found.goexit);
  else if (goexitCode) {
    const why = reason(found.diagnostics, runtimeProbes.goexit) ?? `no site in ${runtimeProbes.goexit}`;
    warnings.push(`calls that end by runtime.Goexit show as lost: ${why}`);
  }
  if (panic && found.panic) add(panicProgram(context, panic, found.panic), eventKinds.panic, found.panic);
  else if (panic) {
    const why = reason(found.diagnostics, runtimeProbes.panic) ?? `no site in ${runtimeProbes.panic}`;
    warnings.push(`what calls panic with is not known: ${why}`);
  }
  return { programs, warnings };
}

function reason(diagnostics: readonly Diagnostic[], name: string): string | undefined {
  return diagnostics.find((diagnostic) => diagnostic.message.includes(name))?.message;
}

function sleepable({ waits }: EmitContext, event: EventPlan): Pick<ProgramSites, 'sleepable'> {
  if (waits === true) return { sleepable: 'pages' };
  return wantsFloats(event) ? { sleepable: 'floats' } : {};
}
