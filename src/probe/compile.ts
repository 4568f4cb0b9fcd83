import type { Address, Diagnostic, Span } from '#base';
import type { Place } from '#gobin';
import { eventKinds, headerSize, implicitColumns, type LogicalTracepoint, type Relation, sameRelation } from '#model';
import type { Architecture, CompilableBinary } from './binary.ts';
import { leavesOf } from './computation/index.ts';
import {
  type EmitContext,
  entryProgram,
  goexitProgram,
  machine,
  recoveryProgram,
  returnProgram,
  tracepointMaps,
  wantsFloats,
} from './emit/index.ts';
import { type CaptureLimits, type Redaction, TypeGraphBuilder, type TypeTable } from './graph/index.ts';
import {
  type EventPlan,
  type FloatRoot,
  followsPointers,
  type PlannedProbe,
  planProbe,
  type Root,
  rootsOf,
} from './plan/index.ts';
import { type ResolvedProbe, type ResolvedValue, resolveProbe } from './resolve/index.ts';
import {
  chooseRuntimeSites,
  chooseSites,
  type FunctionCode,
  type Intact,
  intactFor,
  runtimeProbes,
  type SiteContext,
} from './sites/index.ts';
import type {
  CompiledTarget,
  EmitFeatures,
  FloatState,
  ProbeSites,
  ProcessFilter,
  ProgramSites,
  Resolution,
  Site,
  TracepointMaps,
} from './types.ts';

/** What the machine and the process bring to a compilation. */
export interface CompileOptions {
  readonly filter: ProcessFilter;
  readonly features: EmitFeatures;
  /** How float registers are read here, or why they cannot be; asked only where a value is in one. */
  readonly floats?: () => FloatState | string;
  /** Index of the process in its tracepoint: records carry it, the decoder's targets are listed by it. */
  readonly targetIndex: number;
  /** Addresses of the file plus this are the process's. Default 0: the file is not position-independent. */
  readonly bias?: number;
  /** Text of the one instruction that the bytes are (`createX86Formatter(iced)`). */
  readonly instructionText: (bytes: Uint8Array, at: Address) => string;
  /** What is never captured. Default: nothing is hidden. */
  readonly redaction?: Redaction;
  /** Default: `defaultLimits`. */
  readonly limits?: CaptureLimits;
}

/** A tracepoint compiled for one process, with every stage's result kept for `px debug compile`. */
export interface Compilation {
  /** Plans for the decoder; programs in the order in which they are to be attached (entries last). */
  readonly compiled: CompiledTarget;
  readonly relation: Relation;
  readonly maps: TracepointMaps;
  /** One a probe, in the tracepoint's order. */
  readonly sites: readonly ProbeSites[];
  readonly resolved: readonly ResolvedProbe[];
  readonly planned: readonly PlannedProbe[];
  /** What people should know: stepped entries, inlined copies that are not seen, outcomes that cannot be told. */
  readonly warnings: readonly string[];
  /** Types of the values that are walked over; undefined: there are none. */
  readonly types?: TypeTable;
}

