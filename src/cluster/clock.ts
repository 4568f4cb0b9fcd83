import type { ClusterClient } from './client.ts';
import { gauge, type Metric } from './health.ts';

/** How often the API server is asked for its time. */
const askMs = 60_000;
/** HTTP tells whole seconds: a difference below this is none. */
const sameMs = 1500;

/**
 * The API server's clock: what ends at a time of the cluster ends for all nodes at once, however their own clocks go. While the API server is away,
 * the difference that was seen last holds.
 */
export class ClusterClock {
  readonly #client: ClusterClient;
  readonly #timer: NodeJS.Timeout;
  /** Resolves when the API server has been asked, whether it has answered or not. */
  readonly ready: Promise<void>;
  /** Milliseconds that the API server's clock is ahead of ours. */
  aheadMs = 0;

  constructor(client: ClusterClient) {
    this.#client = client;
    this.#timer = setInterval(() => void this.#ask(), askMs).unref();
    this.ready = this.#ask();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** For operators. */
  metric(): Metric {
    return gauge('sonde_clock_behind_seconds', "How far this clock is behind the API server's.", this.aheadMs / 1000);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    const before = Date.now();
    try {
      const theirs = await this.#client.time();
      const aheadMs = theirs - (before + Date.now()) / 2;
      this.aheadMs = Math.abs(aheadMs) < sameMs ? 0 : Math.round(aheadMs);
    } catch {
      // The watches tell of it.
    }
  }
}
