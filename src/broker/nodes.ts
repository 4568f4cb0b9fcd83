import { EventEmitter, once } from 'node:events';
import { type ClusterClient, counter, gauge, type Metric, type ObjectWatch, type Pod, watchPods } from '#cluster';
import { type NodeLink, NodeSilent, silenceMs } from './node-link.ts';

/** An agent that has lost its connection has so long to come again: it tries every four seconds at the latest (`BrokerConnection`). */
const comeAgainMs = 6_000;
const agentLabels = 'app=sonde-agent';

/** What each node said, and which said nothing. */
export interface Gathered<T> {
  readonly answers: readonly { readonly node: string; readonly answer: T }[];
  readonly silent: readonly NodeSilent[];
}

/** All agents of the cluster, found by their pods. */
export class Nodes {
  /** Pod to the connection that its agent has made. */
  readonly #links = new Map<string, NodeLink>();
  /** Since when a pod's agent is known not to be connected, in the time of `performance.now()`. */
  readonly #awaited = new Map<string, number>();
  readonly #arrivals = new EventEmitter().setMaxListeners(0);
  readonly #watch: ObjectWatch<Pod>;
  /** Node to how often it did not answer. */
  readonly #silences = new Map<string, number>();
  /** Of connections that are no more. */
  #bytes = 0;

  constructor(client: ClusterClient, namespace: string) {
    this.#watch = watchPods(
      client,
      { namespace, labels: agentLabels },
      {
        changed: () => {},
        // With its pod an agent's token is good no longer.
        gone: ({ metadata }) => {
          this.#drop(metadata?.name ?? '');
          this.#awaited.delete(metadata?.name ?? '');
        },
        failed: (error) => process.stderr.write(`${new Date().toISOString()} ${(error as Error).message}\n`),
      },
    );
  }

  get ready(): Promise<void> {
    return this.#watch.ready;
  }

  get count(): number {
    return this.#pods().length;
  }

  /** Asks every agent at once; whoever does not answer is in `silent`, never left out. `except`: nodes that are not to be asked (again). */
  async all<T>(ask: (link: NodeLink) => Promise<T>, except?: ReadonlyMap<string, unknown>): Promise<Gathered<T>> {
    const answers: { node: string; answer: T }[] = [];
    const silent: NodeSilent[] = [];
    const asked = this.#pods().filter(({ node }) => !except?.has(node));
    await Promise.all(
      asked.map(async ({ name, node, running }) => {
        try {
          if (!running) throw new NodeSilent(node, `its agent's pod ${name} does not run`);
          const link = this.#links.get(name) ?? (await this.#awaitLink(name, node));
          link.node = node;
          if (link.otherVersion !== undefined) throw new NodeSilent(node, link.otherVersion);
          answers.push({ node, answer: await ask(link) });
        } catch (error) {
          if (!(error instanceof NodeSilent)) throw error;
          silent.push(error);
          this.#silences.set(node, (this.#silences.get(node) ?? 0) + 1);
        }
      }),
    );
    return { answers, silent };
  }

  /** For operators. */
  metrics(): Metric[] {
    const silences = [...this.#silences].map(([node, value]) => ({ labels: { node }, value }));
    const pods = this.#pods();
    const bytes = [...this.#links.values()].reduce((sum, { received }) => sum + received, this.#bytes);
    return [
      gauge('sonde_nodes', 'Nodes that have an agent.', pods.length),
      gauge('sonde_nodes_running', 'Of these, those whose agent runs.', pods.filter(({ running }) => running).length),
      gauge('sonde_nodes_connected', 'Of these, those whose agent has a connection to this broker.', this.#links.size),
      counter('sonde_node_received_bytes_total', 'Bytes of messages that came from agents.', bytes),
      {
        name: 'sonde_node_silences_total',
        help: 'How often a node did not answer, or not to the end.',
        type: 'counter',
        samples: silences,
      },
    ];
  }

  close(): void {
    this.#watch.close();
    for (const pod of [...this.#links.keys()]) this.#drop(pod);
  }

  /** The agent of a pod has come; a connection that it had before is no more. */
  connected(pod: string, link: NodeLink): void {
    this.#drop(pod);
    this.#links.set(pod, link);
    this.#awaited.delete(pod);
    link.onClose(() => {
      if (this.#links.get(pod) === link) this.#drop(pod);
    });
    this.#arrivals.emit(pod);
  }

  #pods() {
    return this.#watch
      .list()
      .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
      .map(({ metadata, spec, status }) => ({
        name: metadata?.name ?? '',
        node: spec?.nodeName ?? '(no node yet)',
        running: status?.phase === 'Running',
      }));
  }

  /** @throws NodeSilent when it does not come */
  async #awaitLink(pod: string, node: string): Promise<NodeLink> {
    const since = this.#awaited.get(pod) ?? performance.now();
    this.#awaited.set(pod, since);
    const leftMs = Math.ceil(Math.min(silenceMs, since + comeAgainMs - performance.now()));
    if (leftMs > 0) await once(this.#arrivals, pod, { signal: AbortSignal.timeout(leftMs) }).catch(() => {});
    const link = this.#links.get(pod);
    if (link !== undefined) return link;
    throw new NodeSilent(node, `its agent (pod ${pod}) has no connection to the broker: its log says why`);
  }

  #drop(pod: string): void {
    const link = this.#links.get(pod);
    this.#links.delete(pod);
    this.#awaited.set(pod, performance.now());
    this.#bytes += link?.received ?? 0;
    link?.close();
  }
}
