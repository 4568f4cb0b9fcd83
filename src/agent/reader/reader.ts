import { Worker } from 'node:worker_threads';
import { BugError } from '#base';
import type { RowBatch } from '#model';
import type { Decoding, FromReader, OpenCall, ReaderRequest, RingDescription, ToReader } from './messages.ts';

/** Where goes what comes of a ring. */
export interface RingSink {
  batch(batch: RowBatch): void;
  /** Of its records no rows can be made, by an error of ours: nothing more comes, and it is to be closed. Other rings go on. */
  failed(error: string): void;
}

/**
 * The thread that reads all ring buffers and makes rows. It sleeps until the kernel has data; nothing that the main thread
 * or a query does delays it. Its rows arrive here in order, before the answer to any request made after them.
 */
export class Reader {
  #worker: Worker | undefined;
  #tokens = 0;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: readonly OpenCall[]) => void; reject: (error: Error) => void }
  >();
  readonly #sinks = new Map<number, RingSink>();
  /** What the thread knows, and the rings that are open with it. */
  readonly #decodings = new Map<Decoding['plans'], { readonly id: number; readonly rings: Set<number> }>();

  /** Its modules are loaded meanwhile: whoever will open a ring says so early. */
  start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'ring reader' });
    worker.on('message', (message: FromReader) => this.#receive(message));
    worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values())
        reject(error instanceof Error ? error : new Error(String(error)));
      this.#waiting.clear();
      throw error;
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  async open({ plans, relation, ...ring }: RingDescription, sink: RingSink): Promise<void> {
    this.#sinks.set(ring.id, sink);
    const known = this.#decodings.get(plans);
    const { id, rings } = known ?? { id: ring.id, rings: new Set<number>() };
    this.#decodings.set(plans, { id, rings: rings.add(ring.id) });
    const what = known === undefined ? { plans, relation } : undefined;
    try {
      await this.#ask({ kind: 'open', ring, decoding: { id, ...(what && { what }) } });
    } catch (error) {
      await this.close(ring.id);
      throw error;
    }
  }

  async flush(id: number): Promise<void> {
    await this.#ask({ kind: 'flush', id });
  }

  running(id: number): Promise<readonly OpenCall[]> {
    return this.#ask({ kind: 'running', id });
  }

  async exited(id: number, replacedNs: bigint | undefined): Promise<void> {
    await this.#ask({ kind: 'exited', id, replacedNs });
  }

  /** The calls that are left open. */
  async close(id: number): Promise<readonly OpenCall[]> {
    // The thread forgets a decoding with the last of its rings, too, in the same order.
    for (const [plans, { rings }] of this.#decodings) {
      if (rings.delete(id) && rings.size === 0) this.#decodings.delete(plans);
    }
    const left = await this.#ask({ kind: 'close', id });
    this.#sinks.delete(id);
    return left;
  }

  /** Gives back the memory that the thread does not need; one that does not run is not started for that. */
  async trimMemory(): Promise<void> {
    if (this.#worker !== undefined) await this.#ask({ kind: 'trim' });
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #ask(request: ReaderRequest): Promise<readonly OpenCall[]> {
    const token = ++this.#tokens;
    return new Promise((resolve, reject) => {
      this.#waiting.set(token, { resolve, reject });
      this.start().postMessage({ ...request, token } satisfies ToReader);
    });
  }

  #receive(message: FromReader): void {
    if (message.kind === 'rows') {
      this.#sinks.get(message.id)?.batch(message.batch);
      return;
    }
    if (message.kind === 'failed') {
      this.#sinks.get(message.id)?.failed(message.error);
      return;
    }
    const waiting = this.#waiting.get(message.token);
    this.#waiting.delete(message.token);
    if (message.error !== undefined) waiting?.reject(new BugError(message.error));
    else waiting?.resolve(message.running ?? []);
  }
}
