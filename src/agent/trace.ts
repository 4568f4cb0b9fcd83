import { callColumns, type sonde, textAt } from '#api';
import { UserError } from '#door';
import {
  type CallSelection,
  type CaptureColumn,
  type CaptureLimit,
  type CaptureLimits,
  captureLimits,
  formatUpid,
  limitSettings,
  type ProcessTracepoint,
  type RowBatch,
  type Upid,
} from '#model';
import type { Sys } from '#sys';
import type { Binaries } from './binaries.ts';
import { Counters } from './counters.ts';
import type { Deployer, Deployment, DeploymentSink, OpenCall } from './deployment.ts';
import type { Kernel } from './kernel.ts';
import type { GoProcess, Processes } from './processes.ts';
import { callsOnStacks, type StackedCall } from './stacks.ts';

/** One `px trace` while its call is open. */
export interface LiveTrace {
  /** By which `px tracepoint list` and `delete` know it. */
  readonly name: string;
  readonly owner: string;
  readonly function: string;
  readonly processes: readonly GoProcess[];
  readonly deployments: readonly Deployment[];
  readonly rows: number;
  /** Ends the trace: its client gets the end with all counts. */
  stop(reason: string): void;
}

/** The columns without what is of these kinds: nothing is captured in its stead. */
const without = (columns: readonly CaptureColumn[], kinds: readonly CaptureColumn['capture']['kind'][]) =>
  columns.map((column) => (kinds.includes(column.capture.kind) ? { ...column, capture: noCapture } : column));
const noCapture = { kind: 'nothing' } as const;

/** What a function whose returns cannot be probed does not have, nor a line. */
const ofReturns = ['results', 'latency', 'outcome', 'panic', 'call-id', 'parent-call-id', 'own-time'] as const;

/** Rows of one message: each message costs more than a row does. */
export const messageRows = 256;

/** Rows that may wait for a slow client before more are dropped (and counted). */
const mostWaiting = 100_000;

export interface TracerParts {
  readonly sys: Sys;
  readonly processes: Processes;
  readonly binaries: Binaries;
  readonly kernel: Kernel;
}

/** Those that are not 0. @throws UserError for one that is out of its range. */
function requestedLimits(request: sonde.TraceRequest): Partial<CaptureLimits> {
  const found: Partial<Record<CaptureLimit, number>> = {};
  for (const limit of captureLimits) {
    const value = request[limit];
    if (value === 0) continue;
    const { option, least, most } = limitSettings[limit];
    if (value < least || value > most)
      throw new UserError(`${option} is a number from ${least} to ${most}, not ${value}`);
    found[limit] = value;
  }
  return found;
}

/** Traces for as long as a client listens: nothing is stored, the probe goes with the call. */
export class Tracer {
  readonly live = new Map<string, LiveTrace>();
  readonly #parts: TracerParts;
  readonly #deployer: Deployer;
  #made = 0;

  constructor(parts: TracerParts, deployer: Deployer) {
    this.#parts = parts;
    this.#deployer = deployer;
  }

