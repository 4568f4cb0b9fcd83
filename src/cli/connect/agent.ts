import { readFileSync, statSync } from 'node:fs';
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { apiFingerprint, type GrpcMethod, grpcService, sonde, vizier } from '#api';
import type { ClusterClient } from '#cluster';
import { type Context, tell } from '../context.ts';
import { version } from '../version.ts';
import { notInForce, requireSettings } from './agent-settings.ts';
import { agentDirectory, logPath, socketPath } from './directory.ts';
import {
  AgentGone,
  AgentVersionMismatch,
  BrokerVersionMismatch,
  CallFailed,
  NoAgent,
  SocketDenied,
  SocketPathTooLong,
} from './errors.ts';
import { probeSocket } from './probe.ts';
import { type Resume, Retry } from './retry.ts';
import { logTail, startAgent } from './start.ts';
import { destination, type Where } from './where.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const sondeMethods = grpcService(sonde.SondeServiceDefinition, asBuffer);
export const vizierMethods = grpcService(vizier.VizierServiceDefinition, asBuffer);

/** A server's stream: iterate it once. `cancel` ends the call; the iteration then ends without an error. */
export interface AgentStream<T> extends AsyncIterable<T> {
  cancel(): void;
}

/** How an agent is found: `start`: one is started if none answers; `anyVersion`: another version may answer. */
export interface ConnectOptions {
  readonly start?: boolean;
  readonly anyVersion?: boolean;
  /** Given by commands that can also go to a cluster; default: this machine. */
  readonly where?: Where;
}

/** Who answers. */
export interface Endpoint {
  readonly socket: string;
  readonly authorization?: string;
  /** The cluster whose broker this is; undefined: this machine's agent. */
  readonly cluster?: ClusterClient;
  /** Hears once, with the first answer, by which settings the agent was started; not in a cluster. */
  readonly settings?: (text: string) => void;
  /** What to tell when the connection broke. */
  readonly gone: (answered: boolean, detail: string) => Promise<Error>;
  /** Undefined: a call ends with its connection. */
  readonly resume?: Resume;
}

/** The server keeps 1 MiB of a stream until it hears that it has come. */
const confirmBytes = 256 * 1024;

/** This machine's agent, by its folder. */
function agentEndpoint(directory: string): Endpoint {
  const gone = async (answered: boolean, detail: string) =>
    new AgentGone(answered, detail, logPath(directory), logTail(directory, 0, 5));
  return { socket: socketPath(directory), gone };
}

/** The agent, or a cluster's broker, behind its socket. `close` it, or the process does not end. */
export class Agent {
  readonly endpoint: Endpoint;
  readonly #client: Client;
  readonly #anyVersion: boolean;
  readonly owner: string;
  #clusterId: string | undefined;
  #greeted = false;

