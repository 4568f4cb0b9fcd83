import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sonde } from '#api';
import {
  type ClusterClient,
  outcomeOf,
  type TracepointObject,
  toObject,
  tracepointReference,
  writeTracepoint,
} from '#cluster';
import { type LogicalProbe, type LogicalTracepoint, parseUpid, type Target } from '#model';
import { type Agent, sondeMethods } from '../connect/agent.ts';
import { AnswerForgotten } from '../connect/errors.ts';
import type { Meant } from '../connect/pods.ts';
import { UserError } from '../failure.ts';

type TraceSettings = Pick<LogicalTracepoint, 'limits' | 'noBudget' | 'debugFile'> & {
  /** Only the calls that run now. */
  readonly open?: boolean;
};

/** The time to live guards the cluster against a px that was killed. */
const ttlNs = 60_000_000_000n;
const renewMs = 20_000;
const lookMs = 200;
/** How long the first process has to be armed. */
const patienceMs = 30_000;

/**
 * `px trace` in a cluster: writes a Tracepoint without a table with the user's own rights, follows it at all nodes, and deletes it at the end,
 * in whatever way it ends.
 */
export class ClusterTrace implements AsyncIterable<sonde.TraceReply> {
  readonly #agent: Agent;
  readonly #cluster: ClusterClient;
  readonly #meant: Meant;
  readonly #probe: LogicalProbe;
  readonly #settings: TraceSettings;
  readonly #over = new AbortController();
  readonly #name = `px-trace-${randomBytes(4).toString('hex')}`;
  /** Of the object, once it is written. */
  #reference: ReturnType<typeof tracepointReference> | undefined;
  #cancelStream: () => void = () => {};

  /** `settings`: what is not the default. */
  constructor(agent: Agent, cluster: ClusterClient, meant: Meant, probe: LogicalProbe, settings: TraceSettings) {
    this.#agent = agent;
    this.#cluster = cluster;
    this.#meant = meant;
    this.#probe = probe;
    this.#settings = settings;
  }

  /** Takes the probes off; what they have seen still comes, and then the end. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#delete();
  }

  /** The iteration ends at once. */
  cancel(): void {
    this.#over.abort();
    this.#cancelStream();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<sonde.TraceReply> {
    const { target, namespace, notes } = await this.#resolve();
    if (notes.length > 0) yield armed({ failures: [...notes] });
    const tracepoint = namespace === '' ? this.#name : `${namespace}/${this.#name}`;
    if (this.#settings.open) {
      yield* this.#openCalls(await this.#write(target, namespace), tracepoint);
      return;
    }
    const replies = this.#follow(tracepoint);
    const renewal = new AbortController();
    const merged = new MergedEnd(() => this.#over.signal.aborted);
    try {
      // Up to the one that says that all nodes listen.
      for (;;) {
        const { value, done } = await replies.next();
        if (done || this.#over.signal.aborted) return;
        if (isListening(value)) break;
        yield value;
      }
      const object = await this.#write(target, namespace);
      if (this.#over.signal.aborted) return;
      void this.#renew(target, namespace, renewal.signal);
      await this.#untilArmed(object);
      for (;;) {
        const { value, done } = await replies.next();
        if (done) break;
        if (isListening(value)) continue;
        if (value.event?.$case === 'armed') merged.armed(value.event.value);
        if (value.event?.$case !== 'end') yield value;
        else if (merged.add(value.event.value)) break;
      }
      if (merged.heard) yield { event: { $case: 'end', value: merged.end } };
    } finally {
      renewal.abort();
      this.#cancelStream();
      await this.#delete();
    }
  }

  /** The calls that run now. By the tracepoint the cluster decides and logs who reads them out of a process's memory. */
  async *#openCalls(object: TracepointObject, tracepoint: string): AsyncGenerator<sonde.TraceReply> {
    const end = sonde.TraceEnd.fromPartial({});
    const reasons: string[] = [];
    try {
      await this.#untilArmed(object);
      const request = sonde.TraceRequest.fromPartial({ tracepoint, open: true });
      const stream = this.#agent.stream(sondeMethods.trace, request);
      this.#cancelStream = () => stream.cancel();
      for await (const reply of stream) {
        if (reply.event?.$case !== 'end') {
          yield reply;
          continue;
        }
        const { running, reason, node } = reply.event.value;
        end.running.push(...running);
        if (reason !== '') reasons.push(`node ${node}: ${reason}`);
      }
    } finally {
      await this.#delete();
    }
    yield { event: { $case: 'end', value: { ...end, reason: reasons.join('\n') } } };
  }

  /** What all nodes see. A broker that started anew goes on behind what has come. */
  async *#follow(tracepoint: string): AsyncGenerator<sonde.TraceReply> {
    const places = new Map<string, string>();
    for (;;) {
      const after = [...places].map(([node, place]) => ({ node, place }));
      const stream = this.#agent.stream(sondeMethods.trace, sonde.TraceRequest.fromPartial({ tracepoint, after }));
      this.#cancelStream = () => stream.cancel();
      try {
        for await (const reply of stream) {
          if (reply.at !== undefined) places.set(reply.at.node, reply.at.place);
          yield reply;
        }
        return;
      } catch (error) {
        if (!(error instanceof AnswerForgotten)) throw error;
        yield armed({ warnings: ['the broker started anew: the trace goes on where it was'] });
      }
    }
  }

  async #resolve(): Promise<{ target: Target; namespace: string; notes: readonly string[] }> {
    if (this.#meant.kind === 'pods') {
      const { pods } = this.#meant;
      const { namespace, kind, name } = pods;
      const { processes, notes } = await this.#agent.call(sondeMethods.listProcesses, { pods, one: true });
      const container = processes[0]!.containerName;
      const narrower = kind === 'Pod' ? { pod: name } : { workload: { kind, name } };
      return { target: { kind: 'pods', pods: { namespace, ...narrower, container } }, namespace, notes };
    }
    const text = this.#meant.process;
    const { processes } = await this.#agent.call(sondeMethods.listProcesses, { pods: undefined, one: false });
    const process = processes.find(({ upid }) => upid === text);
    const upid = parseUpid(text);
    if (process === undefined || upid === undefined)
      throw new UserError(`no process that you may see has the UPID ${text}; px ps lists them`);
    return { target: { kind: 'upid', upid }, namespace: process.namespace, notes: [] };
  }

