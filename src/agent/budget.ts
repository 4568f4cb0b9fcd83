import type { Deployment } from './deployment.ts';
import type { Kernel } from './kernel.ts';

/** Share of one CPU that a tracepoint's hits may cost the process. */
export const costLimit = 0.5;
/** Over so long the cost is averaged: what goes on above the limit is off within a second, a short burst gets through whole. */
const windowNs = 850_000_000n;
/** What our programs take beyond the trap that calibration measures: reading `g`, building and submitting a record. */
export const programNs = 600;
const periodMs = 150;
/** While nothing is hit. */
const quietPeriodMs = 300;

/** What a tracepoint had cost when it was looked at. */
interface Sample {
  readonly atNs: bigint;
  readonly costNs: number;
  readonly hits: number;
}

interface Watched {
  readonly deployment: Deployment;
  /** Oldest first: the first is the newest that is a whole window old, if any is. */
  readonly samples: Sample[];
}

/** Takes off any tracepoint whose hits cost too much: the trap is the cost, so nothing less helps. */
export class Budget {
  readonly #kernel: Kernel;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Until the deployment has ended. */
  watch(deployment: Deployment): void {
    const first = { atNs: process.hrtime.bigint(), costNs: 0, hits: deployment.hits };
    this.#watched.add({ deployment, samples: [first] });
    if (!this.#timer) this.#schedule(periodMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watched.clear();
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { emulatedNs, steppedNs } = await this.#kernel.hitCost();
    const atNs = process.hrtime.bigint();
    let quiet = true;
    for (const watched of this.#watched) {
      const { deployment, samples } = watched;
      if (deployment.closed) {
        this.#watched.delete(watched);
        continue;
      }
      const { hits } = deployment;
      const costNs = deployment.cost(emulatedNs + programNs, steppedNs + programNs);
      if (hits !== samples.at(-1)!.hits) quiet = false;
      samples.push({ atNs, costNs, hits });
      while (samples.length > 2 && atNs - samples[1]!.atNs >= windowNs) samples.shift();
      const since = samples[0]!;
      const elapsed = Number(atNs - since.atNs);
      const share = (costNs - since.costNs) / elapsed;
      deployment.share = share;
      if (atNs - since.atNs < windowNs || share <= costLimit) continue;
      this.#watched.delete(watched);
      const rate = Math.round(((hits - since.hits) / elapsed) * 1e9);
      void deployment.fail(
        'FAILED',
        `taken off because it cost too much: ${rate} calls a second, ${share.toFixed(2)} CPUs of probe cost (limit ${costLimit}); trace a function that is called less often`,
      );
    }
    this.#timer = undefined;
    if (this.#watched.size > 0) this.#schedule(quiet ? quietPeriodMs : periodMs);
  }
}