  /** `owner`: who asks, as `px tracepoint list` will show it. */
  constructor(endpoint: Endpoint, owner: string, anyVersion = false) {
    this.owner = owner;
    this.endpoint = endpoint;
    this.#anyVersion = anyVersion;
    this.#client = new Client(`unix:${endpoint.socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.enable_http_proxy': 0,
      'grpc.default_authority': 'sonde',
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2000,
    });
  }

  /** Known once a call has been answered. */
  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  /** In a cluster tried again when its connection broke before the answer: all that px asks there can be asked twice. */
  async call<Request, Reply>(method: GrpcMethod<Request, Reply, Buffer>, request: Request): Promise<Reply> {
    const retry = this.endpoint.resume && new Retry(this.endpoint.resume);
    for (;;) {
      const answer = new Answer();
      try {
        return await this.#ask(method, request, answer);
      } catch (error) {
        if (answer.refusal !== undefined) throw answer.refusal;
        const failure = await this.#failure(error as ServiceError, answer.received);
        if (retry === undefined || !(await this.#resumable(error as ServiceError))) throw failure;
        await retry.next(failure);
      }
    }
  }

  #ask<Request, Reply>(
    { path, requestSerialize, responseDeserialize }: GrpcMethod<Request, Reply, Buffer>,
    request: Request,
    answer: Answer,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata(),
        (error: ServiceError | null, reply?: Reply) => {
          if (error !== null) reject(error);
          else if (answer.refusal !== undefined) reject(answer.refusal);
          else resolve(reply!);
        },
      );
      call.on('metadata', (metadata) => {
        if (!this.#accept(metadata, answer)) call.cancel();
      });
    });
  }

  stream<Request, Reply>(method: GrpcMethod<Request, Reply, Buffer>, request: Request): AgentStream<Reply> {
    const answer = new Answer();
    const open = (resume?: string): ClientReadableStream<Reply> => {
      answer.sizes.length = 0;
      const deserialize = (bytes: Buffer) => {
        answer.sizes.push(bytes.length);
        return method.responseDeserialize(bytes);
      };
      const call = this.#client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        deserialize,
        request,
        this.#metadata(resume),
      );
      call.on('metadata', (metadata) => {
        if (!this.#accept(metadata, answer)) call.cancel();
      });
      // An iteration that was left early must not crash the process by a late error.
      call.on('error', () => {});
      return call;
    };
    let call = open();
    let cancelled = false;
    const self = this;
    return {
      cancel() {
        cancelled = true;
        call.cancel();
      },
      async *[Symbol.asyncIterator]() {
        let messages = 0;
        let unconfirmed = 0;
        const retry = self.endpoint.resume && new Retry(self.endpoint.resume);
        for (;;) {
          try {
            for await (const message of call) {
              if (answer.refusal !== undefined) break;
              messages++;
              retry?.works();
              unconfirmed += answer.sizes.shift() ?? 0;
              yield message as Reply;
              if (unconfirmed < confirmBytes || self.endpoint.resume === undefined) continue;
              unconfirmed = 0;
              self.#confirm(answer.id, messages);
            }
            break;
          } catch (error) {
            if (answer.refusal !== undefined || cancelled) break;
            // NOT_FOUND is the answer to who wants to go on.
            const { code, details } = error as ServiceError;
            if (code === 5 && answer.id !== '' && retry !== undefined) throw self.endpoint.resume!.forgotten(details);
            const failure = await self.#failure(error as ServiceError, answer.received);
            if (retry === undefined || !(await self.#resumable(error as ServiceError))) throw failure;
            try {
              await retry.next(failure);
            } catch (why) {
              // Somebody else has not what this one had begun to answer.
              const begun = answer.id !== '' && why !== failure;
              throw begun ? await self.endpoint.gone(true, (why as Error).message) : why;
            }
            if (cancelled) break;
            // Without an answer yet there is nothing to go on with.
            call = open(answer.id === '' ? undefined : `${answer.id} ${messages}`);
          }
        }
        if (answer.refusal !== undefined) throw answer.refusal;
      },
    };
  }

  close(): void {
    this.#client.close();
  }

  /** What has come need not be kept. */
  #confirm(call: string, messages: number): void {
    const { path, requestSerialize, responseDeserialize } = sondeMethods.received;
    const request = { call, messages: BigInt(messages) };
    this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#metadata(), () => {});
  }

  /** `resume`: the call with which a stream goes on, and how many of its messages have come. */
  #metadata(resume?: string): Metadata {
    const metadata = new Metadata();
    if (resume !== undefined) metadata.set('sonde-resume', resume);
    metadata.set('sonde-client', version());
    metadata.set('sonde-owner', this.owner);
    if (this.endpoint.authorization !== undefined) metadata.set('authorization', this.endpoint.authorization);
    return metadata;
  }

  #accept(metadata: Metadata, answer: Answer): boolean {
    answer.received = true;
    answer.id = String(metadata.get('sonde-call')[0] ?? '');
    const cluster = metadata.get('sonde-cluster-id')[0];
    if (cluster !== undefined) this.#clusterId = String(cluster);
    answer.refusal = this.#mismatch(metadata);
    if (answer.refusal === undefined && !this.#greeted) {
      this.#greeted = true;
      this.endpoint.settings?.(String(metadata.get('sonde-settings')[0] ?? ''));
    }
    return answer.refusal === undefined;
  }

  /** An agent of another version, or of another state of the source: what one says the other would not understand, or not hear. */
  #mismatch(metadata: Metadata | undefined): AgentVersionMismatch | BrokerVersionMismatch | undefined {
    const text = (key: string): string | undefined => metadata?.get(key)[0]?.toString();
    const other = text('sonde-version');
    if (other === undefined || this.#anyVersion) return undefined;
    const Mismatch = this.endpoint.cluster === undefined ? AgentVersionMismatch : BrokerVersionMismatch;
    if (other !== version()) return new Mismatch(other, version());
    const api = text('sonde-api');
    if (api === apiFingerprint) return undefined;
    return new Mismatch(`${other} (API ${api ?? 'unknown'})`, `${version()} (API ${apiFingerprint})`);
  }

  /** As grpc-js tells it, or, where it only says that the call was cut off, as the socket tells. */
  async #connectionBroke({ code, details }: ServiceError): Promise<boolean> {
    if (this.endpoint.resume !== undefined) return code === 14 || (code === 13 && /RST_STREAM/.test(details));
    if (code === 14 && /^Connection dropped|^No connection established|ECONNRESET|ECONNREFUSED/.test(details))
      return true;
    return [1, 13, 14].includes(code) && (await probeSocket(this.endpoint.socket)) !== 'open';
  }

  async #resumable(error: ServiceError): Promise<boolean> {
    return error.code === 1 || (await this.#connectionBroke(error));
  }

  async #failure(error: ServiceError, answered: boolean): Promise<Error> {
    if (typeof error.code !== 'number') return error;
    const mismatch = this.#mismatch(error.metadata);
    if (mismatch !== undefined) return mismatch;
    if (await this.#connectionBroke(error)) return this.endpoint.gone(answered, error.details || error.message);
    return new CallFailed(error.code, error.details || error.message);
  }
}

