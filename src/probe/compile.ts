import type { Address, Diagnostic, Span } from '#base';
import type { GoFunction, Place } from '#gobin';
import {
  defaultLimits,
  headerSize,
  implicitColumns,
  type LogicalProbe,
  type LogicalTracepoint,
  type Relation,
  sameRelation,
} from '#model';
import type { Architecture, CompilableBinary } from './binary.ts';
import { leavesOf } from './computation/index.ts';
import {
  callMaps,
  type EmitContext,
  groupMaps,
  groupSizes,
  machine,
  selectionMaps,
  tracepointMaps,
  wantsFloats,
} from './emit/index.ts';
import { type Redaction, TypeGraphBuilder, type TypeTable } from './graph/index.ts';
import {
  type FloatRoot,
  followsPointers,
  groupRefusal,
  type PlannedProbe,
  planPanic,
  planProbe,
  type Root,
  rootsOf,
} from './plan/index.ts';
import { type Chosen, entryPrograms, exitPrograms, groupPrograms, unwindPrograms } from './programs.ts';
import {
  isFurther,
  isRest,
  type ResolvedColumn,
  type ResolvedProbe,
  type ResolvedValue,
  resolvePanic,
  resolveProbes,
  type Skipped,
} from './resolve/index.ts';
import {
  type CopyPlace,
  CopySites,
  chooseSites,
  type Intact,
  intactFor,
  type SiteContext,
  withCallers,
} from './sites/index.ts';
import type {
  CompiledTarget,
  EmitFeatures,
  FloatState,
  ProbePlan,
  ProbeSites,
  ProcessFilter,
  Resolution,
  TracepointMaps,
} from './types.ts';
import { skippedText, warningsOf } from './warnings.ts';

