/** So many processes are named. */
const named = 3;

/** How long calls of processes that replaced themselves by exec were not seen. */
export class Away {
  readonly #pids: number[] = [];
  #processes = 0;
  #ns = 0n;
  #longestNs = 0n;

  /** Of one process, all its times together; 0: it did not. */
  add(pid: number, ns: bigint): this {
    if (ns === 0n) return this;
    if (this.#processes++ < named) this.#pids.push(pid);
    this.#ns += ns;
    if (ns > this.#longestNs) this.#longestNs = ns;
    return this;
  }

  /** Of all of these, and of more. */
  with(more: Iterable<{ readonly upid: { readonly pid: number }; readonly awayNs: bigint }>): Away {
    const all = new Away();
    all.#pids.push(...this.#pids);
    [all.#processes, all.#ns, all.#longestNs] = [this.#processes, this.#ns, this.#longestNs];
    for (const { upid, awayNs } of more) all.add(upid.pid, awayNs);
    return all;
  }

  /** For people: nothing, or one line however many they are. */
  get notices(): readonly string[] {
    if (this.#processes === 0) return [];
    if (this.#processes === 1) {
      return [
        `the process ${this.#pids[0]} has replaced itself by exec: calls in the new program were not seen until the probes were in place there (${milliseconds(this.#ns)})`,
      ];
    }
    const more = this.#processes > this.#pids.length ? ', …' : '';
    return [
      `${this.#processes} processes (${this.#pids.join(', ')}${more}) have replaced themselves by exec: calls in the new programs were not seen until the probes were in place there (${milliseconds(this.#ns)} in all, at most ${milliseconds(this.#longestNs)})`,
    ];
  }
}

function milliseconds(ns: bigint): string {
  return `${ns / 1_000_000n} ms`;
}
