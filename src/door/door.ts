import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type * as grpc from '@grpc/grpc-js';
import type { Access, Caller } from './access.ts';
import type { ServerIdentity } from './certificate.ts';

/** Connections at once; more are closed when they come. */
const mostConnections = 512;
/** A connection on which no call with a valid token has come by then is closed: a stranger holds none for long. */
const strangerMs = 10_000;
/** The larger part of what a stranger can make us do is a handshake. */
const handshakeMs = 5_000;

/** Limits of the gRPC server behind the network door, for `new grpc.Server`. */
export const doorOptions: grpc.ServerOptions = {
  // A script; Pixie's largest has 30 kB.
  'grpc.max_receive_message_length': 1 << 20,
  'grpc.max_concurrent_streams': 100,
  // MB of one connection's own state.
  'grpc-node.max_session_memory': 16,
  'grpc.max_connection_idle_ms': 600_000,
  // A peer that is gone without a word.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** Where a door listens, and by which certificate; without one in plaintext. */
export interface Place {
  /** Empty: every address of the machine. */
  readonly address: string;
  readonly port: number;
  readonly identity: ServerIdentity | undefined;
}

/** A way in from the network: TCP, with TLS 1.3. `access` is asked for every call. */
export class NetworkDoor implements Access {
  readonly #inner: Access;
  /** Connections on which nobody has shown a valid token yet, by their far end. */
  readonly #strangers = new Map<string, NodeJS.Timeout>();
  readonly #sockets = new Set<Socket>();
  #listener: NetServer | undefined;

  constructor(access: Access) {
    this.#inner = access;
  }

  /** `address:port`; undefined while it is closed. */
  get address(): string | undefined {
    const address = this.#listener?.address() as AddressInfo | null | undefined;
    if (!address) return undefined;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `${host}:${address.port}`;
  }

  /** Opens it; `connect` gets every connection. @throws NodeJS.ErrnoException when the address cannot be had */
  async open({ address, port, identity }: Place, connect: (socket: Socket) => void): Promise<void> {
    const accept = (socket: Socket) => {
      this.#watch(socket);
      connect(socket);
    };
    const common = { keepAlive: true, noDelay: true };
    let listener: NetServer;
    if (identity === undefined) listener = createServer(common, accept);
    else {
      const { certificate, key } = identity;
      const options = { minVersion: 'TLSv1.3', ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs } as const;
      listener = createTlsServer({ ...options, ...common, key, cert: certificate }, accept);
      listener.on('tlsClientError', (_, socket) => socket.destroy());
    }
    listener.maxConnections = mostConnections;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ port, ...(address === '' ? {} : { host: address }) }, resolve);
    });
    listener.on('error', (error) =>
      process.stderr.write(`${new Date().toISOString()} network door: ${error.message}\n`),
    );
    this.#listener = listener;
  }

  async identify(...call: Parameters<Access['identify']>): Promise<Caller> {
    const caller = await this.#inner.identify(...call);
    this.#known(call[2]);
    return caller;
  }

  close(): void {
    this.#listener?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #watch(socket: Socket): void {
    const peer = peerOf(socket);
    this.#sockets.add(socket);
    this.#strangers.set(
      peer,
      setTimeout(() => socket.destroy(), strangerMs),
    );
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#known(peer);
    });
  }

  #known(peer: string): void {
    clearTimeout(this.#strangers.get(peer));
    this.#strangers.delete(peer);
  }
}

/** As grpc-js names the far end of a call's connection. */
function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
