import { randomBytes } from 'node:crypto';
import type { sonde } from '#api';
import { formatUpid, type RowBatch, type Upid } from '#model';
import type { Deployment, OpenCall } from '../deployment.ts';
import type { Tracepoint } from '../held-tracepoint.ts';
import { messageRows } from '../outbox.ts';
import { runningCall, tracedCalls } from '../traced-calls.ts';
import type { Followed } from '../tracepoints.ts';
import { formatPlace, Journal, type Place, parsePlace } from './journal.ts';

type Send = (reply: sonde.TraceReply) => Promise<void>;
/** Without what each message has. */
type Reply = Pick<sonde.TraceReply, 'event'>;

/** The broker must not take silence for an agent that does not answer. */
const heartbeatMs = 3000;
/** So long what nobody follows is kept: as long as px tries to come again. */
const keepMs = 60_000;
/** So much of what was seen last is kept for who comes again: of one tracepoint, and of all. */
const journalBytes = 16 << 20;
const allBytes = 64 << 20;

interface FollowerParts {
  readonly describe: (upid: string) => sonde.ProcessInfo | undefined;
  readonly openCalls: (upids: readonly Upid[], fn: string) => Promise<sonde.TraceEnd>;
}

/** Hands what tracepoints without a table see to those who follow them. A tracepoint may be followed before it is there. */
export class Followers implements Followed {
  readonly #node: string;
  readonly #parts: FollowerParts;
  readonly #journals = new Map<string, Journal>();
  readonly #following = new Map<Journal, number>();
  /** What is armed now. */
  readonly #armed = new Map<string, Deployment[]>();

  constructor(node: string, parts: FollowerParts) {
    this.#node = node;
    this.#parts = parts;
  }

  /** From the beginning, or behind what somebody has. Resolves when the tracepoint has ended and all is sent, or the follower is gone. */
  async follow({ tracepoint, after, open }: sonde.FollowRequest, signal: AbortSignal, send: Send): Promise<void> {
    if (open) return this.#tellOpenCalls(tracepoint, send);
    const journal = this.#journal(tracepoint);
    const count = (by: number) => this.#following.set(journal, (this.#following.get(journal) ?? 0) + by);
    count(1);
    try {
      await this.#send(tracepoint, journal, after, signal, send);
    } finally {
      count(-1);
      this.#forgetLater(tracepoint, journal);
    }
  }

  /** Its object is gone: whoever follows it and has not heard of its end hears it now. */
  gone(name: string): void {
    this.#armed.delete(name);
    this.#end(name);
  }

