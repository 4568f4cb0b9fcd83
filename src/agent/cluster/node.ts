import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClusterClient,
  ClusterClock,
  expiry,
  type KnownProcess,
  type Metric,
  metadataEntries,
  type NodeStatus,
  type ObjectWatch,
  objectName,
  type Pod,
  Pods,
  type Surroundings,
  selects,
  servicesOf,
  type TracepointKind,
  type TracepointObject,
  toLogical,
  watchPods,
  watchSurroundings,
  watchTracepoints,
} from '#cluster';
import { formatUpid, type LogicalTracepoint, type Upid, upidWords } from '#model';
import type { Identity } from '../identity.ts';
import type { GoProcess, Processes } from '../processes.ts';
import type { Place } from '../tables.ts';
import type { Tracepoints } from '../tracepoints.ts';
import type { Followers } from './followers.ts';
import { tracepointMetrics } from './metrics.ts';
import { StatusWriter } from './status.ts';

/** How often processes are looked for, and counts are written. */
const roundMs = 1000;
/** How long a pod that is gone stays known: as long as its rows. */
const keepPodsMs = 3_700_000;

/** How long an agent that ends tries to tell the API server so. */
const goodbyeMs = 2000;

/** Why a tracepoint ends whose object is no more. */
const objectDeleted = 'its object was deleted, by itself or with its namespace';

/** An object that this agent has seen. */
interface Wanted {
  readonly object: TracepointObject;
  /** What `Tracepoints` knows it by: names are unique in a namespace only. */
  readonly name: string;
  /** Why it cannot be placed at all. */
  readonly unusable: string | undefined;
  readonly logical: LogicalTracepoint | undefined;
  /** The generation that was placed; the same one is not placed again. */
  placed: number | undefined;
  /** Something on this node fits it, or has. */
  concerned: boolean;
  /** What an earlier agent of this node has written of it. */
  readonly earlier: NodeStatus | undefined;
}

/**
 * The agent as one node of a cluster: follows the Tracepoint objects, places those that concern its processes, and writes what
 * became of them into their status. While the API server is away, all that is traced goes on until its time to live has passed.
 */
export class ClusterNode {
  readonly name: string;
  readonly #identity: Identity;
  readonly #processes: Processes;
  readonly #tracepoints: Tracepoints;
  readonly #followers: Followers;
  readonly #pods = new Pods(keepPodsMs);
  readonly #wanted = new Map<string, Wanted>();
  /** UPID to the namespace of its pod (empty: no pod), of all that was ever traced here. */
  readonly #traced = new Map<bigint, string>();
  /** Names of objects that have gone since the last round. */
  readonly #gone = new Set<string>();
  /** What was known of the processes that were ever traced here. */
  readonly #seen = new Map<string, KnownProcess>();
  #surroundings: Surroundings | undefined;
  readonly #client: ClusterClient;
  readonly #watches: ObjectWatch<never>[] = [];
  readonly #status: StatusWriter;
  readonly #clock: ClusterClock;
  /** Table to what is to be known of its rows: those of an earlier agent went with it. */
  readonly #notices = new Map<string, string>();
  readonly #startedAt = new Date().toISOString();
  readonly #abort = new AbortController();
  readonly #rounds: Promise<void>;
  #wake: () => void = () => {};
  #ready = false;

