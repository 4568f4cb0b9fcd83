import type { Diagnostic } from '#base';
import {
  attachUprobes,
  type BpfMap,
  type BpfProgram,
  loadProgram,
  makeMap,
  runTimeNs,
  type UprobeAttachment,
} from '#bpf';
import { MachineError, UserError } from '#door';
import { eventKinds, type ProcessTracepoint } from '#model';
import { type Compilation, control, gates, mapNames, type ProgramSites, type Resolution, waitedNsOffset } from '#probe';
import { findTracer, type Sys } from '#sys';
import { programNs } from './budget.ts';
import type { DeployerParts, DeploymentSink } from './deployment.ts';
import { attachCounting, type CallTraps, callCosts, callTraps, countedCalls, estimateFrom } from './estimate.ts';
import type { Executable } from './executable.ts';
import { GroupMaps } from './groupmaps.ts';
import { latencyWarning } from './latency.ts';
import { requireMemory } from './memory.ts';
import type { OpenCall } from './reader/messages.ts';
import type { Reader, RingSink } from './reader/reader.ts';
import type { Shared } from './shared.ts';
import { goImageOf, goLibrariesBeside, goPathsBeside } from './shared-objects.ts';
import { SiteCheck } from './sitecheck.ts';
import { loadBias } from './stacks.ts';
import { urgency } from './urgency.ts';

/** How long calls that are running may take to end when the probes come off. */
const drainMs = 100;

let rings = 0;

/**
 * Compiles a tracepoint for the image that the process runs now, loads and attaches it, and checks that the breakpoints are
 * in the process's memory. Whatever fails, nothing is left behind. `failed` hears later that no more rows can be made, and why.
 */
export async function arm(...tracepoint: Parameters<typeof tryToArm>): Promise<Armed> {
  for (;;) {
    try {
      return await tryToArm(...tracepoint);
    } catch (error) {
      if (!tracepoint[0].kernel.followLess(error)) throw error;
    }
  }
}

