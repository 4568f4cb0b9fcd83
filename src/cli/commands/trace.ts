import { resolve } from 'node:path';
import { callColumns, sonde } from '#api';
import { type CallSelection, type CaptureLimits, captureLimits, linePlaceOf, parseUpid } from '#model';
import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { meantBy, type PodOptions } from '../connect/pods.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, UsageError } from '../failure.ts';
import type { OutputFormat } from '../output/row.ts';
import { runningLine, whoseCall } from '../trace/call.ts';
import { type CallWriter, callWriter } from '../trace/writer.ts';

export interface TraceOptions extends Where, PodOptions, Partial<CaptureLimits> {
  readonly output: OutputFormat;
  /** Nanoseconds. */
  readonly for?: bigint;
  readonly count?: bigint;
  readonly open?: boolean;
  /** A Go expression. */
  readonly when?: string;
  /** `--no-budget` */
  readonly budget?: boolean;
  readonly within?: string;
  readonly sample?: bigint;
  readonly rate?: bigint;
  readonly first?: bigint;
  readonly per?: string;
  readonly tree?: boolean;
  readonly stack?: boolean;
  /** A template. */
  readonly log?: string;
  /** A Go declaration. */
  readonly signature?: string;
  readonly debugFile?: string;
}

/** After a wish to end, how long the agent may say nothing, before its summary, until the call is simply cut. */
const farewellMs = 5_000;
/** Most calls that still run at the end, each on a line: those that have run longest. */
const mostRunning = 100;

/** `px trace`: until Ctrl-C, SIGTERM, a closed stdout, `--for` or `--count`; the summary goes to standard error. */
export async function trace(context: Context, target: string, name: string, options: TraceOptions): Promise<ExitCode> {
  const work = async (agent: Agent) =>
    new TraceSession(context, name, options).run(await sourceOf(agent, target, name, options));
  return withAgent(context, work, { where: options });
}

/** Where calls come from, and how that ends. */
interface Source extends AsyncIterable<sonde.TraceReply> {
  /** Takes the probes off; what they have seen still comes, and then the end. `name`: as the answer has it. */
  stop(name: string): Promise<unknown>;
  /** At once, without an end. */
  cancel(): void;
  /** Who ends it after `--count` and `--for`. */
  readonly endsItself: boolean;
}

async function sourceOf(agent: Agent, target: string, name: string, options: TraceOptions): Promise<Source> {
  const { cluster } = agent.endpoint;
  const { when = '', signature = '', debugFile = '' } = options;
  if (options.open && (options.tree || options.stack || options.log !== undefined))
    throw new UsageError(
      '--open lists calls that began before they were traced: --tree, --stack and --log are of calls that begin',
    );
  if (options.tree && options.stack)
    throw new UsageError('--tree shows calls in those that they began in: --stack is of calls alone');
  if (options.open && linePlaceOf(name) !== undefined)
    throw new UsageError(
      `--open lists calls of functions, and '${name}' is a line: px funcs <process> lists functions`,
    );
  if (options.log === '')
    throw new UsageError("--log takes a line such as 'charge {user.ID} {amount} -> {err} in {latency}'");
  const meant = await meantBy(target, options, cluster);
  const calls = selection(options);
  if (cluster !== undefined) {
    const { ClusterTrace } = await import('../trace/cluster.ts');
    const columns = callColumns(options);
    const probe = {
      function: name,
      columns,
      ...(calls && { calls }),
      ...(when === '' ? {} : { when: { text: when } }),
      ...(signature === '' ? {} : { signature: { text: signature } }),
    };
    const limits = limitsOf(options);
    const settings = {
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
      ...(options.budget === false ? { noBudget: true as const } : {}),
      ...(debugFile === '' ? {} : { debugFile }),
      ...(options.open ? { open: true } : {}),
    };
    return Object.assign(new ClusterTrace(agent, cluster, meant, probe, settings), { endsItself: false });
  }
  const { for: durationNs = 0n, open = false, budget = true, tree = false, stack = false, log = '' } = options;
  const noBudget = !budget;
  const request = sonde.TraceRequest.fromPartial({
    process: target,
    function: name,
    count: mostCalls(options),
    durationNs,
    open,
    noBudget,
    when,
    tree,
    stack,
    log,
    signature,
    // Of this place, where the agent may have another.
    debugFile: debugFile === '' ? '' : resolve(debugFile),
    ...limitsOf(options),
    ...(calls && { calls: sonde.CallSelection.fromPartial({ ...calls, per: calls.per?.text ?? '' }) }),
  });
  return Object.assign(agent.stream(sondeMethods.trace, request), {
    stop: (traced: string) => agent.call(sondeMethods.deleteTracepoint, { name: traced }),
    endsItself: true,
  });
}

