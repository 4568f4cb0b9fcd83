import type { Address } from '#base';
import { defaultLimits, headerSize, type LogicalTracepoint, type Relation } from '#model';
import type { CompilableBinary } from './binary.ts';
import { chooseProbes } from './choose.ts';
import {
  callMaps,
  type EmitContext,
  groupMaps,
  groupSizes,
  machine,
  selectionMaps,
  tracepointMaps,
  wantsFloats,
  withinTables,
} from './emit/index.ts';
import { foldOf, ungrouped } from './fold.ts';
import { type Redaction, TypeGraphBuilder, type TypeTable } from './graph/index.ts';
import { type PlannedProbe, planPanic } from './plan/index.ts';
import { entryPrograms, exitPrograms, groupPrograms, unwindPrograms } from './programs.ts';
import { noWait, refusalsOf } from './refusals.ts';
import { relationOf } from './relation.ts';
import { notInKernel, type ResolvedProbe, resolvePanic, resolveProbes } from './resolve/index.ts';
import { CopySites, type SiteContext } from './sites/index.ts';
import type {
  CompiledTarget,
  EmitFeatures,
  FloatState,
  Fold,
  ProbePlan,
  ProbeSites,
  ProcessFilter,
  Resolution,
  TracepointMaps,
} from './types.ts';
import { isWalked, walks } from './walked.ts';
import { skippedText, warningsOf } from './warnings.ts';

/** What a process brings to a compilation: of two that run one binary nothing else differs. */
export interface ProcessOptions {
  readonly filter: ProcessFilter;
  /** Addresses of the file plus this are the process's. Default 0: the file is not position-independent. */
  readonly bias?: number;
  /** So many processes the tracepoint has: their rings share what one tracepoint may take. Default 1. */
  readonly processes?: number;
}

/** What the machine and the process bring to a compilation. */
export interface CompileOptions extends ProcessOptions {
  readonly features: EmitFeatures;
  /** How float registers are read here, or why they cannot be; asked only where a value is in one. */
  readonly floats?: () => FloatState | string;
  /** So many functions, or more, are counted for a moment before they are traced. Default: none are. */
  readonly estimateFrom?: number;
  /** Index of the process in its tracepoint: records carry it, the decoder's targets are listed by it. */
  readonly targetIndex: number;
  /** Text of the one instruction that the bytes are (`createX86Formatter(iced)`). */
  readonly instructionText: (bytes: Uint8Array, at: Address) => string;
  /** What is never captured. Default: nothing is hidden. */
  readonly redaction?: Redaction;
}

/** A tracepoint compiled for one process, with every stage's result kept for `px debug compile`. */
export interface Compilation {
  /** Plans for the decoder; programs in the order in which they are to be attached (entries last). */
  readonly compiled: CompiledTarget;
  readonly relation: Relation;
  /** Groups are made of rows, which the kernel cannot add up. */
  readonly fold?: Fold;
  readonly maps: TracepointMaps;
  /** One a probe, in the tracepoint's order. */
  readonly sites: readonly ProbeSites[];
  readonly resolved: readonly ResolvedProbe[];
  readonly planned: readonly PlannedProbe[];
  /** Names every function that a pattern stands for and that is not traced, with the reason: a line a reason; and that groups are made of rows. */
  readonly skipped: readonly string[];
  /** How many those are. */
  readonly skippedCount: number;
  /** Programs can count calls before they send any: the gate's value `counting`. */
  readonly estimate: boolean;
  /** What people should know: stepped entries, inlined copies that are not seen, outcomes that cannot be told. */
  readonly warnings: readonly string[];
  /** Types of the values that are walked over; undefined: there are none. */
  readonly types?: TypeTable;
  /** The same for another process that runs this binary. `compiled.plans` stays the same object. */
  readonly forProcess: (process: ProcessOptions) => Compilation;
}

/**
 * All stages for one process: names and types, layouts, sites, programs. Every mistake of every probe is reported together. Aggregates that the kernel cannot
 * make are made of a row a call.
 */
export function compileTarget(
  logical: LogicalTracepoint,
  binary: CompilableBinary,
  options: CompileOptions,
): Resolution<Compilation> {
  const found = compileAsWritten(logical, binary, options);
  if (found.ok || !found.diagnostics.every(({ id }) => id === notInKernel)) return found;
  const rows = compileAsWritten(ungrouped(logical), binary, options);
  if (!rows.ok) return found;
  const folded = foldOf(logical, rows.value.relation, rows.value.resolved[0]?.columns ?? []);
  const why = `made of an event a call, not in the kernel: ${found.diagnostics[0]!.message}`;
  const withFold = (compilation: Compilation): Compilation => ({
    ...compilation,
    ...folded,
    skipped: [...compilation.skipped, why],
    warnings: [...compilation.warnings, why],
    forProcess: (process) => withFold(compilation.forProcess(process)),
  });
  return { ok: true, value: withFold(rows.value) };
}