  async trace(
    request: sonde.TraceRequest,
    owner: string,
    signal: AbortSignal,
    send: (reply: sonde.TraceReply) => Promise<void>,
  ): Promise<void> {
    if (!request.open) this.#parts.kernel.requirePrivileges();
    const processes = this.#parts.processes.find(request.process);
    if (request.open) {
      await send({ event: { $case: 'end', value: await this.openCalls(processes, request.function) } });
      return;
    }
    const limits = requestedLimits(request);
    const calls = request.calls && selectionOf(request.calls);
    const selection = calls === undefined ? {} : { calls };
    const name = `trace-${++this.#made}`;
    const out = new Outbox(Number(request.count), send);
    let finish: (end: { reason: string; failed: boolean }) => void = () => {};
    const over = new Promise<{ reason: string; failed: boolean }>((resolve) => {
      finish = resolve;
    });
    const deployments: Deployment[] = [];
    using counters = new Counters();
    const trace = {
      name,
      owner,
      function: request.function,
      processes,
      deployments,
      get rows() {
        return out.rows;
      },
      stop: (reason: string) => finish({ reason, failed: false }),
    };
    this.live.set(name, trace);
    const stopped = () => finish({ reason: '', failed: false });
    signal.addEventListener('abort', stopped, { once: true });
    out.onFull = stopped;
    let timer: NodeJS.Timeout | undefined;
    try {
      const failures: string[] = [];
      let live = 0;
      const attempts = await Promise.allSettled(
        processes.map(async (process) => {
          const { when, tree, log, signature, debugFile } = request;
          const logical: ProcessTracepoint = {
            name,
            table: '',
            target: { kind: 'upid', upid: process.upid },
            ttlNs: 0n,
            probes: [
              {
                function: request.function,
                ...selection,
                columns: callColumns({ tree, log: log === '' ? undefined : log }),
                ...(when === '' ? {} : { when: { text: when } }),
                ...(signature === '' ? {} : { signature: { text: signature } }),
              },
            ],
            ...(request.noBudget ? { noBudget: true } : {}),
            ...(debugFile === '' ? {} : { debugFile }),
            ...(Object.keys(limits).length === 0 ? {} : { limits }),
          };
          const deployment = await deployCalls(this.#deployer, logical, {
            counters,
            relation: async () => {},
            batch: (batch) => out.push(batch),
            ended: (state, reason) => {
              live--;
              if (live <= 0) finish({ reason, failed: state === 'FAILED' });
            },
          });
          live++;
          deployments.push(deployment);
        }),
      );
      attempts.forEach((attempt, i) => {
        if (attempt.status === 'rejected')
          failures.push(`process ${processes[i]!.pid}: ${(attempt.reason as Error).message}`);
      });
      const first = attempts.find((attempt) => attempt.status === 'rejected');
      if (deployments.length === 0 && first) throw first.reason;
      if (signal.aborted) return;
      await send({
        event: {
          $case: 'armed',
          value: {
            processes: deployments.length,
            upids: deployments.map((deployment) => formatUpid(deployment.upid)),
            warnings: [...new Set(deployments.flatMap(({ warnings, skipped }) => [...warnings, ...skipped]))],
            failures,
            name,
            places: [],
          },
        },
      });
      if (request.durationNs > 0n)
        timer = setTimeout(stopped, Math.min(Number(request.durationNs / 1_000_000n), 2 ** 31 - 1));
      const end = await over;
      for (const deployment of deployments) await deployment.drain();
      await Promise.all(deployments.map((deployment) => deployment.close()));
      // Only now: a call that ends while the probes come off has a row, and is not one that still runs.
      const running = (await Promise.all(deployments.map((deployment) => deployment.running()))).flatMap((calls, i) =>
        calls.map((call) => runningCall(call, deployments[i]!.upid)),
      );
      await out.flushed();
      const sum = (count: (deployment: Deployment) => number) =>
        BigInt(deployments.reduce((total, deployment) => total + count(deployment), 0));
      await send({
        event: {
          $case: 'end',
          value: {
            reason: end.reason,
            failed: end.failed,
            calls: sum((deployment) => deployment.hits),
            kept: sum((deployment) => deployment.kept),
            rows: BigInt(out.rows),
            drops: sum((deployment) => deployment.drops) + BigInt(out.dropped),
            undecided: sum((deployment) => deployment.undecided),
            notices: deployments.flatMap((deployment) => deployment.notices),
            running,
            node: '',
          },
        },
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stopped);
      this.live.delete(name);
      await Promise.all(deployments.map((deployment) => deployment.close()));
    }
  }

  async close(): Promise<void> {
    for (const trace of this.live.values()) trace.stop('the agent ended');
  }