/** After so many calls it ends; 0: it does not. Behind the first n none is kept, unless they are the first of each value. */
function mostCalls({ count = 0n, first = 0n, per }: TraceOptions): bigint {
  if (first === 0n || per !== undefined) return count;
  return count === 0n || first < count ? first : count;
}

/** Of a tree the calls and their times are wanted, of hundreds of functions at once: whole receivers would fill the ring. */
const treeLimits: Partial<CaptureLimits> = { depth: 2, elements: 8, eventBytes: 4096 };

/** Those limits that the command line has; a tree has lower ones, where it does not say otherwise. */
function limitsOf(options: TraceOptions): Partial<CaptureLimits> {
  const given = captureLimits.flatMap((limit) => (options[limit] === undefined ? [] : [[limit, options[limit]]]));
  return { ...(options.tree ? treeLimits : {}), ...Object.fromEntries(given) };
}

class TraceSession {
  readonly #context: Context;
  readonly #function: string;
  readonly #options: TraceOptions;
  /** UPID to the process's place in a cluster. */
  readonly #places = new Map<string, sonde.ProcessInfo>();
  #source: Source | undefined;
  #armed: sonde.TraceArmed | undefined;
  #writer: CallWriter | undefined;
  #calls = 0;
  #failures = 0;
  #interrupted = false;
  #farewell: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #warned = new Set<string>();

  constructor(context: Context, name: string, options: TraceOptions) {
    this.#context = context;
    this.#function = name;
    this.#options = options;
  }

  async run(source: Source): Promise<ExitCode> {
    this.#source = source;
    const forget = this.#context.onInterrupt(() => this.#interrupt());
    // A lost reader may be noticed more than once; only a second Ctrl-C means impatience.
    const unwatch = this.#context.onOutputClosed(() => {
      if (!this.#interrupted) this.#interrupt();
    });
    let end: sonde.TraceEnd | undefined;
    try {
      for await (const { event } of source) {
        this.#farewell?.refresh();
        if (event?.$case === 'armed') await this.#onArmed(event.value);
        else if (event?.$case === 'calls') for (const call of event.value.calls) await this.#onCall(call);
        else if (event?.$case === 'end') end = event.value;
      }
    } finally {
      clearTimeout(this.#farewell);
      clearTimeout(this.#timer);
      forget();
      unwatch();
      await this.#context.out.flush();
    }
    return this.#finish(end);
  }

  /** First time: the agent is asked for the end and its summary. Second time, or before the probe is in place: the call is cut. */
  #interrupt(): void {
    const cut = this.#interrupted || this.#armed === undefined;
    this.#interrupted = true;
    if (cut) this.#source?.cancel();
    else void this.#stop();
  }