/** All stages for one process: names and types, layouts, sites, programs. Every mistake of every probe is reported together. */
export function compileTarget(
  logical: LogicalTracepoint,
  binary: CompilableBinary,
  options: CompileOptions,
): Resolution<Compilation> {
  const diagnostics: Diagnostic[] = [];
  const context = siteContext(binary, options);
  const resolved: ResolvedProbe[] = [];
  const planned: PlannedProbe[] = [];
  const sites: ProbeSites[] = [];
  const warnings: string[] = [];
  const floats = floatRegisters(binary, options);
  const noFloats = () => {
    const state = floats();
    return typeof state === 'string' ? state : undefined;
  };
  const builder = new TypeGraphBuilder(binary, options.redaction, options.limits);
  const foundProbes = logical.probes.map((probe) => resolveProbe(probe, binary, builder));
  const walks = foundProbes.some(
    (each) =>
      each.ok &&
      (each.value.columns.some((column) => 'value' in column && isWalked(column.value)) ||
        conditionValues(each.value).some(isWalked)),
  );
  const types = walks ? builder.finish() : undefined;
  for (const [index, probe] of logical.probes.entries()) {
    const found = foundProbes[index]!;
    if (!found.ok) {
      diagnostics.push(...found.diagnostics);
      continue;
    }
    const plan = planProbe(found.value, { types, noFloats });
    const chosen = chooseSites(found.value.function, binary.code(found.value.function), context, {
      entry: plan.entry !== undefined,
      returns: plan.return !== undefined,
      intact: entryIntact(plan, binary.architecture),
    });
    if (!chosen.ok) {
      diagnostics.push(...chosen.diagnostics.map((diagnostic) => placed(diagnostic, probe.span)));
      continue;
    }
    resolved.push(found.value);
    planned.push(plan);
    sites.push(chosen.value);
    warnings.push(...chosen.value.warnings, ...inlineWarning(found.value));
  }
  if (diagnostics.length === 0) diagnostics.push(...unequalColumns(logical, planned));
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const largest = planned.reduce(
    (size, plan) => Math.max(size, plan.entry?.layout.size ?? 0, plan.return?.layout.size ?? 0),
    headerSize,
  );
  const emission: EmitContext = {
    machine: machine(binary.architecture),
    runtime: binary.runtime,
    features: planned.some(readsFloats) ? withFloats(options.features, floats()) : options.features,
    filter: options.filter,
    target: options.targetIndex,
    probes: planned.length,
    entries: types?.graph.entries ?? [],
    dynamicTypes: (types?.dynamic.length ?? 0) > 0,
    bias: options.bias ?? 0,
  };
  const programs = [
    ...unwindPrograms(emission, planned, binary, context, warnings),
    ...planned.flatMap((plan, index) => exitPrograms(emission, index, plan, sites[index]!)),
    ...planned.flatMap((plan, index) => entryPrograms(emission, index, plan, sites[index]!)),
  ];
  return {
    ok: true,
    value: {
      compiled: { plans: planned.map((each) => each.plan), programs },
      relation: relationOf(planned),
      maps: tracepointMaps(planned.length, largest, { types, wanted: planned.some(decidesReturns) }),
      sites,
      resolved,
      planned,
      warnings,
      ...(types === undefined ? {} : { types }),
    },
  };
}

/** Answers once for the whole tracepoint. */
function floatRegisters({ architecture }: CompilableBinary, { floats }: CompileOptions): () => FloatState | string {
  let found: FloatState | string | undefined;
  return () => {
    found ??= architecture === 'amd64' ? (floats?.() ?? 'nothing is known of this kernel') : 'read on x86-64 only';
    return found;
  };
}

function readsFloats(plan: PlannedProbe): boolean {
  return [plan.entry, plan.return].some((event) => event !== undefined && wantsFloats(event));
}

function withFloats(features: EmitFeatures, floats: FloatState | string): EmitFeatures {
  return typeof floats === 'string' ? features : { ...features, floats };
}

/** Does a condition at the entry tell which returns count? */
function decidesReturns(plan: PlannedProbe): boolean {
  return plan.entry?.condition !== undefined && plan.return !== undefined;
}

function sleepable(event: EventPlan): Pick<ProgramSites, 'sleepable'> {
  return wantsFloats(event) ? { sleepable: true } : {};
}

/** `upid`, `time_`, `goid_`, then the probes' columns. */
function relationOf(planned: readonly PlannedProbe[]): Relation {
  return { columns: [...implicitColumns, ...(planned[0]?.plan.columns.map((each) => each.column) ?? [])] };
}

function unequalColumns(logical: LogicalTracepoint, planned: readonly PlannedProbe[]): Diagnostic[] {
  const first = planned[0];
  if (first === undefined) {
    return [placed({ id: 'probe.no-probe', message: `the tracepoint '${logical.name}' has no probe` }, logical.span)];
  }
  const expected = relationOf([first]);
  return planned.flatMap((each, index) => {
    const relation = relationOf([each]);
    if (sameRelation(expected, relation)) return [];
    const diagnostic: Diagnostic = {
      id: 'probe.unequal-columns',
      message: `the probes of '${logical.name}' write one table, but their columns differ`,
      hints: [columnsText(first.plan.function, expected), columnsText(each.plan.function, relation)],
    };
    return [placed(diagnostic, logical.probes[index]?.span)];
  });
}

function columnsText(fn: string, relation: Relation): string {
  const columns = relation.columns.slice(implicitColumns.length);
  return `${fn}: ${columns.map((column) => `${column.name} ${column.unsigned === true ? 'unsigned ' : ''}${column.type}`).join(', ')}`;
}

function entryPrograms(context: EmitContext, index: number, plan: PlannedProbe, sites: ProbeSites): ProgramSites[] {
  if (plan.entry === undefined || sites.entry === undefined) return [];
  const program = entryProgram(context, index, plan.entry, sites.entry, { returns: plan.return !== undefined });
  return [{ program, kind: eventKinds.entry, sites: [sites.entry], ...sleepable(plan.entry) }];
}