  constructor(
    client: ClusterClient,
    name: string,
    parts: { identity: Identity; processes: Processes; tracepoints: Tracepoints; followers: Followers },
  ) {
    this.name = name;
    this.#client = client;
    this.#identity = parts.identity;
    this.#processes = parts.processes;
    this.#tracepoints = parts.tracepoints;
    this.#followers = parts.followers;
    this.#status = new StatusWriter(client);
    this.#clock = new ClusterClock(client);
    const failed = (error: unknown) => log(`the API server: ${(error as Error).message}`);
    const wake = () => this.#wake();
    const pods = watchPods(
      client,
      { node: name },
      {
        changed: (pod) => {
          this.#pods.set(pod);
          wake();
        },
        gone: (pod) => {
          this.#serve(pod);
          this.#pods.gone(pod);
        },
        failed,
      },
    );
    const kinds = (['Tracepoint', 'ClusterTracepoint'] satisfies TracepointKind[]).map((kind) =>
      watchTracepoints(client, kind, {
        changed: (object) => this.#changed(object),
        gone: (object) => {
          this.#wanted.delete(keyOf(object));
          this.#gone.add(nameOf(object));
          wake();
        },
        failed,
      }),
    );
    this.#watches.push(pods as never, ...(kinds as never[]));
    // A tracepoint of a pod that is not known yet would be refused.
    this.#rounds = Promise.all([pods, ...kinds, this.#clock].map(({ ready }) => ready)).then(() => this.#run());
  }

  /** The API server has said what there is. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Its UPIDs begin with this. */
  get asid(): string {
    return this.#identity.agentId.toString(16).padStart(8, '0');
  }

  /** What is to be known of a table's rows here; empty: nothing. */
  noticeOf(table: string): string {
    return this.#notices.get(table) ?? '';
  }

