import { setTimeout as sleep } from 'node:timers/promises';
import type { sonde } from '#api';
import { formatUpid, type RowBatch, type Upid } from '#model';
import type { Deployment, OpenCall } from '../deployment.ts';
import { Outbox, runningCall } from '../trace.ts';
import type { Followed, Tracepoint } from '../tracepoints.ts';

type Send = (reply: sonde.TraceReply) => Promise<void>;

/** The broker must not take silence for an agent that does not answer. */
const heartbeatMs = 3000;

/** Somebody who follows a tracepoint. */
interface Follower {
  readonly out: Outbox;
  readonly send: Send;
  readonly over: () => void;
  /** Its last message, when that is under way. */
  farewell?: Promise<void>;
}

/** Hands what tracepoints without a table see to those who follow them. A tracepoint may be followed before it is there. */
export class Followers implements Followed {
  readonly #node: string;
  readonly #describe: (upid: string) => sonde.ProcessInfo | undefined;
  readonly #byName = new Map<string, Set<Follower>>();
  /** What is armed now, for those who come later. */
  readonly #armed = new Map<string, Deployment[]>();

  constructor(node: string, describe: (upid: string) => sonde.ProcessInfo | undefined) {
    this.#node = node;
    this.#describe = describe;
  }

  /** Resolves when the tracepoint has ended and all is sent, or the follower is gone. */
  async follow(name: string, signal: AbortSignal, send: Send): Promise<void> {
    const over = new AbortController();
    const follower: Follower = { out: new Outbox(0, send), send, over: () => over.abort() };
    const all = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, all.add(follower));
    try {
      await send(armed(name, {}));
      for (const deployment of this.#armed.get(name) ?? []) await send(this.#tellArmed(name, deployment));
      const until = AbortSignal.any([signal, over.signal]);
      while (!until.aborted) {
        await sleep(heartbeatMs, undefined, { signal: until, ref: false }).catch(() => {});
        if (!until.aborted) await send({ event: { $case: 'calls', value: { calls: [] } } });
      }
      await follower.out.flushed();
      await follower.farewell;
    } finally {
      all.delete(follower);
      if (all.size === 0) this.#byName.delete(name);
    }
  }

  /** Its object is gone: whoever follows it and has not heard of its end hears it now. */
  gone(name: string): void {
    this.#armed.delete(name);
    for (const follower of this.#byName.get(name) ?? []) follower.over();
  }

  armed(name: string, deployment: Deployment): void {
    this.#armed.set(name, [...(this.#armed.get(name) ?? []), deployment]);
    this.#tell(name, this.#tellArmed(name, deployment));
  }

  refused(name: string, upid: Upid, reason: string): void {
    const text = formatUpid(upid);
    const place = this.#describe(text);
    const where = place?.pod ? `pod ${place.pod} (pid ${upid.pid} on node ${this.#node})` : `process ${text}`;
    this.#tell(name, armed(name, { failures: [`${where}: ${reason}`] }));
  }

  batch(name: string, batch: RowBatch): void {
    for (const { out } of this.#byName.get(name) ?? []) out.push(batch);
  }

  ended(
    { logical: { name }, reason, state, hits, kept, rows, drops, undecided }: Tracepoint,
    running: readonly { readonly upid: Upid; readonly call: OpenCall }[],
  ): void {
    this.#armed.delete(name);
    for (const follower of this.#byName.get(name) ?? []) {
      const { out, send, over } = follower;
      const value = {
        reason,
        failed: state === 'FAILED',
        calls: BigInt(hits),
        kept: BigInt(kept),
        rows: BigInt(rows),
        drops: BigInt(drops + out.dropped),
        undecided: BigInt(undecided),
        running: running.map(({ call, upid }) => runningCall(call, upid)),
        node: this.#node,
      };
      // Behind its rows.
      follower.farewell = out.flushed().then(async () => {
        await send({ event: { $case: 'end', value } });
        over();
      });
    }
  }

  #tellArmed(name: string, { upid, warnings }: Deployment): sonde.TraceReply {
    const text = formatUpid(upid);
    const place = this.#describe(text);
    return armed(name, { processes: 1, upids: [text], warnings: [...warnings], places: place ? [place] : [] });
  }

  #tell(name: string, reply: sonde.TraceReply): void {
    for (const { send } of this.#byName.get(name) ?? []) void send(reply);
  }
}

function armed(name: string, part: Partial<sonde.TraceArmed>): sonde.TraceReply {
  const value = { processes: 0, upids: [], warnings: [], failures: [], places: [], name, ...part };
  return { event: { $case: 'armed', value } };
}
