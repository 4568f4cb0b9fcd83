import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type GrpcMethod, grpcService, sonde } from '#api';
import { durationSetting, SondeError } from '#base';
import type { Relay } from './relay.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
export const nodeMethods = grpcService(sonde.NodeServiceDefinition, asBuffer);

/** An agent that says nothing for so long has not answered; SONDE_NODE_DEADLINE (`10s`) says otherwise. */
export const silenceMs = durationSetting('SONDE_NODE_DEADLINE', process.env.SONDE_NODE_DEADLINE, 10_000);

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

/** The agent of one node, by the connection that it has made. */
export class NodeLink {
  /** Of its pod, once that is known. */
  node = '(not known yet)';
  /** Set: its agent is of another version than the broker. */
  otherVersion: string | undefined;
  /** Bytes of messages that have come. */
  received = 0;
  readonly #relay: Relay;
  readonly #client: Client;

  constructor(relay: Relay) {
    this.#relay = relay;
    this.#client = new Client(`unix:${relay.socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.enable_http_proxy': 0,
      'grpc.default_authority': 'sonde-agent',
      // The one connection that there is.
      'grpc.client_idle_timeout_ms': 2 ** 31 - 1,
    });
  }

  /** @throws NodeSilent */
  async call<Request, Reply>(method: GrpcMethod<Request, Reply, Buffer>, request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        this.#counted(method),
        request,
        new Metadata(),
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
    const call: ClientReadableStream<Reply> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      this.#counted(method),
      request,
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

  onClose(act: () => void): void {
    const { connection } = this.#relay;
    if (connection.destroyed) act();
    else connection.once('close', act);
  }

  close(): void {
    this.#client.close();
    this.#relay.close();
  }

  #counted<Reply>({
    responseDeserialize,
  }: {
    responseDeserialize: (bytes: Buffer) => Reply;
  }): (bytes: Buffer) => Reply {
    return (bytes) => {
      this.received += bytes.length;
      return responseDeserialize(bytes);
    };
  }

  #silence(): NodeSilent {
    return new NodeSilent(this.node, `its agent did not answer within ${silenceMs / 1000} s`);
  }

  /** DEADLINE_EXCEEDED is 4, FAILED_PRECONDITION 9, UNAVAILABLE 14. */
  #silent(error: ServiceError): NodeSilent {
    if (error.code === 4) return this.#silence();
    const lost = error.code === 14 ? 'the connection to its agent was lost' : undefined;
    return new NodeSilent(this.node, lost ?? error.details, error.code === 9);
  }
}
