import { sonde } from '#api';
import { parseUpid } from '#model';
import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { OutputFormat } from '../output/row.ts';
import { runningLine } from '../trace/call.ts';
import { type CallWriter, callWriter } from '../trace/writer.ts';

export interface TraceOptions {
  readonly output: OutputFormat;
  /** Nanoseconds. */
  readonly for?: bigint;
  readonly count?: bigint;
  readonly open?: boolean;
}

/** After a wish to end, how long the agent has for its summary before the call is simply cut. */
const farewellMs = 2_000;
/** Most calls that still run at the end, each on a line: those that have run longest. */
const mostRunning = 100;

/** `px trace`: until Ctrl-C, SIGTERM, a closed stdout, `--for` or `--count`; the summary goes to standard error. */
export async function trace(context: Context, target: string, name: string, options: TraceOptions): Promise<ExitCode> {
  return withAgent(context, (agent) => new TraceSession(context, agent, name, options).run(target));
}

class TraceSession {
  readonly #context: Context;
  readonly #agent: Agent;
  readonly #function: string;
  readonly #options: TraceOptions;
  #armed: sonde.TraceArmed | undefined;
  #writer: CallWriter | undefined;
  #calls = 0;
  #interrupted = false;
  #cancel: () => void = () => {};
  #farewell: ReturnType<typeof setTimeout> | undefined;

  constructor(context: Context, agent: Agent, name: string, options: TraceOptions) {
    this.#context = context;
    this.#agent = agent;
    this.#function = name;
    this.#options = options;
  }

  async run(target: string): Promise<ExitCode> {
    const { count = 0n, for: durationNs = 0n, open = false } = this.#options;
    const request = sonde.TraceRequest.fromPartial({
      process: target,
      function: this.#function,
      count,
      durationNs,
      open,
    });
    const forget = this.#context.onInterrupt(() => this.#interrupt());
    // A lost reader may be noticed more than once; only a second Ctrl-C means impatience.
    const unwatch = this.#context.onOutputClosed(() => {
      if (!this.#interrupted) this.#interrupt();
    });
    const stream = this.#agent.stream(sondeMethods.trace, request);
    this.#cancel = () => stream.cancel();
    let end: sonde.TraceEnd | undefined;
    try {
      for await (const { event } of stream) {
        if (event?.$case === 'armed') await this.#onArmed(event.value);
        else if (event?.$case === 'calls') for (const call of event.value.calls) await this.#onCall(call);
        else if (event?.$case === 'end') end = event.value;
      }
    } finally {
      clearTimeout(this.#farewell);
      forget();
      unwatch();
      await this.#context.out.flush();
    }
    return this.#finish(end);
  }

  /** First time: the agent is asked for the end and its summary. Second time, or before the probe is in place: the call is cut. */
  #interrupt(): void {
    const name = this.#armed?.name ?? '';
    if (this.#interrupted || name === '') {
      this.#interrupted = true;
      this.#cancel();
      return;
    }
    this.#interrupted = true;
    this.#farewell = setTimeout(() => this.#cancel(), farewellMs);
    this.#agent.call(sondeMethods.deleteTracepoint, { name }).catch(() => this.#cancel());
  }

  async #onArmed(armed: sonde.TraceArmed): Promise<void> {
    this.#armed = armed;
    for (const failure of armed.failures) tell(this.#context, `not traced: ${failure}`);
    for (const warning of armed.warnings) tell(this.#context, `warning: ${warning}`);
    const pids = armed.upids.map((upid) => parseUpid(upid)?.pid ?? upid);
    const list =
      pids.length === 0
        ? ''
        : ` (pid${pids.length === 1 ? '' : 's'} ${pids.slice(0, 20).join(', ')}${pids.length > 20 ? ', …' : ''})`;
    tell(this.#context, `armed: ${this.#function} in ${plural(armed.processes, 'process', 'processes')}${list}`);
    await this.#openWriter();
  }

  async #openWriter(withPid = (this.#armed?.processes ?? 0) > 1): Promise<CallWriter> {
    this.#writer ??= await callWriter(this.#context, this.#options.output, {
      withPid,
      open: this.#options.open === true,
    });
    return this.#writer;
  }

  async #onCall(call: sonde.TraceCall): Promise<void> {
    // `--open` is about the calls that run now; others that end meanwhile are only counted.
    if (this.#options.open && call.outcome !== 'running') return;
    this.#calls++;
    await (await this.#openWriter()).call(call);
  }

  async #finish(end: sonde.TraceEnd | undefined): Promise<ExitCode> {
    if (end === undefined) {
      if (this.#armed !== undefined)
        tell(this.#context, `${plural(this.#calls, 'call')} shown; the agent gave no summary`);
      return this.#interrupted ? exitCodes.ok : exitCodes.agent;
    }
    if (this.#options.open) return this.#finishOpen(end);
    const withPid = (this.#armed?.processes ?? 0) > 1;
    tell(this.#context, `${plural(end.calls, 'call')}, ${plural(end.rows, 'row')}, ${plural(end.drops, 'drop')}`);
    if (end.running.length > 0) tell(this.#context, `still running: ${plural(end.running.length, 'call')}`);
    for (const call of end.running.slice(0, mostRunning)) tell(this.#context, `  ${runningLine(call, withPid)}`);
    if (end.running.length > mostRunning) tell(this.#context, `  and ${end.running.length - mostRunning} more`);
    if (this.#interrupted) return exitCodes.ok;
    if (end.reason !== '') tell(this.#context, `ended: ${end.reason}`);
    const partial = end.failed || end.drops > 0n || (this.#armed?.failures.length ?? 0) > 0;
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

function plural(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${String(count) === '1' ? one : many}`;
}