function exitPrograms(context: EmitContext, index: number, plan: PlannedProbe, sites: ProbeSites): ProgramSites[] {
  const event = plan.return;
  if (event === undefined) return [];
  const hits = plan.entry === undefined;
  return (['return', 'tail'] as const).flatMap((kind) => {
    const own = sites.returns.filter((site) => site.role === kind);
    if (own.length === 0) return [];
    const program = returnProgram(context, index, kind, event, {
      hits,
      wanted: decidesReturns(plan),
      sites: own.length,
    });
    return [{ program, kind: eventKinds[kind], sites: own, ...(kind === 'return' ? sleepable(event) : {}) }];
  });
}

/** The two rare probes that tell why a call never returned: only where calls are matched at all. */
function unwindPrograms(
  context: EmitContext,
  planned: readonly PlannedProbe[],
  binary: CompilableBinary,
  sites: SiteContext,
  warnings: string[],
): ProgramSites[] {
  if (!planned.some((plan) => plan.entry !== undefined && plan.return !== undefined)) return [];
  const find = (name: string): FunctionCode | undefined => {
    const found = binary.functionNamed(name);
    return found && { function: found, code: binary.code(found) };
  };
  const recoveryCode = find(runtimeProbes.recovery);
  const goexitCode = find(runtimeProbes.goexit);
  const found = chooseRuntimeSites({ recovery: recoveryCode, goexit: goexitCode }, sites);
  const programs: ProgramSites[] = [];
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
  return programs;
}

function reason(diagnostics: readonly Diagnostic[], name: string): string | undefined {
  return diagnostics.find((diagnostic) => diagnostic.message.includes(name))?.message;
}

function inlineWarning(probe: ResolvedProbe): string[] {
  if (probe.inlinedCopies === 0) return [];
  const copies = probe.inlinedCopies === 1 ? '1 inlined copy' : `${probe.inlinedCopies} inlined copies`;
  return [`${copies} of ${probe.function.name} ${probe.inlinedCopies === 1 ? 'is' : 'are'} not traced`];
}

function siteContext(binary: CompilableBinary, options: CompileOptions): SiteContext {
  let morestacks: ReadonlySet<number> | undefined;
  return {
    architecture: binary.architecture,
    isMorestack: (address) => {
      morestacks ??= morestackEntries(binary);
      return morestacks.has(address);
    },
    fileOffset: (address) => binary.fileOffset(address),
    format: options.instructionText,
    read: (address, size) => {
      const last = (address + size - 1) as Address;
      if (binary.fileOffset(address) === undefined || binary.fileOffset(last) === undefined) return undefined;
      return binary.elf?.read(address, size);
    },
  };
}

/** Where the stack check of Go functions goes (cmd/internal/obj: `morestack`, and `morestack_noctxt` for functions that are no closures). */
function morestackEntries(binary: CompilableBinary): ReadonlySet<number> {
  const names = ['runtime.morestack', 'runtime.morestack_noctxt'];
  return new Set(names.flatMap((name) => binary.functionNamed(name)?.entry ?? []));
}

/** What must still be in place at the entry site: the registers and stack words that the record is filled from. */
function entryIntact(plan: PlannedProbe, architecture: Architecture): Intact {
  const condition = plan.entry?.condition;
  const sources = [...(plan.entry?.sources ?? []), ...(condition === undefined ? [] : leavesOf(condition))];
  const places = sources.map((source) => rootsOf(source).flatMap(rootPlaces));
  const followed = sources.some(followsPointers);
  return intactFor(architecture, places, followed);
}

/** Is there a part of the value that the object graph is walked from? */
function isWalked(value: ResolvedValue): boolean {
  if (value.kind === 'computed') return leavesOf(value.computation).some(isWalked);
  return (
    value.kind === 'graph' ||
    value.kind === 'part' ||
    (value.kind === 'object' && value.fields.some((field) => isWalked(field.value)))
  );
}

function conditionValues({ condition }: ResolvedProbe): ResolvedValue[] {
  if (condition === undefined) return [];
  return leavesOf(condition).flatMap((leaf) => ('value' in leaf ? leaf.value : []));
}

function rootPlaces(root: Root | FloatRoot): Place[] {
  if (root.kind === 'static') return [];
  return [rootPlace(root)];
}

function rootPlace(root: Exclude<Root, { kind: 'static' }> | FloatRoot): Place {
  return root.kind === 'stack'
    ? { kind: 'stack', frameOffset: root.frameOffset, offset: 0, size: 8 }
    : { kind: root.kind, register: root.register, offset: 0, size: 8 };
}

function placed(diagnostic: Diagnostic, span: Span | undefined): Diagnostic {
  return diagnostic.span !== undefined || span === undefined ? diagnostic : { ...diagnostic, span };
}
