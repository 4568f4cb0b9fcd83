import { basename } from 'node:path';
import { SondeError } from '#base';
import type { ProcessSelector, Upid } from '#model';
import { listPids, readCgroups, readCommandLine, readExecutableLink, readProcessStat, type Sys } from '#sys';
import type { Execs } from './execs.ts';
import type { Processes } from './processes.ts';

/** New processes of whose exec the kernel did not tell are found within this: forks, those of other pid namespaces, and where it cannot tell. */
const periodMs = 400;

/** What a process was when it was last looked at. */
interface Known {
  readonly startTicks: bigint;
  /** An exec makes another program of it. */
  readonly executable: string;
  /** Of a Go program. */
  readonly upid: Upid | undefined;
  readonly names: readonly string[];
  readonly cgroups: readonly string[];
}

interface Followed {
  readonly name: string;
  readonly selector: ProcessSelector;
}

export interface FollowerParts {
  readonly sys: Sys;
  readonly processes: Pick<Processes, 'goProcess'>;
  readonly execs: Pick<Execs, 'watchAll'>;
  /** The tracepoints whose target is a selector. */
  followed(): readonly Followed[];
  tell(name: string, upids: readonly Upid[]): Promise<void>;
}

/** Tells tracepoints whose target is a selector which processes fit it, now and as they start, for as long as there are such tracepoints. */
export class Follower {
  readonly #parts: FollowerParts;
  readonly #known = new Map<number, Known>();
  #timer: NodeJS.Timeout | undefined;
  /** The last round that was asked for. */
  #last: Promise<void> = Promise.resolve();
  /** The round over all processes that has not begun. */
  #next: Promise<void> | undefined;
  /** What the round over these, which has not begun, is for. */
  readonly #started = new Set<number>();
  #unwatch: (() => void) | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Resolves when every process that fits now has been told of. */
  look(): Promise<void> {
    this.#next ??= this.#inTurn(() => {
      this.#next = undefined;
      return this.#lookAtAll();
    });
    return this.#next;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** Never two rounds at once: both would find the same process new. */
  #inTurn(round: () => Promise<void>): Promise<void> {
    this.#last = this.#last.catch(() => {}).then(round);
    return this.#last;
  }

  async #lookAtAll(): Promise<void> {
    clearTimeout(this.#timer);
    const followed = this.#parts.followed();
    if (followed.length === 0) {
      this.close();
      this.#known.clear();
      return;
    }
    // Before the first look, so that no process starts unseen.
    this.#unwatch ??= this.#parts.execs.watchAll((pid) => this.#execed(pid));
    this.#seeAll();
    for (const each of followed) await this.#tell(each);
    this.#timer = setTimeout(() => void this.look(), periodMs);
    this.#timer.unref();
  }

  /** One whose pid is not known here is found by the next look over all. */
  #execed(pid: number | undefined): void {
    if (pid === undefined) return;
    if (this.#started.size === 0) void this.#inTurn(() => this.#lookAtStarted());
    this.#started.add(pid);
  }

  async #lookAtStarted(): Promise<void> {
    const started = [...this.#started];
    this.#started.clear();
    const seen = started.flatMap((pid) => this.#see(pid) ?? []);
    for (const each of this.#parts.followed()) {
      if (seen.some((known) => fits(known, each.selector))) await this.#tell(each);
    }
  }

  #tell({ name, selector }: Followed): Promise<void> {
    const fitting = [...this.#known.values()].filter((known) => fits(known, selector));
    return this.#parts.tell(
      name,
      fitting.flatMap(({ upid }) => upid ?? []),
    );
  }

  #seeAll(): void {
    const pids = new Set(listPids(this.#parts.sys));
    for (const pid of this.#known.keys()) if (!pids.has(pid)) this.#known.delete(pid);
    for (const pid of pids) this.#see(pid);
  }

  /** Only what is new is looked into: a round costs little on a machine with many processes. */
  #see(pid: number): Known | undefined {
    const { sys } = this.#parts;
    const startTicks = readProcessStat(sys, pid)?.startTicks;
    const executable = startTicks === undefined ? undefined : this.#executable(pid);
    if (startTicks === undefined || executable === undefined) {
      this.#known.delete(pid);
      return undefined;
    }
    const before = this.#known.get(pid);
    if (before?.startTicks === startTicks && before.executable === executable) return before;
    const known = this.#inspect(pid, startTicks, executable);
    this.#known.set(pid, known);
    return known;
  }

  /** Undefined for a process that has ended, or may not be looked at. */
  #executable(pid: number): string | undefined {
    try {
      return readExecutableLink(this.#parts.sys, pid)?.path;
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return undefined;
    }
  }

  #inspect(pid: number, startTicks: bigint, executable: string): Known {
    const { sys, processes } = this.#parts;
    const command = (readCommandLine(sys, pid) ?? [])[0] ?? '';
    let upid: Upid | null | undefined;
    return {
      startTicks,
      executable,
      names: [basename(executable), basename(command)],
      cgroups: readCgroups(sys, pid),
      // The file of many a process need not be opened.
      get upid() {
        if (upid === undefined) upid = processes.goProcess(pid)?.upid ?? null;
        return upid?.startTicks === startTicks ? upid : undefined;
      },
    };
  }
}

function fits(known: Known, { executable, name, cgroup }: ProcessSelector): boolean {
  if (executable !== undefined && known.executable !== executable) return false;
  if (name !== undefined && !known.names.includes(name)) return false;
  if (cgroup !== undefined && !known.cgroups.some((path) => path === cgroup || path.startsWith(`${cgroup}/`)))
    return false;
  return known.upid !== undefined;
}
