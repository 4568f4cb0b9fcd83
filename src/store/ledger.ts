/** What the store knows of a table's rows without asking the engine: runs of rows in the order in which they came. */
interface Run {
  /** Sequence number behind the run's last row. */
  end: number;
  rows: number;
  bytes: number;
  /** Wall clock of arrival, nanoseconds: of the first row, and of the last. */
  firstNs: bigint;
  lastNs: bigint;
}

/** Rows, bytes and age of one table, and where to cut it. Bytes are those of the values as they came, not of the file. */
export class Ledger {
  readonly #runs: Run[] = [];
  readonly #runBytes: number;
  readonly #runNs: bigint;
  #next: number;
  #rows = 0;
  #bytes = 0;

  /** Rows are kept count of in runs of about `runBytes` and at most `runNs`: what is cut is whole runs. */
  constructor(options: { runBytes: number; runNs: bigint; firstSequence?: number }) {
    this.#runBytes = options.runBytes;
    this.#runNs = options.runNs;
    this.#next = options.firstSequence ?? 0;
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Sequence number of the next row. */
  get nextSequence(): number {
    return this.#next;
  }

  /** When the oldest row arrived; undefined without rows. */
  get oldestNs(): bigint | undefined {
    return this.#runs[0]?.firstNs;
  }

  /** Counts rows in; gives the sequence number of the first. */
  add(rows: number, bytes: number, nowNs: bigint): number {
    const first = this.#next;
    this.#next += rows;
    this.#rows += rows;
    this.#bytes += bytes;
    const last = this.#runs.at(-1);
    if (last && last.bytes + bytes <= this.#runBytes && nowNs - last.firstNs <= this.#runNs) {
      last.end = this.#next;
      last.rows += rows;
      last.bytes += bytes;
      last.lastNs = nowNs;
    } else if (rows > 0) {
      this.#runs.push({ end: this.#next, rows, bytes, firstNs: nowNs, lastNs: nowNs });
    }
    return first;
  }

  /** Counts out rows that came last and were lost on their way. */
  forget(rows: number): void {
    this.#rows -= Math.min(rows, this.#rows);
    const last = this.#runs.at(-1);
    if (last) last.rows -= Math.min(rows, last.rows);
  }

  /**
   * Counts out the oldest runs until at most `maxBytes` are left and none that arrived wholly before `beforeNs`. Gives the
   * sequence number below which all rows go; undefined when none does. The newest run stays, however large.
   */
  cut(maxBytes: number, beforeNs: bigint): number | undefined {
    let below: number | undefined;
    let run: Run | undefined;
    while ((run = this.#runs[0]) && (run.lastNs < beforeNs || (this.#bytes > maxBytes && this.#runs.length > 1))) {
      this.#runs.shift();
      this.#rows -= run.rows;
      this.#bytes -= run.bytes;
      below = run.end;
    }
    return below;
  }
}
