import type { sonde } from '#api';
import { formatUpid } from '#model';
import type { Sys } from '#sys';
import { Away } from './away.ts';
import type { Binaries } from './binaries.ts';
import { deployCalls } from './deploy-calls.ts';
import type { Deployer, Deployment } from './deployment.ts';
import type { Kernel } from './kernel.ts';
import { openCalls } from './open-calls.ts';
import { Outbox } from './outbox.ts';
import type { GoProcess, Processes } from './processes.ts';
import { Shared } from './shared.ts';
import { requestedTracepoint } from './trace-request.ts';
import { runningCall } from './traced-calls.ts';

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

export interface TracerParts {
  readonly sys: Sys;
  readonly processes: Processes;
  readonly binaries: Binaries;
  readonly kernel: Kernel;
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
    const name = `trace-${++this.#made}`;
    const tracepointOf = requestedTracepoint(name, request);
    const out = new Outbox(Number(request.count), send);
    let finish: (end: { reason: string; failed: boolean }) => void = () => {};
    const over = new Promise<{ reason: string; failed: boolean }>((resolve) => {
      finish = resolve;
    });
    const deployments: Deployment[] = [];
    using shared = new Shared();
    shared.processes = processes.length;
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
          const deployment = await deployCalls(this.#deployer, tracepointOf(process.upid), {
            shared,
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
      await Promise.all(deployments.map((deployment) => deployment.drain()));
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
            notices: [...new Away().with(deployments).notices],
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

  /** The calls of a function that are in progress, as the end of a trace that saw nothing else. */
  openCalls(processes: readonly Pick<GoProcess, 'pid' | 'upid'>[], fn: string): Promise<sonde.TraceEnd> {
    const { sys, binaries } = this.#parts;
    return openCalls({ sys, binaries, deployer: this.#deployer }, processes, fn);
  }
}
