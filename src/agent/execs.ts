import { setTimeout } from 'node:timers/promises';
import { SondeError } from '#base';
import { ExecWatch } from '#bpf';
import type { Sys } from '#sys';

/** Loading the new image takes far less: its file has been opened and looked at by then. */
const settleMs = 20;

/** `atNs`: CLOCK_MONOTONIC. */
type OnExec = (atNs: bigint) => void;

/** Calls back when a process runs another image. One watch in the kernel serves all who ask, and goes with the last. */
export class Execs {
  readonly #sys: Sys;
  readonly #watchers = new Map<number, Set<OnExec>>();
  readonly #watchersOfAll = new Set<(pid: number | undefined) => void>();
  /** By pid, as it was at the last exec. */
  readonly #images = new Map<number, string>();
  #watch: ExecWatch | undefined;

  constructor(sys: Sys) {
    this.#sys = sys;
  }

  /** The result ends it. Where the kernel cannot tell of execs, `onExec` is never called. */
  watch(pid: number, onExec: OnExec): () => void {
    const watchers = this.#watchers.get(pid) ?? new Set();
    this.#watchers.set(pid, watchers);
    watchers.add(onExec);
    if (!this.#images.has(pid)) this.#images.set(pid, imageOf(this.#sys, pid));
    try {
      this.#started().watch(pid);
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
    return () => {
      watchers.delete(onExec);
      if (watchers.size > 0 || this.#watchers.get(pid) !== watchers) return;
      this.#watchers.delete(pid);
      this.#images.delete(pid);
      this.#watch?.unwatch(pid);
      this.#closeIfIdle();
    };
  }

  /** The same for every process there is; without a pid where that is not known in our pid namespace. */
  watchAll(onExec: (pid: number | undefined) => void): () => void {
    this.#watchersOfAll.add(onExec);
    try {
      this.#started().watchAll(true);
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
    return () => {
      this.#watchersOfAll.delete(onExec);
      if (this.#watchersOfAll.size === 0) this.#watch?.watchAll(false);
      this.#closeIfIdle();
    };
  }

  /** Resolves when everybody has been told of the execs up to now. */
  async settle(): Promise<void> {
    // The kernel tells of an exec when the new image is in place, some time after the old one is gone.
    await setTimeout(settleMs);
    this.#watch?.look();
  }

  #closeIfIdle(): void {
    if (this.#watchers.size === 0 && this.#watchersOfAll.size === 0) this.close();
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #changed(pid: number): boolean {
    return imageOf(this.#sys, pid) !== this.#images.get(pid);
  }

  #started(): ExecWatch {
    if (this.#watch) return this.#watch;
    this.#watch = new ExecWatch(this.#sys, ({ pid, ktime }) => {
      // Without a pid it may have been any process outside our pid namespace: those whose image has changed.
      const watched = pid === undefined ? [...this.#watchers.keys()].filter((each) => this.#changed(each)) : [pid];
      for (const each of watched) {
        const watchers = this.#watchers.get(each);
        if (watchers === undefined) continue;
        this.#images.set(each, imageOf(this.#sys, each));
        for (const onExec of [...watchers]) onExec(ktime);
      }
      for (const onExec of [...this.#watchersOfAll]) onExec(pid);
    });
    this.#watch.unref();
    return this.#watch;
  }
}

/** What is another after every exec, also of the same file: where code, stack and arguments begin (proc_pid_stat(5), fields 26, 28, 48). */
function imageOf(sys: Sys, pid: number): string {
  try {
    const stat = Buffer.from(sys.readFile(`/proc/${pid}/stat`)).toString('latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [26, 28, 48].map((field) => fields[field - 3]).join(' ');
  } catch {
    return '';
  }
}