async function tryToArm(
  parts: DeployerParts,
  logical: ProcessTracepoint,
  sink: DeploymentSink,
  { counters, compilations, filledMaps, processes }: Shared,
  failed: (reason: string) => void,
): Promise<Armed> {
  const { sys, kernel, binaries, reader } = parts;
  const { pid } = logical.target.upid;
  requireNoDebugger(sys, pid);
  reader.start();
  using stack = new DisposableStack();
  using held = new DisposableStack();
  const compileFor = (image: Executable) => {
    const { binary } = held.use(binaries.open(image, logical.debugFile));
    const bias = loadBias(sys, pid, image, binary) ?? 0;
    const compiled = compilations.compile(logical, binary, {
      filter: kernel.filter(pid),
      processes,
      features: kernel.emitFeatures,
      floats: kernel.floatState,
      targetIndex: 0,
      bias,
      redaction: parts.redaction(),
      estimateFrom,
      instructionText: (bytes, at) => binaries.instructionText(bytes, at, binary),
    });
    return { image, bias, compiled };
  };
  const own = compileFor(stack.use(goImageOf(sys, pid)));
  // What the program does not have may be in a plugin, or in another library that Go has built.
  const loadedImages = isElsewhere(own.compiled) ? goLibrariesBeside(sys, pid, own.image) : [];
  const elsewhere = loadedImages.map((image) => compileFor(stack.use(image))).filter(({ compiled }) => compiled.ok);
  const { image: executable, bias, compiled } = elsewhere.length === 1 ? elsewhere[0]! : own;
  if (!compiled.ok) throw new UserError(withSharedObjects(compiled.diagnostics, sys, pid));
  const compilation = compiled.value;
  await sink.relation(compilation.relation);

  const { programs } = compilation.compiled;
  using check = new SiteCheck(
    sys,
    pid,
    executable,
    programs.flatMap((program) => program.sites),
  );
  const floor = await latencyWarning(logical, compilation.sites, kernel);
  const ring = stack.use(makeMap(sys, compilation.maps.ring));
  const controls = stack.use(makeMap(sys, compilation.maps.control));
  const maps = new Map([
    [compilation.maps.ring.name, ring],
    [compilation.maps.control.name, controls],
  ]);
  for (const spec of compilation.maps.others) maps.set(spec.name, stack.use(makeMap(sys, spec)));
  for (const spec of compilation.maps.shared) maps.set(spec.name, counters.map(sys, spec));
  for (const map of stack.use(filledMaps.lease(sys, compilation.maps, bias)).maps) maps.set(map.spec.name, map);
  const groups =
    compilation.maps.groups && stack.use(new GroupMaps(sys, compilation.maps.groups, maps.get(mapNames.stacks)));
  if (groups) maps.set(groups.outer.spec.name, groups.outer);
  const { multi } = kernel;
  // Only as long as these probes: the threads go with the last who wants them.
  if (programs.some(({ sleepable }) => sleepable === 'floats'))
    maps.set(mapNames.kicks, stack.use(kernel.floats.lease()).map);
  const loaded = programs.map(({ program, sleepable }) =>
    stack.use(loadProgram(sys, program, maps, { multi, sleepable: sleepable !== undefined })),
  );

  const id = ++rings;
  await reader.open(
    {
      id,
      ringFd: ring.fd.number,
      ringBytes: compilation.maps.ring.maxEntries,
      controlFd: controls.fd.number,
      controlBytes: compilation.maps.control.valueSize,
      plans: compilation.compiled.plans,
      relation: compilation.relation,
      upid: logical.target.upid,
      rowsOfRunning: compilation.fold === undefined && (sink.rowsOfRunning ?? false),
      ...(compilation.fold && { fold: compilation.fold }),
      ...(groups === undefined ? {} : { groups: groups.description }),
      executable: executable.path,
      bias,
    },
    ringSink(sink, failed),
  );
  // While calls are counted, what is called too often has to come off at once.
  using counting = new DisposableStack();
  if (compilation.estimate) counting.use(urgency());
  const attachments: UprobeAttachment[] = [];
  /** Of the entries that are counted, by attachment: its probes. */
  const counted = new Map<UprobeAttachment, readonly number[]>();
  try {
    // Nothing is waited for from here to the last check.
    requireNoDebugger(sys, pid);
    check.before();
    requireMemory(sys, pid, check.newPages);
    const place = (program: ProgramSites, sites: readonly number[]) => {
      if (sites.length === 0) return;
      const attachment = attach(parts, pid, executable, program, loaded[programs.indexOf(program)]!, sites);
      attachments.push(attachment);
      if (program.kind === eventKinds.entry) counted.set(attachment, probesOf(program, sites, compilation));
    };
    if (compilation.estimate) await placeCounting(parts, logical, compilation, controls, place);
    else for (const program of programs) place(program, [...program.sites.keys()]);
    stack.use(check.attached());
    check.placed();
  } catch (error) {
    Atomics.store(controls.words, control.gate, BigInt(gates.shut));
    // Here, for the threads in the background wait for their turn on the CPU.
    if (compilation.estimate) costliest(compilation, controls, counted)?.close();
    counting.dispose();
    await Promise.all(attachments.map((attachment) => attachment.closeInBackground()));
    await reader.close(id);
    throw error;
  }
  counting.dispose();
  Atomics.store(controls.words, control.gate, BigInt(gates.open));
  binaries.remember(executable);
  return new Armed({
    id,
    reader,
    functions: compilation.compiled.plans.map((plan) => plan.function),
    skipped: compilation.skipped,
    warnings: [...compilation.warnings, ...foreignWarning(check), ...floor],
    traps: callTraps(compilation),
    controls,
    attachments,
    measured: { sys, loaded },
    release: stack.move(),
  });
}

/** Lives as long as the probes, and holds nothing of what was compiled. */
function ringSink(sink: DeploymentSink, failed: (reason: string) => void): RingSink {
  return {
    batch: (batch) => sink.batch(batch),
    failed: (error) => failed(`${error}; its probes were taken off, all else goes on`),
  };
}

/** Does the binary lack the functions, and nothing else is wrong? */
function isElsewhere(compiled: Resolution<Compilation>): boolean {
  return !compiled.ok && compiled.diagnostics.every(({ id }) => id === 'probe.no-such-function');
}

/** Who looks in vain is told where it was looked. */
function withSharedObjects(diagnostics: readonly Diagnostic[], sys: Sys, pid: number): Diagnostic[] {
  const looked = goPathsBeside(sys, pid).map((path) => `looked for in ${path}, too, which the process has loaded`);
  return diagnostics.map((each) => {
    if (each.id !== 'probe.no-such-function') return each;
    return { ...each, hints: [...looked, ...(each.hints ?? [])] };
  });
}