  async #stop(): Promise<void> {
    this.#farewell ??= setTimeout(() => this.#source?.cancel(), farewellMs);
    await this.#source?.stop(this.#armed?.name ?? '').catch(() => this.#source?.cancel());
  }

  /** --for counts from the first probe on. */
  #beginTime(): void {
    if (this.#source?.endsItself || this.#options.for === undefined) return;
    this.#timer ??= setTimeout(() => void this.#stop(), Number(this.#options.for / 1_000_000n));
  }

  /** Once, however many processes it is about. */
  #warn(warning: string): void {
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    tell(this.#context, `warning: ${warning}`);
  }

  async #onArmed(armed: sonde.TraceArmed): Promise<void> {
    for (const failure of armed.failures) tell(this.#context, `not traced: ${failure}`);
    for (const warning of armed.warnings) this.#warn(warning);
    this.#failures += armed.failures.length;
    for (const place of armed.places) this.#places.set(place.upid, place);
    // Of a cluster, where something else is to be told.
    if (armed.processes === 0 && armed.failures.length + armed.warnings.length > 0) return;
    this.#armed = armed;
    if (this.#options.open) return;
    this.#beginTime();
    if (armed.places.length > 0) {
      const places = armed.places.map(
        ({ pod, pid, node }) => `${pod === '' ? '' : `pod ${pod}, `}pid ${pid} on node ${node}`,
      );
      tell(this.#context, `armed: ${this.#function} in ${places.join('; ')}`);
      await this.#openWriter();
      return;
    }
    const pids = armed.upids.map((upid) => parseUpid(upid)?.pid ?? upid);
    const list =
      pids.length === 0
        ? ''
        : ` (pid${pids.length === 1 ? '' : 's'} ${pids.slice(0, 20).join(', ')}${pids.length > 20 ? ', …' : ''})`;
    tell(this.#context, `armed: ${this.#function} in ${plural(armed.processes, 'process', 'processes')}${list}`);
    await this.#openWriter();
  }

  async #openWriter(withPid = (this.#armed?.processes ?? 0) > 1): Promise<CallWriter> {
    const whose = (call: sonde.TraceCall) => whoseCall(call, this.#places.get(call.upid), withPid);
    const { open = false, tree = false, stack = false, log } = this.#options;
    const shown = { open, tree, stack, log: log !== undefined };
    this.#writer ??= await callWriter(this.#context, this.#options.output, { whose, places: this.#places, ...shown });
    return this.#writer;
  }

  async #onCall(call: sonde.TraceCall): Promise<void> {
    // `--open` is about the calls that run now; others that end meanwhile are only counted.
    if (this.#options.open && call.outcome !== 'running') return;
    const most = this.#source?.endsItself ? 0n : (this.#options.count ?? 0n);
    if (most > 0n && BigInt(this.#calls) >= most) return;
    this.#calls++;
    await (await this.#openWriter()).call(call);
    if (most > 0n && BigInt(this.#calls) >= most) void this.#stop();
  }

  async #finish(end: sonde.TraceEnd | undefined): Promise<ExitCode> {
    if (!this.#options.open) await this.#writer?.end?.(end?.running ?? []);
    if (end === undefined) {
      if (this.#armed !== undefined)
        tell(this.#context, `${plural(this.#calls, 'call')} shown; the agent gave no summary`);
      return this.#interrupted ? exitCodes.ok : exitCodes.agent;
    }
    if (this.#options.open) return this.#finishOpen(end);
    const withPid = (this.#armed?.processes ?? 0) > 1;
    const whose = (call: sonde.TraceCall) => whoseCall(call, this.#places.get(call.upid), withPid);
    const kept = selection(this.#options) === undefined ? '' : ` (${end.kept} kept)`;
    tell(
      this.#context,
      `${plural(end.calls, 'call')}${kept}, ${plural(end.rows, 'row')}, ${plural(end.drops, 'drop')}`,
    );
    if (end.undecided > 0n) {
      tell(this.#context, `the condition could not be decided for ${plural(end.undecided, 'call')}: not shown`);
    }
    for (const notice of end.notices) tell(this.#context, `not seen: ${notice}`);
    const doubt = end.drops > 0n ? ', unless its end is among the drops' : '';
    if (end.running.length > 0) tell(this.#context, `still running: ${plural(end.running.length, 'call')}${doubt}`);
    // A tree shows them itself.
    const listed = this.#options.tree && this.#options.output === 'table' ? 0 : mostRunning;
    for (const call of end.running.slice(0, listed)) tell(this.#context, `  ${runningLine(call, whose(call))}`);
    if (listed > 0 && end.running.length > listed) tell(this.#context, `  and ${end.running.length - listed} more`);
    if (this.#interrupted) return exitCodes.ok;
    if (end.reason !== '') tell(this.#context, `ended: ${end.reason}`);
    const partial = end.failed || end.drops > 0n || this.#failures > 0;
    return partial ? exitCodes.partial : exitCodes.ok;
  }

  /** The calls that run now are the answer; a reason says which could not be seen. */
  async #finishOpen(end: sonde.TraceEnd): Promise<ExitCode> {
    const withPid = new Set(end.running.map((call) => call.upid)).size > 1;
    const writer = await this.#openWriter(withPid);
    for (const call of end.running) await writer.call(call);
    await this.#context.out.flush();
    tell(this.#context, `${plural(end.running.length, 'call')} running`);
    if (end.reason === '') return exitCodes.ok;
    tell(this.#context, end.reason);
    return exitCodes.partial;
  }
}

/** What the user asked for; undefined: every call. */
function selection({ within, sample, rate, first, per }: TraceOptions): CallSelection | undefined {
  const count = (name: string, value: bigint | undefined) => (value === undefined ? {} : { [name]: Number(value) });
  const selection: CallSelection = {
    ...(within === undefined ? {} : { within }),
    ...count('sample', sample),
    ...count('rate', rate),
    ...count('first', first),
    ...(per === undefined ? {} : { per: { text: per } }),
  };
  return Object.keys(selection).length === 0 ? undefined : selection;
}

function plural(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${String(count) === '1' ? one : many}`;
}
