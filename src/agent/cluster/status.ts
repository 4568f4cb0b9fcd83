import { type ClusterClient, ClusterError, type NodeStatus, type TracepointObject } from '#cluster';

type News = Omit<NodeStatus, 'conditions'>;

/** A new state goes out at once, new counts of the same state not more often than this. */
const countsMs = 2000;

interface Entry {
  object: TracepointObject;
  wanted: NodeStatus;
  /** What the API server has, as text. */
  written: string;
  writtenAt: number;
  writing: boolean;
}

/** Writes this node's entries of tracepoints' statuses: only what has changed, and again until the API server has it. */
export class StatusWriter {
  readonly #client: ClusterClient;
  readonly #entries = new Map<string, Entry>();
  readonly #writes = new Set<Promise<void>>();

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  /** Call it as often as there may be news; also with the same. */
  write(object: TracepointObject, news: News): void {
    const key = object.metadata.uid ?? '';
    const before = this.#entries.get(key);
    const wanted = withCondition(news, before?.wanted);
    const entry: Entry = before ?? { object, wanted, written: '', writtenAt: 0, writing: false };
    entry.object = object;
    entry.wanted = wanted;
    this.#entries.set(key, entry);
    if (entry.writing || entry.written === JSON.stringify(wanted)) return;
    const known = entry.written === '' ? undefined : (JSON.parse(entry.written) as NodeStatus);
    const urgent =
      known?.state !== wanted.state ||
      known.reason !== wanted.reason ||
      known.observedGeneration !== wanted.observedGeneration;
    if (!urgent && performance.now() - entry.writtenAt < countsMs) return;
    const write = this.#write(key, entry);
    this.#writes.add(write);
    void write.finally(() => this.#writes.delete(write));
  }

  async close(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write(key: string, entry: Entry): Promise<void> {
    entry.writing = true;
    entry.writtenAt = performance.now();
    const text = JSON.stringify(entry.wanted);
    try {
      await this.#client.applyStatus(entry.object, entry.wanted);
      entry.written = text;
    } catch (error) {
      // Deleted meanwhile. Whatever else: the next round tries again.
      if (error instanceof ClusterError && error.status === 404) this.#entries.delete(key);
      else process.stderr.write(`${new Date().toISOString()} ${(error as Error).message}\n`);
    } finally {
      entry.writing = false;
    }
  }
}

/** The time of a condition is that of its last change. */
function withCondition(news: News, before: NodeStatus | undefined): NodeStatus {
  const status = news.state === 'RUNNING' ? 'True' : 'False';
  const old = before?.conditions[0];
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime : new Date().toISOString();
  return {
    ...news,
    conditions: [{ type: 'Armed', status, reason: news.state, message: news.reason, lastTransitionTime }],
  };
}