/** All of the probes, entries first and counted before anything is sent. */
async function placeCounting(
  { kernel }: DeployerParts,
  logical: ProcessTracepoint,
  compilation: Compilation,
  controls: BpfMap,
  place: (program: ProgramSites, sites: readonly number[]) => void,
): Promise<void> {
  const { programs } = compilation.compiled;
  const { emulatedNs, steppedNs } = await kernel.hitCost();
  const costs = callCosts(callTraps(compilation), emulatedNs + programNs, steppedNs + programNs);
  const others = programs.filter(({ kind }) => kind !== eventKinds.entry);
  const entries = new Set(
    programs.flatMap(({ kind, sites }) => (kind === eventKinds.entry ? sites : [])).map(({ offset }) => offset),
  );
  const sitesOf = ({ sites }: ProgramSites, shared: boolean) =>
    [...sites.keys()].filter((i) => entries.has(sites[i]!.offset) === shared);
  // Where a function is one instruction, the kernel runs first what was attached last: that has to be the entry.
  for (const program of others) place(program, sitesOf(program, true));
  await attachCounting({ compilation, controls, costs, place, limited: logical.noBudget !== true });
  for (const program of others) place(program, sitesOf(program, false));
}

/** Of a program for many probes the cookies tell them; others are of one. */
function probesOf(program: ProgramSites, sites: readonly number[], { sites: all }: Compilation): number[] {
  const { cookies } = program;
  if (cookies !== undefined) return sites.map((site) => cookies[site]! & 0xffff);
  return sites.map((site) => all.findIndex(({ entry }) => entry?.offset === program.sites[site]!.offset));
}

/** What is called most comes off first: the process need not wait for thousands of probes that it never meets. */
function costliest(
  { sites }: Compilation,
  controls: BpfMap,
  counted: ReadonlyMap<UprobeAttachment, readonly number[]>,
): UprobeAttachment | undefined {
  const calls = countedCalls(sites.length, controls);
  const of = (probes: readonly number[]) => probes.reduce((sum, probe) => sum + (calls[probe] ?? 0), 0);
  return [...counted]
    .map(([attachment, probes]) => ({ attachment, calls: of(probes) }))
    .sort((a, b) => b.calls - a.calls)[0]?.attachment;
}

/** FACTS, rule 9. */
function requireNoDebugger(sys: Sys, pid: number): void {
  const tracer = findTracer(sys, pid);
  if (!tracer) return;
  const named = tracer.name === '' ? '' : `, ${tracer.name}`;
  throw new UserError(
    `a debugger (process ${tracer.pid}${named}) is attached to process ${pid}: it could write our breakpoints back after we are gone; detach it first`,
  );
}

/** Another tracer's breakpoints are no danger to ours nor ours to them, but its user should know why a call costs more. */
function foreignWarning({ foreign, sites }: SiteCheck): string[] {
  const first = foreign[0];
  if (!first) return [];
  const where = `\`${first.text}\` at 0x${first.address.toString(16)}`;
  return [
    `another tracer has a breakpoint at ${foreign.length} of ${sites.length} probe sites (${where}): its programs run there beside ours, and their time is in latencies`,
  ];
}

function attach(
  parts: DeployerParts,
  pid: number,
  executable: Executable,
  program: ProgramSites,
  loaded: BpfProgram,
  indexes: readonly number[],
): UprobeAttachment {
  const sites = indexes.map((i) => ({ offset: program.sites[i]!.offset, cookie: program.cookies?.[i] ?? i }));
  const attachment = attachUprobes(parts.sys, loaded, { executable: executable.fd, pid, sites });
  const refused = attachment.refused[0];
  if (!refused) return attachment;
  attachment.close();
  const site = program.sites.find(({ offset }) => offset === refused.site.offset)!;
  throw new MachineError(
    `the kernel places no probe on \`${site.text}\` at 0x${site.address.toString(16)}: ${refused.error.message}`,
  );
}

