import type { Fd } from '#sys';
import type { Deployment } from './deployment.ts';

/** Fewer hits tell nothing. */
const fewestHits = 20;
/** How long a measurement stands: what values a function has may change. */
const standsMs = 10_000;

interface Measured {
  readonly ns: number;
  readonly at: number;
}

interface Mark {
  readonly hits: number;
  readonly runNs: number;
  readonly waitedNs: number;
}

/**
 * What a call's programs take, entry and return together, by the kernel's own measurement, which is on from one look to the next: as long as there is
 * a deployment with hits of which nothing newer is known.
 */
export class ProgramCosts {
  readonly #measure: () => Fd | undefined;
  readonly #measured = new WeakMap<Deployment, Measured>();
  #marks = new Map<Deployment, Mark>();
  /** At the last look. */
  readonly #hits = new WeakMap<Deployment, number>();
  #stats: Fd | undefined;
  #refused = false;

  constructor(measure: () => Fd | undefined) {
    this.#measure = measure;
  }

  /** Nanoseconds; undefined: not known. */
  of(deployment: Deployment): number | undefined {
    return this.#measured.get(deployment)?.ns;
  }

  look(deployments: readonly Deployment[]): void {
    const now = performance.now();
    const marks = new Map<Deployment, Mark>();
    for (const deployment of deployments) {
      const before = this.#marks.get(deployment);
      const { hits } = deployment;
      const known = this.#measured.get(deployment);
      const quiet = hits === (this.#hits.get(deployment) ?? 0);
      this.#hits.set(deployment, hits);
      if (quiet || (known !== undefined && now - known.at < standsMs)) continue;
      const times = deployment.runTimes();
      const calls = before === undefined ? 0 : hits - before.hits;
      const ns = before === undefined ? 0 : times.runNs - before.runNs - (times.waitedNs - before.waitedNs);
      // Of few calls more are waited for.
      if (calls >= fewestHits && ns > 0) this.#measured.set(deployment, { ns: ns / calls, at: now });
      else marks.set(deployment, before ?? { hits, ...times });
    }
    this.#marks = marks;
    if (marks.size === 0) this.close();
    else if (!this.#refused) {
      this.#stats ??= this.#measure();
      this.#refused = this.#stats === undefined;
    }
  }

  close(): void {
    this.#stats?.close();
    this.#stats = undefined;
  }
}
