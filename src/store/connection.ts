import { Worker } from 'node:worker_threads';
import type { RowBatch } from '#model';
import { QueryFailed, StoreClosed, StoreFailed } from './errors.ts';
import type { Reply, Request, WorkerOptions } from './messages.ts';

/** A request of one kind, without its id, or of any. */
type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;
export type NewRequest = WithoutId<Request>;

interface Waiting {
  readonly rows?: (batch: RowBatch) => void;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** The engine's thread seen from the other side: requests out, replies to whoever asked. */
export class EngineThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: Error | undefined;

  constructor(options: WorkerOptions, lost: (table: string, rows: number, reason: string) => void) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'sonde store',
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => {
      if (reply.op === 'lost') lost(reply.table, reply.rows, reply.reason);
      else this.#settle(reply);
    });
    this.#worker.on('error', (cause) =>
      this.#fail(new StoreFailed(cause instanceof Error ? cause.message : String(cause), { cause })),
    );
    this.#worker.on('exit', (status) => this.#fail(new StoreFailed(`its thread ended with status ${status}`)));
  }

  /** Ends with the request. Throws QueryFailed with the engine's words, StoreFailed when the thread is gone. */
  ask(request: NewRequest, transfer: ArrayBuffer[] = []): Promise<void> {
    return new Promise((done, failed) => {
      this.start(request, { done, failed }, transfer);
    });
  }

  /** Sends a request whose replies go to `waiting`; gives its id, for `tell`. */
  start(request: NewRequest, waiting: Waiting, transfer: ArrayBuffer[] = []): number {
    const id = this.#nextId++;
    if (this.#failure !== undefined) {
      waiting.failed(this.#failure);
      return id;
    }
    this.#waiting.set(id, waiting);
    this.#worker.ref();
    this.#worker.postMessage({ ...request, id }, transfer);
    return id;
  }

  tell(op: 'more' | 'cancel', id: number): void {
    this.#worker.postMessage({ op, id } satisfies Request);
  }

  /** Ends the thread; what is still asked fails with StoreClosed. */
  async close(): Promise<void> {
    for (const waiting of this.#waiting.values()) waiting.failed(new StoreClosed());
    this.#waiting.clear();
    await this.ask({ op: 'close' }).catch(() => undefined);
    this.#fail(new StoreClosed());
    await this.#worker.terminate();
  }

  #settle(reply: Exclude<Reply, { op: 'lost' }>): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    if (reply.op === 'rows') {
      waiting.rows?.(reply.batch);
      return;
    }
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (reply.op === 'done') waiting.done();
    else waiting.failed(new QueryFailed(reply.reason, reply.sql));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.failed(this.#failure);
    this.#waiting.clear();
  }
}
