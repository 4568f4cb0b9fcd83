import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type GrpcMethod, grpcService, sonde } from '#api';
import { parseDuration, SondeError } from '#base';
import {
  type ClusterClient,
  counter,
  Forward,
  gauge,
  type Metric,
  type ObjectWatch,
  type Pod,
  watchPods,
} from '#cluster';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
export const nodeMethods = grpcService(sonde.NodeServiceDefinition, asBuffer);

/** An agent that says nothing for so long has not answered; SONDE_NODE_DEADLINE (`10s`) says otherwise. */
const silenceMs = Number((parseDuration(process.env.SONDE_NODE_DEADLINE ?? '') ?? 10_000_000_000n) / 1_000_000n);
/** The port of the agents' service for the broker (`nodePort` of the agent). */
const agentPort = 50301;
const agentLabels = 'app=sonde-agent';
/** What the broker's tokens for the agents are for, and how long one is used: they are good for ten minutes. */
const audience = 'sonde-agent';
const tokenMs = 300_000;

/** A node did not answer, or not to the end. */
export class NodeSilent extends SondeError {
  readonly code = 'broker.node-silent';
  readonly node: string;
  readonly reason: string;
  /** It did answer: that it does not do this, and why. */
  readonly refused: boolean;

  constructor(node: string, reason: string, refused = false) {
    super(`node ${node}: ${reason}`);
    this.node = node;
    this.reason = reason;
    this.refused = refused;
  }
}

/** The agent of one node, by a port-forward to its pod. */
class NodeLink {
  readonly node: string;
  readonly #forward: Forward;
  readonly #client: Client;
  readonly #token: () => Promise<string>;
  /** Told of each message's size. */
  readonly #received: (bytes: number) => void;

  constructor(
    node: string,
    forward: Forward,
    { token, received }: { token: () => Promise<string>; received: (bytes: number) => void },
  ) {
    this.node = node;
    this.#forward = forward;
    this.#token = token;
    this.#received = received;
    this.#client = new Client(`unix:${forward.socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.enable_http_proxy': 0,
      'grpc.default_authority': 'sonde-agent',
      'grpc.initial_reconnect_backoff_ms': 200,
    });
  }

  /** @throws NodeSilent */
  async call<Request, Reply>(method: GrpcMethod<Request, Reply, Buffer>, request: Request): Promise<Reply> {
    const metadata = await this.#metadata();
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        this.#counted(method),
        request,
        metadata,
        { deadline: Date.now() + silenceMs },
        (error: ServiceError | null, reply?: Reply) => (error ? reject(this.#silent(error)) : resolve(reply!)),
      );
    });
  }

  /** @throws NodeSilent, in mid-stream too */
  async *stream<Request, Reply>(
    method: GrpcMethod<Request, Reply, Buffer>,
    request: Request,
    signal: AbortSignal,
  ): AsyncGenerator<Reply> {
    const { path, requestSerialize } = method;
    const metadata = await this.#metadata();
    const call: ClientReadableStream<Reply> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      this.#counted(method),
      request,
      metadata,
    );
    let silent = false;
    const giveUp = () => {
      silent = true;
      call.cancel();
    };
    let timer = setTimeout(giveUp, silenceMs);
    const abort = () => call.cancel();
    signal.addEventListener('abort', abort, { once: true });
    try {
      for await (const message of call) {
        // Not while the asker is slow to take what has come.
        clearTimeout(timer);
        yield message as Reply;
        timer = setTimeout(giveUp, silenceMs);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw silent ? this.#silence() : this.#silent(error as ServiceError);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      call.cancel();
    }
  }

  close(): void {
    this.#client.close();
    this.#forward.close();
  }

  #counted<Reply>({
    responseDeserialize,
  }: {
    responseDeserialize: (bytes: Buffer) => Reply;
  }): (bytes: Buffer) => Reply {
    return (bytes) => {
      this.#received(bytes.length);
      return responseDeserialize(bytes);
    };
  }

  async #metadata(): Promise<Metadata> {
    const metadata = new Metadata();
    try {
      metadata.set('authorization', `Bearer ${await this.#token()}`);
    } catch (error) {
      throw new NodeSilent(this.node, (error as Error).message);
    }
    return metadata;
  }

  #silence(): NodeSilent {
    return new NodeSilent(this.node, `its agent did not answer within ${silenceMs / 1000} s`);
  }

  /** DEADLINE_EXCEEDED is 4, FAILED_PRECONDITION 9, UNAVAILABLE 14: then the way to the pod may say why. */
  #silent(error: ServiceError): NodeSilent {
    if (error.code === 4) return this.#silence();
    const way = error.code === 14 ? this.#forward.failure?.message : undefined;
    return new NodeSilent(this.node, way ?? error.details, error.code === 9);
  }
}

/** What each node said, and which said nothing. */
export interface Gathered<T> {
  readonly answers: readonly { readonly node: string; readonly answer: T }[];
  readonly silent: readonly NodeSilent[];
}

/** All agents of the cluster, found by their pods. */
export class Nodes {
  readonly #client: ClusterClient;
  readonly #namespace: string;
  readonly #links = new Map<string, Promise<NodeLink>>();
  readonly #watch: ObjectWatch<Pod>;
  /** Node to how often it did not answer. */
  readonly #silences = new Map<string, number>();
  #bytes = 0;
  #token: { readonly text: Promise<string>; readonly until: number } | undefined;

  constructor(client: ClusterClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#watch = watchPods(
      client,
      { namespace, labels: agentLabels },
      {
        changed: () => {},
        gone: (pod) => void this.#drop(pod.metadata?.name ?? ''),
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
          const link = await this.#link(name, node);
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
    return [
      gauge('sonde_nodes', 'Nodes that have an agent.', pods.length),
      gauge('sonde_nodes_running', 'Of these, those whose agent runs.', pods.filter(({ running }) => running).length),
      counter('sonde_node_received_bytes_total', 'Bytes of messages that came from agents.', this.#bytes),
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
    for (const pod of [...this.#links.keys()]) void this.#drop(pod);
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

  #link(pod: string, node: string): Promise<NodeLink> {
    const known = this.#links.get(pod);
    if (known) return known;
    const opening = Forward.open(this.#client, this.#namespace, pod, agentPort).then(
      (forward) =>
        new NodeLink(node, forward, {
          token: () => this.#ownToken(),
          received: (bytes) => {
            this.#bytes += bytes;
          },
        }),
    );
    this.#links.set(pod, opening);
    return opening;
  }

  async #drop(pod: string): Promise<void> {
    const link = this.#links.get(pod);
    this.#links.delete(pod);
    (await link)?.close();
  }

  #ownToken(): Promise<string> {
    if (this.#token === undefined || this.#token.until < Date.now()) {
      const text = this.#client.requestToken(this.#namespace, 'broker', audience);
      this.#token = { text, until: Date.now() + tokenMs };
      text.catch(() => {
        this.#token = undefined;
      });
    }
    return this.#token.text;
  }
}