interface ArmedParts {
  readonly id: number;
  readonly reader: Reader;
  /** The probed functions, as the linker has them. */
  readonly functions: readonly string[];
  readonly skipped: readonly string[];
  readonly warnings: readonly string[];
  /** One a probe. */
  readonly traps: readonly CallTraps[];
  readonly controls: BpfMap;
  readonly attachments: readonly UprobeAttachment[];
  readonly measured: { readonly sys: Sys; readonly loaded: readonly BpfProgram[] };
  /** Maps, programs, the executable's descriptor, and the note of where our breakpoints are. */
  readonly release: DisposableStack;
}

/** Probes in one image of one process, taking events. */
export class Armed {
  readonly warnings: readonly string[];
  readonly #parts: ArmedParts;
  /** The control map's words; after closing, a copy. */
  #words: BigUint64Array;
  #closing: Promise<void> | undefined;
  /** The calls that ran when the last event had been read. */
  #left: readonly OpenCall[] = [];

  constructor(parts: ArmedParts) {
    this.#parts = parts;
    this.#words = parts.controls.words;
    this.warnings = parts.warnings;
  }

  get skipped(): readonly string[] {
    return this.#parts.skipped;
  }

  /** The probed functions, as the linker has them. */
  get functions(): readonly string[] {
    return this.#parts.functions;
  }

  get hits(): number {
    return this.#sum(control.hits);
  }

  /** Of the hits, those that were not kept. */
  get notKept(): number {
    return this.#sum(control.skipped);
  }

  get drops(): number {
    return this.#sum(control.entryDrops) + this.#sum(control.returnDrops);
  }

  /** Calls for which the condition could not be decided. */
  get undecided(): number {
    return this.#sum(control.undecided);
  }

  /** Nanoseconds that the hits so far have cost, every call counted with its return; waiting for float registers and pages as it was measured. */
  cost(emulatedNs: number, steppedNs: number): number {
    return this.#costOf(callCosts(this.#parts.traps, emulatedNs, steppedNs)) + this.waitedNs;
  }

  /** The same without returns. */
  entryCost(emulatedNs: number, steppedNs: number): number {
    const entries = this.#parts.traps.map(({ entry }) => ({ entry, exit: undefined }));
    return this.#costOf(callCosts(entries, emulatedNs, steppedNs));
  }

  /** Nanoseconds that hits waited for float registers or pages. */
  get waitedNs(): number {
    return Number(Atomics.load(this.#words, waitedNsOffset(this.#parts.traps.length) / 8));
  }

  /** Nanoseconds that the programs have run while that was measured (`openRunTimeStats`), waiting included. */
  runNs(): number {
    const { sys, loaded } = this.#parts.measured;
    return this.#closing ? 0 : loaded.reduce((sum, program) => sum + runTimeNs(sys, program), 0);
  }

  #costOf(costs: readonly number[]): number {
    return costs.reduce((total, cost, probe) => total + this.#count(probe, control.hits) * cost, 0);
  }

  flush(): Promise<void> {
    return this.#parts.reader.flush(this.#parts.id);
  }

  /** The calls that run now; once closed, those that ran at the end. */
  async running(): Promise<readonly OpenCall[]> {
    if (this.#closing === undefined) return this.#parts.reader.running(this.#parts.id);
    await this.#closing;
    return this.#left;
  }

  /** Calls that begin from now on are not seen. */
  shut(): void {
    Atomics.store(this.#words, control.gate, BigInt(gates.shut));
  }

  /** Calls that begin from now on are not seen; those that run have a little time to end. */
  async drain(): Promise<void> {
    this.shut();
    for (let waited = 0; waited < drainMs; waited += 10) {
      if ((await this.running()).length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The process has ended, or replaced itself by exec (then: when, CLOCK_MONOTONIC): its open calls are over. */
  exited(replacedNs?: bigint): Promise<void> {
    return this.#parts.reader.exited(this.#parts.id, replacedNs);
  }

  /** Takes everything off and delivers what is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { attachments, reader, id, release } = this.#parts;
    Atomics.store(this.#words, control.gate, BigInt(gates.shut));
    await Promise.all(attachments.map((attachment) => attachment.closeInBackground()));
    this.#left = await reader.close(id);
    this.#words = this.#words.slice();
    release.dispose();
  }

  #sum(word: number): number {
    return this.#parts.traps.reduce((total, _, probe) => total + this.#count(probe, word), 0);
  }

  #count(probe: number, word: number): number {
    return Number(Atomics.load(this.#words, 1 + control.wordsPerProbe * probe + word));
  }
}