/** What is known of one call's answer so far. */
class Answer {
  received = false;
  /** What the server calls it; empty: it has not said. */
  id = '';
  /** Of messages that are here and were not taken yet. */
  readonly sizes: number[] = [];
  refusal: Error | undefined;
}

/**
 * Connects, starting an agent if none answers, and runs `work`; once more if the agent went before it answered (an idle one ends
 * by itself, and may do so just now). The connection is closed at the end.
 */
export async function withAgent<T>(
  context: Context,
  work: (agent: Agent) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  const to = options.where === undefined ? undefined : destination(context, options.where);
  if (to?.kind === 'cluster') {
    const { connectBroker } = await import('./cluster.ts');
    const broker = await connectBroker(context, to);
    if (broker !== undefined) {
      const agent = new Agent(broker.endpoint, ownerName(context));
      try {
        return await work(agent);
      } finally {
        agent.close();
        broker.close();
      }
    }
  }
  if (to?.kind === 'local' && to.why !== undefined) tell(context, `this machine (${to.why})`);
  for (let attempt = 0; ; attempt++) {
    const agent = await connectAgent(context, options);
    try {
      return await work(agent);
    } catch (error) {
      if (!(error instanceof AgentGone) || error.answered || attempt > 0) throw error;
    } finally {
      agent.close();
    }
  }
}

/** This machine's agent. @throws NoAgent when none answers and none is to be started */
export async function connectAgent(
  context: Context,
  { start = true, anyVersion = false }: ConnectOptions,
): Promise<Agent> {
  // Whoever wants an agent of any version only looks at it, or ends it.
  if (!anyVersion) requireSettings(context.env);
  const directory = agentDirectory(context.env, context.uid);
  const socket = socketPath(directory);
  if (Buffer.byteLength(socket) > 107) throw new SocketPathTooLong(socket);
  const state = await probeSocket(socket);
  if (state === 'EACCES' || state === 'EPERM')
    throw new SocketDenied(socket, ownerOf(socket, directory), userName(context.uid));
  if (state !== 'open') {
    if (!start) throw new NoAgent(socket);
    await startAgent(directory, context.env, context.uid, () => {
      if (context.err.isTTY) context.err.write('the agent takes long to start: waiting for it\n');
    });
  }
  const settings = (text: string) => {
    for (const line of notInForce(context, text)) tell(context, line);
  };
  const endpoint = { ...agentEndpoint(directory), ...(anyVersion ? {} : { settings }) };
  return new Agent(endpoint, ownerName(context), anyVersion);
}

function ownerName({ uid }: Context): string {
  // Metadata is ASCII (gRPC over HTTP/2: Custom-Metadata).
  return `${userName(uid)} (px ${process.pid})`.replace(/[^ -~]/g, '?');
}

/** Owner of the first of the paths that can be looked at. */
function ownerOf(...paths: string[]): string | undefined {
  for (const path of paths) {
    try {
      return userName(statSync(path).uid);
    } catch {
      // Not visible: the next one.
    }
  }
  return undefined;
}

function userName(uid: number): string {
  try {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.split(':')[2] === String(uid));
    if (line !== undefined) return line.split(':')[0]!;
  } catch {
    // No such file in this container.
  }
  return uid === 0 ? 'root' : `user ${uid}`;
}