  armed(name: string, deployment: Deployment): void {
    if (this.#journals.get(name)?.ended) this.#journals.delete(name);
    this.#armed.set(name, [...(this.#armed.get(name) ?? []), deployment]);
    this.#journal(name).message(this.#tellArmed(name, deployment));
  }

  refused(name: string, upid: Upid, reason: string): void {
    const text = formatUpid(upid);
    const place = this.#parts.describe(text);
    const where = place?.pod ? `pod ${place.pod} (pid ${upid.pid} on node ${this.#node})` : `process ${text}`;
    this.#journal(name).message(armed(name, { failures: [`${where}: ${reason}`] }));
  }

  batch(name: string, batch: RowBatch): void {
    this.#journal(name).rows(batch);
  }

  ended(
    { logical: { name }, reason, state, hits, kept, rows, drops, undecided, notices }: Tracepoint,
    running: readonly { readonly upid: Upid; readonly call: OpenCall }[],
  ): void {
    this.#armed.delete(name);
    const value = {
      reason,
      failed: state === 'FAILED',
      calls: BigInt(hits),
      kept: BigInt(kept),
      rows: BigInt(rows),
      drops: BigInt(drops),
      undecided: BigInt(undecided),
      notices: [...notices],
      running: running.map(({ call, upid }) => runningCall(call, upid)),
      node: this.#node,
    };
    this.#journal(name).message({ event: { $case: 'end', value } });
    this.#end(name);
  }

  /** Of the processes where it is armed. Who may place it may see arguments of these calls. */
  async #tellOpenCalls(name: string, send: Send): Promise<void> {
    const deployments = this.#armed.get(name) ?? [];
    if (deployments.length === 0) return;
    // Of the probe itself nothing is shown.
    for (const { upid } of deployments) await send(this.#tellArmed(name, { upid, warnings: [] }));
    const upids = deployments.map(({ upid }) => upid);
    const value = await this.#parts.openCalls(upids, deployments[0]!.function);
    await send({ event: { $case: 'end', value: { ...value, node: this.#node } } });
  }

  async #send(name: string, journal: Journal, after: string, signal: AbortSignal, send: Send): Promise<void> {
    const known = parsePlace(after);
    let place: Place = known?.journal === journal.id ? known : { journal: journal.id, rows: 0, messages: 0, missed: 0 };
    const tell = ({ event }: Reply) => send({ event, at: { node: this.#node, place: formatPlace(place) } });
    // So much is told at once: that it is followed.
    await tell(armed(name, {}));
    while (!signal.aborted) {
      const missed = place.missed;
      place = journal.from(place);
      if (place.missed > missed) await this.#tellMissed(name, place.missed - missed, tell);
      const next = journal.next(place);
      if (next === undefined) {
        if (journal.ended) return;
        if (!(await journal.changed(heartbeatMs, signal)) && !signal.aborted) await tell(calls([]));
      } else if ('batch' in next) {
        const found = tracedCalls(next.batch, next.row, messageRows);
        place = { ...place, rows: place.rows + found.length };
        await tell(calls(found));
      } else {
        place = { ...place, messages: place.messages + 1 };
        await tell(withMissed(next, place.missed));
      }
    }
  }

  /** Where much is missed, that something was armed may be among it. */
  async #tellMissed(name: string, missed: number, tell: (reply: Reply) => Promise<void>): Promise<void> {
    for (const deployment of this.#armed.get(name) ?? []) await tell(this.#tellArmed(name, deployment));
    const what = missed === 1 ? '1 call is' : `${missed} calls are`;
    const warning = `node ${this.#node}: ${what} not shown: it is more than the agent keeps for who is slow or was away`;
    await tell(armed(name, { warnings: [warning] }));
  }

  #journal(name: string): Journal {
    const most = () => Math.min(journalBytes, allBytes / this.#journals.size);
    const journal = this.#journals.get(name) ?? new Journal(randomBytes(6).toString('hex'), most);
    this.#journals.set(name, journal);
    return journal;
  }

  #end(name: string): void {
    const journal = this.#journals.get(name);
    if (journal === undefined || journal.ended) return;
    journal.end();
    this.#forgetLater(name, journal);
  }

  #forgetLater(name: string, journal: Journal): void {
    if ((this.#following.get(journal) ?? 0) === 0) this.#following.delete(journal);
    setTimeout(() => {
      const wanted = this.#following.has(journal) || (!journal.ended && this.#armed.has(name));
      if (!wanted && this.#journals.get(name) === journal) this.#journals.delete(name);
    }, keepMs).unref();
  }

  #tellArmed(name: string, { upid, warnings }: Pick<Deployment, 'upid' | 'warnings'>): Reply {
    const text = formatUpid(upid);
    const place = this.#parts.describe(text);
    return armed(name, { processes: 1, upids: [text], warnings: [...warnings], places: place ? [place] : [] });
  }
}

function armed(name: string, part: Partial<sonde.TraceArmed>): Reply {
  const value = { processes: 0, upids: [], warnings: [], failures: [], places: [], name, ...part };
  return { event: { $case: 'armed', value } };
}

function calls(found: sonde.TraceCall[]): Reply {
  return { event: { $case: 'calls', value: { calls: found } } };
}

/** To whoever has missed calls they are drops. */
function withMissed({ event }: Reply, missed: number): Reply {
  if (event?.$case !== 'end') return { event };
  return { event: { ...event, value: { ...event.value, drops: event.value.drops + BigInt(missed) } } };
}
