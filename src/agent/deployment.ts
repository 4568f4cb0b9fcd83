import { SondeError } from '#base';
import { openRunTimeStats } from '#bpf';
import { formatUpid, type ProcessTracepoint, type Relation, type RowBatch, type Upid } from '#model';
import type { Redaction } from '#probe';
import type { Sys } from '#sys';
import { arm } from './arm.ts';
import type { Armed } from './armed.ts';
import type { Binaries } from './binaries.ts';
import { Budget } from './budget.ts';
import type { Execs } from './execs.ts';
import type { Kernel } from './kernel.ts';
import type { Processes } from './processes.ts';
import type { OpenCall } from './reader/messages.ts';
import type { Reader } from './reader/reader.ts';
import { Shared } from './shared.ts';

export type { OpenCall } from './reader/messages.ts';

/** Where a deployment's rows and news go. */
export interface DeploymentSink {
  /** The columns, before anything is loaded: throw to refuse them. Called again when the process has become another program. */
  relation(relation: Relation): Promise<void>;
  batch(batch: RowBatch): void;
  /** Calls that run when the tracepoint ends get a row, of outcome `running`: whoever does not list them itself wants that. */
  readonly rowsOfRunning?: true;
  /** What a tracepoint of several processes has once; without: each process by itself. */
  readonly shared?: Shared;
  /** It ended by itself: the process is gone, the budget was passed. The probes are gone, rows before this are delivered. */
  ended(state: 'FAILED' | 'TERMINATED', reason: string): void;
}

export interface DeployerParts {
  readonly sys: Sys;
  readonly kernel: Kernel;
  readonly processes: Processes;
  readonly binaries: Binaries;
  readonly reader: Reader;
  readonly execs: Execs;
  /** What is never captured. Throws where the owner's list cannot be read. */
  readonly redaction: () => Redaction;
}

/** Places tracepoints in processes and watches over them. */
export class Deployer {
  readonly #parts: DeployerParts;
  readonly #budget: Budget;
  readonly #live = new Set<Deployment>();

  constructor(parts: DeployerParts) {
    this.#parts = parts;
    this.#budget = new Budget(parts.kernel, () => openRunTimeStats(parts.sys));
  }