  /** For operators: what its tracepoints have seen. */
  metrics(): Metric[] {
    const uids = new Map([...this.#wanted.values()].map(({ name, object }) => [name, object.metadata.uid]));
    return [...tracepointMetrics(this.#tracepoints.list(), (name) => uids.get(name)), this.#clock.metric()];
  }

  placeOf(process: GoProcess): Place | undefined {
    if (process.podUid === '') return { node: this.name, namespace: '', pod: '', container: '' };
    const pod = this.#pods.byUid(process.podUid);
    const container = pod?.containers.get(process.container) ?? '';
    return { node: this.name, namespace: pod?.namespace ?? '', pod: pod?.name ?? '', container };
  }

  /** What pods belong to is followed from the first time on that somebody wants to know it. */
  async surroundings(): Promise<void> {
    this.#surroundings ??= watchSurroundings(this.#client, (error) =>
      log(`the API server: ${(error as Error).message}`),
    );
    await Promise.all(Object.values(this.#surroundings).map(({ ready }) => ready));
  }

  /** What PxL's functions on Kubernetes' objects give: function, key, value, namespace. Of what is gone too, for as long as its rows. */
  metadata(): string[][] {
    for (const { pod, goneAt } of this.#pods.all()) if (goneAt === undefined) this.#serve(pod);
    const known = {
      node: this.name,
      pods: this.#pods.all(),
      processes: [...this.#seen.values(), ...this.#processes.list().map(knownProcess)],
      services: this.#surroundings?.services.list() ?? [],
      replicaSets: this.#surroundings?.replicaSets.list() ?? [],
      deployments: this.#surroundings?.deployments.list() ?? [],
      namespaces: this.#surroundings?.namespaces.list() ?? [],
    };
    return metadataEntries(known).map(({ operation, key, value, namespace }) => [operation, key, value, namespace]);
  }

  /** Keeps what EndpointSlices say of a pod, for when they do so no longer. */
  #serve(pod: Pod): void {
    if (this.#surroundings === undefined) return;
    const { services, endpointSlices } = this.#surroundings;
    this.#pods.serve(pod, servicesOf(pod, services.list(), endpointSlices.list()));
  }

  /** The UPIDs, as one number each, of what was traced in pods of these namespaces. */
  tracedIn(namespaces: readonly string[]): bigint[] {
    return [...this.#traced].filter(([, namespace]) => namespaces.includes(namespace)).map(([upid]) => upid);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    for (const watch of [...this.#watches, ...Object.values(this.#surroundings ?? {})]) watch.close();
    this.#clock.close();
    this.#wake();
    await this.#rounds;
    await Promise.race([this.#sayGoodbye(), sleep(goodbyeMs, undefined, { ref: false })]);
  }

  /** The probes go with the agent: nobody else could say so. */
  async #sayGoodbye(): Promise<void> {
    await this.#status.close();
    const over = { state: 'PENDING', reason: 'the agent of this node has ended' } as const;
    for (const wanted of this.#wanted.values()) this.#tell(wanted, over);
    await this.#status.close();
  }

  #changed(object: TracepointObject): void {
    const key = keyOf(object);
    const before = this.#wanted.get(key);
    // Most changes are of the status, often our own.
    if (
      before?.object.metadata.uid === object.metadata.uid &&
      before?.object.metadata.generation === object.metadata.generation
    )
      return;
    let logical: LogicalTracepoint | undefined;
    let unusable: string | undefined;
    try {
      logical = toLogical(object);
    } catch (error) {
      unusable = (error as Error).message;
    }
    const name = nameOf(object);
    const concerned = before?.concerned ?? false;
    const own = object.status?.nodes?.find(({ node }) => node === this.name);
    const earlier = before === undefined ? own : before.earlier;
    this.#wanted.set(key, { object, name, logical, unusable, placed: undefined, concerned, earlier });
    this.#wake();
  }

  async #run(): Promise<void> {
    this.#ready = true;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        await this.#round();
      } catch (error) {
        log(`a round failed: ${(error as Error).stack}`);
      }
      await Promise.race([woken, sleep(roundMs, undefined, { signal, ref: false }).catch(() => {})]);
    }
  }

  async #round(): Promise<void> {
    const names = new Set([...this.#wanted.values()].map(({ name }) => name));
    for (const { logical } of this.#tracepoints.list()) {
      if (!names.has(logical.name)) await this.#tracepoints.end(logical.name, objectDeleted);
    }
    for (const name of this.#gone) {
      this.#gone.delete(name);
      if (!names.has(name)) this.#followers.gone(name);
    }
    const selecting = [...this.#wanted.values()].some(({ logical }) => logical?.target.kind === 'pods');
    const processes = selecting ? this.#processes.list() : [];
    for (const wanted of [...this.#wanted.values()]) {
      await this.#place(wanted, processes);
      this.#tell(wanted);
    }
  }

  async #place(wanted: Wanted, processes: readonly GoProcess[]): Promise<void> {
    const { object, logical } = wanted;
    if (logical === undefined) return;
    const { target } = logical;
    const fitting = target.kind === 'pods' ? processes.filter((process) => this.#fits(process, target.pods)) : [];
    wanted.concerned ||= target.kind === 'upid' ? target.upid.agentId === this.#identity.agentId : fitting.length > 0;
    if (!wanted.concerned) return;
    if (wanted.placed !== object.metadata.generation) {
      wanted.placed = object.metadata.generation;
      const leftMs = expiry(object) - this.#clock.now();
      if (leftMs <= 0) return;
      if (this.#isOfEarlierBoot(wanted)) return;
      if (target.kind === 'upid' && !this.#isIn(target.upid, object.metadata.namespace)) return;
      const ttlNs = BigInt(Math.ceil(leftMs)) * 1_000_000n;
      const owner = object.metadata.annotations?.['sonde.dev/owner'] ?? 'kubernetes';
      // What fails is in the tracepoint's state.
      await this.#tracepoints.upsert({ ...logical, name: wanted.name, ttlNs }, owner).catch(() => {});
      if (wanted.earlier !== undefined && wanted.earlier.rows > 0) {
        const gone = `its agent started anew at ${this.#startedAt}; the rows of before (${wanted.earlier.rows}) went with the old one`;
        this.#notices.set(logical.table, gone);
      }
    }
    if (target.kind !== 'pods') return;
    for (const process of fitting) this.#remember(process, target.pods.namespace);
    await this.#tracepoints.follow(
      wanted.name,
      fitting.map(({ upid }) => upid),
    );
  }

  /** A UPID of before a reboot means no process of now, though one may have its numbers. */
  #isOfEarlierBoot({ logical, earlier }: Wanted): boolean {
    if (logical?.target.kind !== 'upid' || earlier === undefined) return false;
    return earlier.bootId !== undefined && earlier.bootId !== '' && earlier.bootId !== this.#identity.bootId;
  }

  /** RBAC let somebody trace the pods of a namespace: a UPID must be of one of them. */
  #isIn(upid: Upid, namespace: string | undefined): boolean {
    const process = this.#processes.list().find((each) => formatUpid(each.upid) === formatUpid(upid));
    // One that is gone is refused by its UPID, with the reason.
    if (process === undefined) return true;
    const place = this.placeOf(process)!;
    if (namespace !== undefined && place.namespace !== namespace) return false;
    this.#remember(process, place.namespace);
    return true;
  }

  #remember(process: GoProcess, namespace: string): void {
    const { high, low } = upidWords(process.upid);
    this.#traced.set((high << 64n) | low, namespace);
    this.#seen.set(formatUpid(process.upid), knownProcess(process));
  }

  #fits(process: GoProcess, selector: Parameters<typeof selects>[0]): boolean {
    const pod = process.podUid === '' ? undefined : this.#pods.byUid(process.podUid);
    if (pod === undefined) return false;
    return selects(selector, pod, pod.containers.get(process.container) ?? '', process.commandLine);
  }

  #tell(wanted: Wanted, over?: Pick<NodeStatus, 'state' | 'reason'>): void {
    const { object, name, unusable, placed, concerned } = wanted;
    if (unusable === undefined && !concerned) return;
    const held = this.#tracepoints.list().find(({ logical }) => logical.name === name);
    if (over !== undefined && held?.state !== 'RUNNING') return;
    const outcome = (): Pick<NodeStatus, 'state' | 'reason'> => {
      if (unusable !== undefined) return { state: 'FAILED', reason: unusable };
      if (held !== undefined && placed === object.metadata.generation) {
        const gone = held.state === 'RUNNING' ? this.#notices.get(held.logical.table) : undefined;
        return { state: held.state, reason: [gone ?? '', held.reason].filter((each) => each !== '').join('; ') };
      }
      if (this.#isOfEarlierBoot(wanted))
        return { state: 'TERMINATED', reason: 'the node has rebooted: the process of this UPID has ended' };
      if (expiry(object) <= this.#clock.now()) return { state: 'TERMINATED', reason: 'its time to live has passed' };
      const where = `no process in a pod of namespace ${object.metadata.namespace} has this UPID`;
      return { state: 'FAILED', reason: where };
    };
    const { state, reason } = over ?? outcome();
    this.#status.write(object, {
      node: this.name,
      state,
      reason,
      processes: over === undefined ? (held?.processes ?? 0) : 0,
      hits: held?.hits ?? 0,
      ...(held !== undefined && held.undecided > 0 ? { undecided: held.undecided } : {}),
      kept: held?.kept ?? 0,
      rows: held?.rows ?? 0,
      drops: held?.drops ?? 0,
      bootId: this.#identity.bootId,
      observedGeneration: object.metadata.generation ?? 0,
    });
  }
}

function knownProcess({ upid, podUid, container, commandLine }: GoProcess): KnownProcess {
  return { upid: formatUpid(upid), podUid, container, commandLine };
}

/** What `Tracepoints` and those who follow one know it by; an object that has not the name for it has no part in it. */
function nameOf(object: TracepointObject): string {
  const { metadata, spec } = object;
  const { namespace } = metadata;
  if (metadata.name !== objectName(spec.name)) return keyOf(object);
  return namespace === undefined ? spec.name : `${namespace}/${spec.name}`;
}

function keyOf({ kind, metadata }: TracepointObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}

function log(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}
