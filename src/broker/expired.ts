import { type ClusterClient, type ClusterClock, counter, expiry, type Metric, type TracepointKind } from '#cluster';

/** Objects are looked at so often, and deleted so long after their time has passed: as long as agents keep rows. */
const lookMs = 60_000;
const keepMs = 3_600_000;
const kinds: readonly TracepointKind[] = ['Tracepoint', 'ClusterTracepoint'];

/**
 * Deletes Tracepoint objects whose time to live passed an hour ago. Only those that px wrote: one that comes from somewhere else (GitOps) would be
 * written again, and its time would begin anew.
 */
export class ExpiredObjects {
  readonly #client: ClusterClient;
  readonly #clock: ClusterClock;
  readonly #timer: NodeJS.Timeout;
  #deleted = 0;

  constructor(client: ClusterClient, clock: ClusterClock) {
    this.#client = client;
    this.#clock = clock;
    this.#timer = setInterval(() => void this.#look(), lookMs).unref();
    void clock.ready.then(() => this.#look());
  }

  /** For operators. */
  metrics(): Metric[] {
    return [
      counter('sonde_tracepoints_expired_total', 'Tracepoint objects deleted an hour after their time.', this.#deleted),
    ];
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      for (const kind of kinds) {
        const { items } = await this.#client.listTracepoints(kind);
        for (const object of items) {
          if (object.metadata.annotations?.['sonde.dev/owner'] === undefined) continue;
          if (expiry(object) + keepMs > this.#clock.now()) continue;
          // Lists do not say of each object what it is.
          if (await this.#client.delete({ ...object, apiVersion: 'sonde.dev/v1alpha1', kind } as never))
            this.#deleted++;
        }
      }
    } catch (error) {
      process.stderr.write(`${new Date().toISOString()} expired tracepoints: ${(error as Error).message}\n`);
    }
  }
}
