import { attachUprobes, type BpfMap, type BpfProgram, loadProgram, makeMap, type UprobeAttachment } from '#bpf';
import { MachineError, UserError } from '#door';
import { eventKinds, type ProcessTracepoint } from '#model';
import { type Compilation, control, gates, mapNames, type ProgramSites } from '#probe';
import { findTracer, type Sys } from '#sys';
import { Armed } from './armed.ts';
import { programNs } from './budget.ts';
import type { DeployerParts, DeploymentSink } from './deployment.ts';
import { attachCounting, callCosts, callTraps, countedCalls, estimateFrom } from './estimate.ts';
import type { Executable } from './executable.ts';
import { GroupMaps } from './groupmaps.ts';
import { latencyWarning } from './latency.ts';
import { requireMemory } from './memory.ts';
import { findInImages } from './place-of-function.ts';
import type { RingSink } from './reader/reader.ts';
import type { Shared } from './shared.ts';
import { SiteCheck } from './sitecheck.ts';
import { loadBias } from './stacks.ts';
import { urgency } from './urgency.ts';

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
  const { image: executable, value } = findInImages(sys, pid, (image) => {
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
    return compiled.ok ? { ok: true, value: { bias, compilation: compiled.value } } : compiled;
  });
  stack.use(executable);
  const { bias, compilation } = value;
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
