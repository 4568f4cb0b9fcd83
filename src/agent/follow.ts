import { basename } from 'node:path';
import { SondeError } from '#base';
import type { ProcessSelector, Upid } from '#model';
import { listPids, readCgroups, readCommandLine, readExecutableLink, readProcessStat, type Sys } from '#sys';
import type { Processes } from './processes.ts';

/** New processes are found within this. */
const periodMs = 400;

/** What a process was when it was last looked at. */
interface Known {
  readonly startTicks: bigint;
  /** An exec makes another program of it. */
  readonly executable: string;
  readonly upid: Upid | undefined;
  readonly names: readonly string[];
  readonly cgroups: readonly string[];
}

interface Followed {
  readonly name: string;
  readonly selector: ProcessSelector;
}

/** Tells tracepoints whose target is a selector which processes fit it, now and as they start, for as long as there are such tracepoints. */
export class Follower {
  readonly #sys: Sys;
  readonly #processes: Processes;
  readonly #followed: () => readonly Followed[];
  readonly #tell: (name: string, upids: readonly Upid[]) => Promise<void>;
  #known = new Map<number, Known>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  /** The round behind the one that is under way. */
  #next: Promise<void> | undefined;

  constructor(
    sys: Sys,
    processes: Processes,
    followed: () => readonly Followed[],
    tell: (name: string, upids: readonly Upid[]) => Promise<void>,
  ) {
    this.#sys = sys;
    this.#processes = processes;
    this.#followed = followed;
    this.#tell = tell;
  }

  /** Resolves when every process that fits now has been told of. */
  look(): Promise<void> {
    this.#next ??= this.#begin(this.#round);
    return this.#next;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Never two rounds at once: both would find the same process new. */
  async #begin(before: Promise<void>): Promise<void> {
    await before.catch(() => {});
    this.#next = undefined;
    clearTimeout(this.#timer);
    this.#round = this.#look();
    await this.#round;
  }

  async #look(): Promise<void> {
    const followed = this.#followed();
    if (followed.length === 0) {
      this.#known.clear();
      return;
    }
    this.#refresh();
    for (const { name, selector } of followed) {
      const fitting = [...this.#known.values()].filter((known) => fits(known, selector));
      await this.#tell(
        name,
        fitting.flatMap(({ upid }) => upid ?? []),
      );
    }
    this.#timer = setTimeout(() => void this.look(), periodMs);
    this.#timer.unref();
  }

  /** Only what is new is looked into: a round costs little on a machine with many processes. */
  #refresh(): void {
    const next = new Map<number, Known>();
    for (const pid of listPids(this.#sys)) {
      const stat = readProcessStat(this.#sys, pid);
      const link = stat && this.#link(pid);
      if (!stat || !link) continue;
      const before = this.#known.get(pid);
      const same = before?.startTicks === stat.startTicks && before.executable === link.path;
      next.set(pid, same ? before : this.#inspect(pid, stat.startTicks, link.path));
    }
    this.#known = next;
  }

  /** Undefined for a process that has ended, or may not be looked at. */
  #link(pid: number): { readonly path: string } | undefined {
    try {
      return readExecutableLink(this.#sys, pid);
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return undefined;
    }
  }

  #inspect(pid: number, startTicks: bigint, executable: string): Known {
    const command = (readCommandLine(this.#sys, pid) ?? [])[0] ?? '';
    return {
      startTicks,
      executable,
      upid: this.#processes.goProcess(pid)?.upid,
      names: [basename(executable), basename(command)],
      cgroups: readCgroups(this.#sys, pid),
    };
  }
}

function fits(known: Known, { executable, name, cgroup }: ProcessSelector): boolean {
  if (known.upid === undefined) return false;
  if (executable !== undefined && known.executable !== executable) return false;
  if (name !== undefined && !known.names.includes(name)) return false;
  return cgroup === undefined || known.cgroups.some((path) => path === cgroup || path.startsWith(`${cgroup}/`));
}