  /** The calls that are in progress: from the stacks of all goroutines, and with arguments and start where a tracepoint has seen them begin. */
  async openCalls(processes: readonly Pick<GoProcess, 'pid' | 'upid'>[], fn: string): Promise<sonde.TraceEnd> {
    const running: sonde.TraceCall[] = [];
    const reasons: string[] = [];
    for (const process of processes) {
      const { pid, upid } = process;
      const stacked = await callsOnStacks(this.#parts.sys, this.#parts.binaries, pid, fn);
      if (typeof stacked === 'string') {
        reasons.push(`process ${pid}: ${stacked}`);
        continue;
      }
      const seen = (await this.#deployer.runningIn(pid)).filter((call) => stacked.functions.has(call.function));
      running.push(...seen.map((call) => runningCall(call, upid)));
      const known = new Map<string, number>();
      for (const call of seen) known.set(frameOf(call), (known.get(frameOf(call)) ?? 0) + 1);
      for (const call of stacked.calls) {
        const left = known.get(frameOf(call)) ?? 0;
        if (left > 0) known.set(frameOf(call), left - 1);
        else running.push(stackedCall(call, upid));
      }
      if (stacked.running > 0) {
        reasons.push(
          `process ${pid}: ${stacked.running} of ${stacked.goroutines} goroutines were on a CPU, where stacks cannot be read: look again for those`,
        );
      }
      if (stacked.cut > 0)
        reasons.push(`process ${pid}: the stacks of ${stacked.cut} goroutines could not be followed to their bottom`);
    }
    return {
      reason: reasons.join('\n'),
      calls: 0n,
      kept: 0n,
      rows: 0n,
      drops: 0n,
      undecided: 0n,
      notices: [],
      running,
      failed: false,
      node: '',
    };
  }
}

/** A function whose returns cannot be probed is traced at its entry alone, and the client is told. */
export async function deployCalls(
  deployer: Deployer,
  logical: ProcessTracepoint,
  sink: DeploymentSink,
): Promise<Deployment> {
  const probes = logical.probes.map((probe) => ({ ...probe, columns: without(probe.columns, ofReturns) }));
  // A line is no call: there is nothing to it but what can be named there.
  const line = logical.probes.find((probe) => /\.(?:go|s):\d+$/.test(probe.function));
  if (line?.columns.some(({ capture }) => capture.kind === 'call-id'))
    throw new UserError(`'${line.function}' is a line: it is no call, so it has no place in a tree of calls`);
  if (line !== undefined) return deployer.deploy({ ...logical, probes }, sink);
  try {
    return await deployer.deploy(logical, sink);
  } catch (error) {
    const has = (id: string) => error instanceof UserError && error.diagnostics.some((each) => each.id === id);
    if (has('probe.too-many-values')) {
      const bare = logical.probes.map((probe) => ({
        ...probe,
        columns: without(probe.columns, ['arguments', 'results']),
      }));
      const deployment = await deployer.deploy({ ...logical, probes: bare }, sink);
      deployment.warnings.push(`without arguments and results: ${(error as Error).message}`);
      return deployment;
    }
    if (!has('probe.no-return-site')) throw error;
    const deployment = await deployer.deploy({ ...logical, probes }, sink);
    deployment.warnings.push(`only entries are traced: ${(error as Error).message}`);
    return deployment;
  }
}

/** What a client asks for; undefined: all calls. */
function selectionOf({ within, sample, rate, first, per }: sonde.CallSelection): CallSelection | undefined {
  const selection: CallSelection = {
    ...(within === '' ? {} : { within }),
    ...(sample === 0 ? {} : { sample }),
    ...(rate === 0 ? {} : { rate }),
    ...(first === 0 ? {} : { first }),
    ...(per === '' ? {} : { per: { text: per } }),
  };
  for (const [name, count] of Object.entries({ sample, rate, first })) {
    if (count > 0x7fff_ffff) throw new UserError(`${name}: ${count} is more than 2147483647`);
  }
  if (per !== '' && sample === 0 && rate === 0 && first === 0) {
    throw new UserError('per says for what sample, rate and first count apart, and there is none of them');
  }
  return Object.keys(selection).length === 0 ? undefined : selection;
}

/** Rows on their way to one client: a slow client makes them wait here, up to a limit. */
class Outbox {
  rows = 0;
  dropped = 0;
  onFull: () => void = () => {};
  readonly #most: number;
  readonly #send: (reply: sonde.TraceReply) => Promise<void>;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(most: number, send: (reply: sonde.TraceReply) => Promise<void>) {
    this.#most = most;
    this.#send = send;
  }

  push(batch: RowBatch): void {
    let take = batch.rows;
    if (this.#most > 0) take = Math.min(take, this.#most - this.rows);
    if (this.#waiting + take > mostWaiting) {
      this.dropped += take;
      return;
    }
    this.rows += take;
    this.#waiting += take;
    this.#tail = this.#tail.then(async () => {
      for (let row = 0; row < take; row += messageRows) {
        const calls = tracedCalls(batch, row, Math.min(messageRows, take - row));
        await this.#send({ event: { $case: 'calls', value: { calls } } });
        this.#waiting -= calls.length;
      }
    });
    if (this.#most > 0 && this.rows >= this.#most) this.onFull();
  }

  flushed(): Promise<void> {
    return this.#tail;
  }
}

/** So many rows from `row` on, or all that there are. */
export function tracedCalls(batch: RowBatch, row: number, most: number): sonde.TraceCall[] {
  const calls: sonde.TraceCall[] = [];
  for (let i = row; i < Math.min(batch.rows, row + most); i++) calls.push(tracedCall(batch, i));
  return calls;
}

/** Row `row` of a batch whose columns are the implicit ones and `callColumns`. */
function tracedCall(batch: RowBatch, row: number): sonde.TraceCall {
  const there = (i: number) => batch.columns[i] !== undefined && batch.columns[i]!.valid?.[row] !== 0;
  const int = (i: number): bigint | undefined => {
    const column = batch.columns[i];
    return there(i) && (column?.type === 'INT64' || column?.type === 'TIME64NS') ? column.values[row] : undefined;
  };
  const text = (i: number): string => {
    const column = batch.columns[i];
    return there(i) && column?.type === 'STRING' ? textAt(column.values, row) : '';
  };
  const upid = batch.columns[0]!.values as BigUint64Array;
  return {
    upid: formatUpid({
      agentId: Number(upid[2 * row]! >> 32n),
      pid: Number(upid[2 * row]! & 0xffff_ffffn),
      startTicks: upid[2 * row + 1]!,
    }),
    timeNs: int(1) ?? 0n,
    goid: int(2),
    function: text(4) === '' ? text(3) : `${text(3)}[${text(4)}]`,
    inlinedInto: text(5),
    argsJson: text(6),
    resultsJson: text(7),
    latencyNs: int(8),
    outcome: text(9),
    panicJson: text(10),
    callId: int(11),
    parentCallId: int(12),
    ownNs: int(13),
    log: text(14),
    notesJson: batch.notes?.[row] ?? '',
  };
}

export function runningCall(call: OpenCall, upid: Upid): sonde.TraceCall {
  return {
    upid: formatUpid(upid),
    timeNs: call.sinceNs,
    goid: call.goid,
    function: call.function,
    argsJson: argumentsOf(call),
    resultsJson: '',
    latencyNs: call.forNs,
    outcome: 'running',
    inlinedInto: '',
    callId: call.id,
    parentCallId: call.parentId,
    ownNs: undefined,
    panicJson: '',
    log: '',
    notesJson: call.notes ?? '',
  };
}

/** What a call that a tracepoint has seen has in common with its frame on a stack. */
function frameOf(call: { readonly goid?: bigint | undefined; readonly function: string }): string {
  return `${call.goid} ${call.function}`;
}

/** A call that began before anybody traced it: that it runs is all that its goroutine's stack tells. */
function stackedCall({ goid, state, function: fn }: StackedCall, upid: Upid): sonde.TraceCall {
  return {
    upid: formatUpid(upid),
    timeNs: 0n,
    goid,
    function: fn,
    argsJson: '',
    resultsJson: '',
    latencyNs: undefined,
    outcome: 'running',
    inlinedInto: '',
    callId: undefined,
    parentCallId: undefined,
    ownNs: undefined,
    panicJson: '',
    log: '',
    notesJson: JSON.stringify({ args: 'not captured: the call began before it was traced', goroutine: state }),
  };
}

/**
 * What was captured at the entry. A trace's own is `{"args": {…}}`: the inner text as it is, since numbers may not survive a parse;
 * a script's tracepoint has its own columns there.
 */
function argumentsOf(call: OpenCall): string {
  const prefix = '{"args":';
  return call.captured.startsWith(prefix) ? call.captured.slice(prefix.length, -1) : call.captured;
}