function compileAsWritten(
  logical: LogicalTracepoint,
  binary: CompilableBinary,
  options: CompileOptions,
): Resolution<Compilation> {
  const { features } = options;
  const context = siteContext(binary, options);
  const floats = floatRegisters(binary, options);
  const noFloats = () => {
    if (logical.waitForPages === true) return 'a probe that waits for pages does not read it';
    const state = floats();
    return typeof state === 'string' ? state : undefined;
  };
  const limits = { ...defaultLimits, ...logical.limits };
  const builder = new TypeGraphBuilder(binary, options.redaction, limits);
  const copies = features.attachCookie ? new CopySites(context, (fn) => binary.code(fn)) : undefined;
  const sets = logical.probes.map((probe) => resolveProbes(probe, binary, builder, copies));
  const probes = sets.flatMap((each) => (each.ok ? each.value.probes : []));
  const panics = probes.some(wantsPanic) ? resolvePanic(binary, builder) : undefined;
  const walked = (typeof panics === 'object' && isWalked(panics.value)) || probes.some(walks);
  const types = walked ? builder.finish() : undefined;
  const panic = typeof panics === 'object' ? planPanic(panics, { types, noFloats, limits }) : undefined;
  const plan = { types, noFloats, limits, panic: panic?.shape ?? (panics as string | undefined) };
  const choice = chooseProbes(logical, sets, { binary, sites: context, plan });
  const { chosen } = choice;
  const planned = chosen.map(({ plan }) => plan);
  const sites = chosen.map((each) => each.sites);
  const refused = choice.diagnostics.length > 0 ? choice.diagnostics : refusalsOf(logical, chosen, features);
  const diagnostics = [...refused, ...noWait(logical, features)];
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const warnings = warningsOf(logical, chosen, planned, binary);
  const largest = planned.reduce(
    (size, plan) => Math.max(size, plan.entry?.layout.size ?? 0, plan.return?.layout.size ?? 0),
    panic?.event.layout.size ?? headerSize,
  );
  const estimate = planned.length >= (options.estimateFrom ?? Number.POSITIVE_INFINITY);
  const sizes = groupSizes(planned.flatMap(({ group }) => group ?? []));
  const groups = groupMaps(planned);
  const tables = withinTables(planned);
  const plans = planned.map((each) => inOneMap(each.plan, sizes.value));
  const forProcess = ({ filter, bias = 0, processes = 1 }: ProcessOptions): Compilation => {
    const maps = tracepointMaps(planned.length, largest, {
      types,
      estimate,
      processes,
      tables,
      others: callMaps(planned),
      shared: selectionMaps(planned, logical.probes.length),
    });
    const emission: EmitContext = {
      machine: machine(binary.architecture),
      runtime: binary.runtime,
      features: planned.some(readsFloats) ? withFloats(features, floats()) : features,
      filter,
      target: options.targetIndex,
      probes: planned.length,
      estimate,
      entries: types?.graph.entries ?? [],
      tree: planned.some(({ plan }) => plan.tree !== undefined),
      dynamicTypes: (types?.dynamic.length ?? 0) > 0,
      bias,
      cgoCallback: binary.cgoCallback,
      waits: logical.waitForPages === true,
      ringBytes: maps.ring.maxEntries,
    };
    const unwind = unwindPrograms(emission, planned, binary, context, panic?.event);
    const programs = [
      ...unwind.programs,
      ...exitPrograms(emission, chosen),
      ...groupPrograms(emission, chosen, sizes),
      ...entryPrograms(emission, chosen),
    ];
    return {
      compiled: { plans, programs },
      relation: relationOf(planned),
      maps: { ...maps, ...(groups === undefined ? {} : { groups }) },
      estimate,
      sites,
      resolved: chosen.map(({ resolved }) => resolved),
      planned,
      skipped: skippedText(choice.skipped),
      skippedCount: choice.skipped.length,
      warnings: [...warnings, ...unwind.warnings],
      ...(types === undefined ? {} : { types }),
      forProcess,
    };
  };
  return { ok: true, value: forProcess(options) };
}

/** All groups of a tracepoint have one map, whose values are as large as the largest. */
function inOneMap(plan: ProbePlan, valueBytes: number): ProbePlan {
  return plan.group === undefined ? plan : { ...plan, group: { ...plan.group, valueBytes } };
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
    functionName: (address) => binary.functionAt?.(address)?.name,
    signature: (entry) => {
      const fn = binary.functionAt?.(entry);
      return fn === undefined ? undefined : binary.signature(fn);
    },
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

function wantsPanic({ columns }: ResolvedProbe): boolean {
  return columns.some(
    (column) => column.from === 'panic' || (column.from === 'log' && column.parts.some(({ from }) => from === 'panic')),
  );
}