  async #write(target: Target, namespace: string): Promise<TracepointObject> {
    const { open: _, ...settings } = this.#settings;
    const logical = {
      name: this.#name,
      table: '',
      target,
      ttlNs,
      probes: [this.#probe],
      ...settings,
    };
    const now = new Date(await this.#cluster.time());
    const object = toObject(logical, namespace === '' ? undefined : namespace, now);
    const written = await writeTracepoint(this.#cluster, object, await this.#cluster.userName());
    this.#reference = tracepointReference(this.#name, namespace);
    return written;
  }

  async #delete(): Promise<void> {
    if (this.#reference !== undefined) await this.#cluster.delete(this.#reference);
  }

  /** Until a process is armed. @throws UserError with what the nodes say when none can be. */
  async #untilArmed(object: TracepointObject): Promise<void> {
    const began = performance.now();
    while (!this.#over.signal.aborted) {
      const { state, reason } = await outcomeOf(this.#cluster, object, 0);
      if (state === 'done') return;
      if (state === 'failed') throw new UserError(reason ?? 'no process could be traced');
      if (performance.now() - began > patienceMs)
        throw new UserError(`no node has taken the tracepoint up within ${patienceMs / 1000} s`);
      await sleep(lookMs);
    }
  }

  async #renew(target: Target, namespace: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(renewMs, undefined, { signal }).catch(() => {});
      if (signal.aborted || this.#over.signal.aborted) return;
      // The API server may be away for a while; the time to live is three times as long.
      await this.#write(target, namespace).catch(() => {});
    }
  }
}

/** The ends of all nodes as one. */
class MergedEnd {
  readonly end: sonde.TraceEnd = sonde.TraceEnd.fromPartial({});
  heard = false;
  readonly #open = new Set<string>();
  readonly #wanted: () => boolean;

  /** `wanted`: whether px itself has deleted the object. */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted;
  }

  armed({ places }: sonde.TraceArmed): void {
    for (const { node } of places) this.#open.add(node);
  }

  /** True when all nodes that traced have ended by themselves. */
  add({ reason, failed, calls, kept, rows, drops, undecided, notices, running, node }: sonde.TraceEnd): boolean {
    this.heard = true;
    this.end.calls += calls;
    this.end.kept += kept;
    this.end.rows += rows;
    this.end.drops += drops;
    this.end.undecided += undecided;
    this.end.notices.push(...notices);
    this.end.running.push(...running);
    this.end.failed ||= failed;
    this.#open.delete(node);
    // Then every node ends, also those that have traced nothing.
    if (this.#wanted()) return false;
    if (reason !== '' && this.end.reason === '') this.end.reason = `node ${node}: ${reason}`;
    return this.#open.size === 0;
  }
}

/** All nodes listen. */
function isListening({ event }: sonde.TraceReply): boolean {
  if (event?.$case !== 'armed') return false;
  const { processes, failures, warnings } = event.value;
  return processes === 0 && failures.length === 0 && warnings.length === 0;
}

function armed(part: Partial<sonde.TraceArmed>): sonde.TraceReply {
  const value = { processes: 0, upids: [], warnings: [], failures: [], places: [], name: '', ...part };
  return { event: { $case: 'armed', value } };
}