/** What the machine and the process bring to a compilation. */
export interface CompileOptions {
  readonly filter: ProcessFilter;
  readonly features: EmitFeatures;
  /** How float registers are read here, or why they cannot be; asked only where a value is in one. */
  readonly floats?: () => FloatState | string;
  /** So many functions, or more, are counted for a moment before they are traced. Default: none are. */
  readonly estimateFrom?: number;
  /** Index of the process in its tracepoint: records carry it, the decoder's targets are listed by it. */
  readonly targetIndex: number;
  /** Addresses of the file plus this are the process's. Default 0: the file is not position-independent. */
  readonly bias?: number;
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
  readonly maps: TracepointMaps;
  /** One a probe, in the tracepoint's order. */
  readonly sites: readonly ProbeSites[];
  readonly resolved: readonly ResolvedProbe[];
  readonly planned: readonly PlannedProbe[];
  /** Names every function that a pattern stands for and that is not traced, with the reason: a line a reason. */
  readonly skipped: readonly string[];
  /** How many those are. */
  readonly skippedCount: number;
  /** Programs can count calls before they send any: the gate's value `counting`. */
  readonly estimate: boolean;
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
  const floats = floatRegisters(binary, options);
  const noFloats = () => {
    if (logical.waitForPages === true) return 'a probe that waits for pages does not read it';
    const state = floats();
    return typeof state === 'string' ? state : undefined;
  };
  const limits = { ...defaultLimits, ...logical.limits };
  const builder = new TypeGraphBuilder(binary, options.redaction, limits);
  const copies = options.features.attachCookie ? new CopySites(context, (fn) => binary.code(fn)) : undefined;
  const sets = logical.probes.map((probe) => resolveProbes(probe, binary, builder, copies));
  const wantsPanics = sets.some((each) => each.ok && each.value.probes.some(wantsPanic));
  const panics = wantsPanics ? resolvePanic(binary, builder) : undefined;
  const walks =
    (typeof panics === 'object' && isWalked(panics.value)) ||
    sets.some(
      (each) =>
        each.ok &&
        each.value.probes.some(
          (probe) => probe.columns.flatMap(columnValues).some(isWalked) || conditionValues(probe).some(isWalked),
        ),
    );
  const types = walks ? builder.finish() : undefined;
  const panic = typeof panics === 'object' ? planPanic(panics, { types, noFloats, limits }) : undefined;
  const chosen: Chosen[] = [];
  const skipped: Skipped[] = [];
  for (const [index, probe] of logical.probes.entries()) {
    const found = sets[index]!;
    if (!found.ok) {
      diagnostics.push(...found.diagnostics);
      continue;
    }
    const { probes } = found.value;
    // A probe of no known dictionary is of no function more.
    const many = found.value.many || probes.filter((each) => !isRest(each)).length > 1;
    skipped.push(...found.value.skipped);
    const before = chosen.length;
    const refusals: Diagnostic[] = [];
    const copyRefusals: Diagnostic[] = [];
    for (const resolved of probes) {
      const refusal = groupRefusal(resolved);
      if (refusal !== undefined) {
        const message = `beside aggregates a condition is decided in the kernel, and this one is not: ${refusal}`;
        diagnostics.push(placed({ id: 'probe.no-aggregate', message }, probe.when?.span));
        break;
      }
      const plan = planProbe(resolved, {
        types,
        noFloats,
        limits,
        panic: panic?.shape ?? (panics as string | undefined),
        counter: index,
      });
      if (resolved.copy !== undefined) {
        const reason = noCopy(plan, resolved.copy);
        if (reason !== undefined) {
          skipped.push({ function: `copies of ${resolved.function.name}`, reason });
          copyRefusals.push(everyCopy(probe, reason));
          continue;
        }
        chosen.push({ resolved, plan, sites: copySites(resolved.function, resolved.copy), many });
        continue;
      }
      const sites = chooseSites(resolved.function, binary.code(resolved.function), context, {
        entry: plan.entry !== undefined || (plan.group !== undefined && (plan.group.both || !plan.group.atReturn)),
        returns: plan.return !== undefined || plan.group?.atReturn === true,
        intact: entryIntact(plan, binary.architecture),
      });
      if (sites.ok) {
        chosen.push({ resolved, plan, sites: sites.value, many });
        continue;
      }
      refusals.push(...sites.diagnostics);
      skipped.push({ function: resolved.function.name, reason: sites.diagnostics[0]!.message });
    }
    if (chosen.length === before) {
      const told = uniqueMessages(refusals.length > 0 ? refusals : copyRefusals);
      diagnostics.push(...told.map((each) => placed(each, probe.span)));
    }
  }
  const planned = chosen.map(({ plan }) => plan);
  const sites = chosen.map((each) => each.sites);
  if (diagnostics.length === 0) diagnostics.push(...unequalColumns(logical, planned));
  if (diagnostics.length === 0) diagnostics.push(...noTree(logical, chosen));
  if (diagnostics.length === 0 && chosen.some(({ many }) => many) && !options.features.attachCookie) {
    diagnostics.push({
      id: 'probe.no-cookies',
      message: 'several functions in one probe need attach cookies (kernel 5.15): name one function',
    });
  }
  const { sleepable, mayGoto } = options.features;
  if (logical.waitForPages === true && (sleepable !== true || mayGoto !== true)) {
    const message =
      'wait_for_pages takes sleepable uprobe programs (Linux 6.0) and may_goto (6.9), which this kernel does not have';
    diagnostics.push({ id: 'probe.no-wait', message, hints: ['`px doctor` says what it has'] });
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const warnings = warningsOf(logical, chosen, planned, binary);
  const largest = planned.reduce(
    (size, plan) => Math.max(size, plan.entry?.layout.size ?? 0, plan.return?.layout.size ?? 0),
    panic?.event.layout.size ?? headerSize,
  );
  const estimate = planned.length >= (options.estimateFrom ?? Number.POSITIVE_INFINITY);
  const emission: EmitContext = {
    machine: machine(binary.architecture),
    runtime: binary.runtime,
    features: planned.some(readsFloats) ? withFloats(options.features, floats()) : options.features,
    filter: options.filter,
    target: options.targetIndex,
    probes: planned.length,
    estimate,
    entries: types?.graph.entries ?? [],
    tree: planned.some(({ plan }) => plan.tree !== undefined),
    dynamicTypes: (types?.dynamic.length ?? 0) > 0,
    bias: options.bias ?? 0,
    waits: logical.waitForPages === true,
  };
  const sizes = groupSizes(planned.flatMap(({ group }) => group ?? []));
  const groups = groupMaps(planned);
  const programs = [
    ...unwindPrograms(emission, planned, binary, context, warnings, panic?.event),
    ...exitPrograms(emission, chosen),
    ...groupPrograms(emission, chosen, sizes),
    ...entryPrograms(emission, chosen),
  ];
  return {
    ok: true,
    value: {
      compiled: { plans: planned.map((each) => inOneMap(each.plan, sizes.value)), programs },
      relation: relationOf(planned),
      maps: {
        ...tracepointMaps(planned.length, largest, {
          types,
          estimate,
          others: callMaps(planned),
          shared: selectionMaps(planned, logical.probes.length),
        }),
        ...(groups === undefined ? {} : { groups }),
      },
      estimate,
      sites,
      resolved: chosen.map(({ resolved }) => resolved),
      planned,
      skipped: skippedText(skipped),
      skippedCount: skipped.length,
      warnings,
      ...(types === undefined ? {} : { types }),
    },
  };
}

/** The tree of calls is made as they begin, of all that are there: why it cannot be. */
function noTree(logical: LogicalTracepoint, chosen: readonly Chosen[]): Diagnostic[] {
  const parts = chosen.filter(({ plan }) => plan.plan.tree !== undefined);
  const fail = (message: string, hints: readonly string[]): Diagnostic[] => {
    const span = logical.probes.find(({ when }) => when !== undefined)?.when?.span;
    return [{ id: 'probe.no-tree', message, hints, ...(span === undefined ? {} : { span }) }];
  };
  if (parts.some(({ plan }) => plan.plan.condition !== undefined))
    return fail('the place of a call in a tree is known when it begins, whether the condition holds only later', [
      'leave out in the query what is not wanted: df = df[df.latency > 1000000]',
      'a condition on numbers, bools and strings of the arguments can be told when the call begins',
    ]);
  const names = parts.flatMap(({ resolved }) =>
    resolved.copy === undefined && !isFurther(resolved) ? resolved.function.name : [],
  );
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  return twice === undefined ? [] : fail(`'${twice}' is there twice: a call has one place in a tree`, []);
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

/** `upid`, `time_`, `goid_`, then the probes' columns. */
function relationOf(planned: readonly PlannedProbe[]): Relation {
  // What is added up is of many goroutines.
  const grouped = planned[0]?.group !== undefined;
  const implicit = implicitColumns.filter(({ name }) => !grouped || name !== 'goid_');
  return { columns: [...implicit, ...(planned[0]?.plan.columns.map((each) => each.column) ?? [])] };
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

/** Why a probe takes no such inlined copy. */
function noCopy({ group, entry, return: exit }: PlannedProbe, copy: CopyPlace): string | undefined {
  if (group?.atReturn === true && copy.end === undefined)
    return 'no instruction tells where a call of it ends, so there is no latency to be added up';
  const stacks = [entry, exit].some((event) => event?.sources.some(({ kind }) => kind === 'stack'));
  return stacks ? 'inlined copies have no frame, so no stack of their own' : undefined;
}

/** A function that has no code of its own, of whose copies none can be probed so. */
function everyCopy({ function: name }: LogicalProbe, reason: string): Diagnostic {
  return {
    id: 'probe.inlined-everywhere',
    message: `'${name}' has no code of its own: the compiler inlined it everywhere, and ${reason}`,
  };
}

/** The sites of an inlined copy are chosen with its parameters' places. */
function copySites(fn: GoFunction, { entry, end }: CopyPlace): ProbeSites {
  return { function: fn, entry, returns: end === undefined ? [] : [end], warnings: [] };
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
  const followed = sources.some(followsPointers) || dictionary?.offset !== undefined;
  const intact = intactFor(architecture, places, followed);
  const callers = within !== undefined || sources.some(({ kind }) => kind === 'stack');
  return callers ? withCallers(architecture, intact) : intact;
}

function wantsPanic({ columns }: ResolvedProbe): boolean {
  return columns.some(
    (column) => column.from === 'panic' || (column.from === 'log' && column.parts.some(({ from }) => from === 'panic')),
  );
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

function columnValues(column: ResolvedColumn): ResolvedValue[] {
  if (column.from === 'log') return column.parts.flatMap((part) => ('value' in part ? part.value : []));
  return 'value' in column ? [column.value] : [];
}

function conditionValues({ condition }: ResolvedProbe): ResolvedValue[] {
  if (condition === undefined) return [];
  return leavesOf(condition).flatMap((leaf) => ('value' in leaf ? leaf.value : []));
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

function placed(diagnostic: Diagnostic, span: Span | undefined): Diagnostic {
  return diagnostic.span !== undefined || span === undefined ? diagnostic : { ...diagnostic, span };
}