  /**
   * Resolves when the probe is armed: its breakpoints are in the process's memory.
   * @throws UserError for what the script or the process has wrong, MachineError for what this machine does not allow.
   */
  async deploy(logical: ProcessTracepoint, sink: DeploymentSink): Promise<Deployment> {
    this.#parts.kernel.requirePrivileges();
    const { upid } = logical.target;
    this.#parts.processes.byUpid(upid);
    const deployment = new Deployment(this.#parts, logical, sink);
    await deployment.start();
    this.#live.add(deployment);
    deployment.onClose = () => this.#live.delete(deployment);
    if (logical.noBudget !== true) this.#budget.watch(deployment);
    return deployment;
  }

  /** Calls of a process that are open in any tracepoint. */
  async runningIn(pid: number): Promise<readonly OpenCall[]> {
    const there = [...this.#live].filter((deployment) => deployment.upid.pid === pid);
    return (await Promise.all(there.map((deployment) => deployment.running()))).flat();
  }

  close(): void {
    this.#budget.close();
    this.#parts.execs.close();
  }
}

/** One tracepoint in one process, from arming to the end. */
export class Deployment {
  readonly upid: Upid;
  readonly warnings: string[] = [];
  /** Of one CPU: what its hits cost just now. */
  share = 0;
  onClose: () => void = () => {};
  readonly #parts: DeployerParts;
  readonly #logical: ProcessTracepoint;
  readonly #sink: DeploymentSink;
  readonly #shared: Shared;
  #armed: Armed | undefined;
  /** Counts of images that the process ran before an exec. */
  #before = { hits: 0, notKept: 0, drops: 0, undecided: 0 };
  /** Calls that ran when the probes came off. */
  #left: readonly OpenCall[] = [];
  #unwatch: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  /** How often the process has become another program since we look. */
  #execs = 0;
  /** The last time, CLOCK_MONOTONIC. */
  #execAtNs = 0n;
  #arming = false;
  #awayNs = 0n;
  /** Going on in the new image, while that is under way. */
  #following: Promise<void> | undefined;

  constructor(parts: DeployerParts, logical: ProcessTracepoint, sink: DeploymentSink) {
    this.#parts = parts;
    this.#logical = logical;
    this.#sink = sink;
    this.#shared = sink.shared ?? new Shared();
    this.upid = logical.target.upid;
  }

  /** As its first probe names it. */
  get function(): string {
    return this.#logical.probes[0]!.function;
  }

  /** Calls that were seen. */
  get hits(): number {
    return this.#before.hits + (this.#armed?.hits ?? 0);
  }

  /** Of the calls that were seen, those that were kept. */
  get kept(): number {
    return this.hits - this.#before.notKept - (this.#armed?.notKept ?? 0);
  }

  /** Events that were lost because the ring buffer was full. */
  get drops(): number {
    return this.#before.drops + (this.#armed?.drops ?? 0);
  }

  /** Calls without a row because their condition could not be decided. */
  get undecided(): number {
    return this.#before.undecided + (this.#armed?.undecided ?? 0);
  }

  /** Functions that a pattern stands for and that are not traced, with the reasons. */
  skipped: readonly string[] = [];

  /** The probed functions, as the linker has them (the script may have named them by a suffix). */
  functions: readonly string[] = [];

  /** How long its probes were away after an exec, all in all. */
  get awayNs(): bigint {
    return this.#awayNs;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Nanoseconds that its hits have cost the process so far, for the cost of one emulated and one stepped hit. */
  cost(emulatedNs: number, steppedNs: number): number {
    return this.#armed?.cost(emulatedNs, steppedNs) ?? 0;
  }

  /** The same if nothing were done at the returns. */
  entryCost(emulatedNs: number, steppedNs: number): number {
    return this.#armed?.entryCost(emulatedNs, steppedNs) ?? 0;
  }

  /** Nanoseconds that its programs have run while the kernel measured that, and that they have waited at all. */
  runTimes(): { readonly runNs: number; readonly waitedNs: number } {
    return { runNs: this.#armed?.runNs() ?? 0, waitedNs: this.#armed?.waitedNs ?? 0 };
  }

  async start(): Promise<void> {
    const { sys, execs, processes } = this.#parts;
    const { pid } = this.upid;
    const pidfd = sys.pidfdOpen(pid);
    this.#unwatch.push(
      () => sys.close(pidfd),
      // Before anything is read of the image, so that no exec is missed.
      execs.watch(pid, (atNs) => this.#execed(atNs)),
    );
    try {
      // The descriptor is of this very process, not of another that got its pid meanwhile.
      processes.byUpid(this.upid);
      await this.#arm();
    } catch (error) {
      this.#stopWatching();
      this.#endShared();
      throw error;
    }
    const readiness = sys.onReadable(pidfd, () => {
      readiness.pause();
      void this.#exited();
    });
    this.#unwatch.unshift(() => readiness.close());
  }

  /** Every event that is in the ring buffer now is delivered. */
  async flush(): Promise<void> {
    await this.#armed?.flush();
  }

  /** Takes no more calls, waits a little for those that are running, and delivers all. */
  async drain(): Promise<void> {
    await this.#armed?.drain();
  }

  /** The calls that run now; once closed, those that ran at the end. */
  async running(): Promise<readonly OpenCall[]> {
    return (await this.#armed?.running()) ?? this.#left;
  }

  /** Takes the probes off and delivers what is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  /** Takes the probes off and tells why. */
  async fail(state: 'FAILED' | 'TERMINATED', reason: string): Promise<void> {
    if (this.#closing) return;
    await this.close();
    this.#sink.ended(state, reason);
  }

  /** In the image that runs when all is in place: if the process became another program meanwhile, all over. */
  async #arm(): Promise<void> {
    const { execs } = this.#parts;
    this.#arming = true;
    using stack = new DisposableStack();
    stack.defer(() => {
      this.#arming = false;
    });
    while (!this.#closing) {
      const image = this.#execs;
      try {
        const failed = (reason: string) => void this.fail('FAILED', reason);
        const armed = await arm(this.#parts, this.#logical, this.#sink, this.#shared, failed);
        this.#armed = armed;
        this.functions = armed.functions;
        this.skipped = armed.skipped;
        if (image === this.#execs) {
          for (const warning of armed.warnings) if (!this.warnings.includes(warning)) this.warnings.push(warning);
          return;
        }
        await this.#leaveImage();
      } catch (error) {
        await execs.settle();
        if (image === this.#execs || this.#closing) throw error;
      }
    }
  }

  async #release(): Promise<void> {
    this.onClose();
    this.#stopWatching();
    await this.#following;
    await this.#disarm();
    this.#endShared();
  }

  #endShared(): void {
    if (this.#sink.shared === undefined) this.#shared[Symbol.dispose]();
  }

  #stopWatching(): void {
    for (const stop of this.#unwatch.splice(0)) stop();
  }

  async #disarm(): Promise<void> {
    const armed = this.#armed;
    if (!armed) return;
    await armed.close();
    const left = await armed.running();
    // Another caller may have waited for the same.
    if (this.#armed !== armed) return;
    this.#left = left;
    const { hits, notKept, drops, undecided } = this.#before;
    this.#before = {
      hits: hits + armed.hits,
      notKept: notKept + armed.notKept,
      drops: drops + armed.drops,
      undecided: undecided + armed.undecided,
    };
    this.#armed = undefined;
  }

  async #exited(): Promise<void> {
    if (this.#closing) return;
    await this.#armed?.exited();
    await this.fail('TERMINATED', `the process ${this.upid.pid} (UPID ${formatUpid(this.upid)}) has ended`);
  }

  /** The process runs another image under the same pid and UPID: its open calls are over, everything is resolved anew. */
  #execed(atNs: bigint): void {
    this.#execs++;
    this.#execAtNs = atNs;
    this.#armed?.shut();
    // Who arms now will see it.
    if (this.#closing || this.#following || this.#arming) return;
    this.#following = this.#follow().finally(() => {
      this.#following = undefined;
    });
  }

  async #follow(): Promise<void> {
    try {
      const since = this.#execAtNs;
      await this.#leaveImage();
      if (this.#closing) return;
      await this.#arm();
      this.#awayNs += process.hrtime.bigint() - since;
    } catch (error) {
      const reason = error instanceof SondeError ? error.message : String(error);
      // Not waited for: it waits for us.
      void this.fail('TERMINATED', `the process ${this.upid.pid} has replaced itself by exec: ${reason}`);
    }
  }

  async #leaveImage(): Promise<void> {
    await this.#armed?.exited(this.#execAtNs);
    await this.#disarm();
  }
}
