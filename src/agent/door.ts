import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, isIP, type Server as NetServer, type Socket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type * as grpc from '@grpc/grpc-js';
import type { sonde } from '#api';
import type { Access } from './access.ts';
import { makeServerIdentity } from './certificate.ts';
import { MachineError, UserError } from './errors.ts';

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

/** The agent's way in from the network: TCP, with TLS 1.3 by a certificate that is made when it opens and is nowhere but in memory. */
export class NetworkDoor implements Access {
  readonly #inner: Access;
  readonly #caFile: string;
  /** Connections on which nobody has shown a valid token yet, by their far end. */
  readonly #strangers = new Map<string, NodeJS.Timeout>();
  readonly #sockets = new Set<Socket>();
  #listener: NetServer | undefined;
  #opening: Promise<void> | undefined;
  #asked = '';
  #plaintext = false;

  /** `access`: asked for every call. */
  constructor(dir: string, access: Access) {
    this.#inner = access;
    this.#caFile = join(dir, 'ca.pem');
  }

  /** What `px agent status` says of it. */
  get status(): { listen: string; plaintext: boolean; caFile: string } {
    const address = this.#listener?.address() as AddressInfo | null | undefined;
    if (!address) return { listen: '', plaintext: false, caFile: '' };
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return {
      listen: `${host}:${address.port}`,
      plaintext: this.#plaintext,
      caFile: this.#plaintext ? '' : this.#caFile,
    };
  }

  /**
   * Opens the door; `connect` gets every connection. Asked for what is there already, it changes nothing.
   * @throws UserError for plaintext that would leave the machine, or when it is open elsewhere; MachineError when the address cannot be had
   */
  async open(request: sonde.ListenRequest, connect: (socket: Socket) => void): Promise<sonde.ListenReply> {
    const asked = JSON.stringify([request.address, request.port, request.plaintext]);
    if (this.#asked !== '' && this.#asked !== asked) {
      await this.#opening;
      throw new UserError(`the agent listens on ${this.status.listen} already; \`px agent stop\` ends that`);
    }
    if (request.plaintext && !request.plaintextOverNetwork && !isLoopback(request.address)) {
      throw new UserError(
        `without TLS, tokens and rows could be read on the way to ${request.address}: leave out --plaintext, listen on 127.0.0.1, or add --plaintext-over-network if something else protects that way`,
      );
    }
    this.#asked = asked;
    this.#opening ??= this.#listen(request, connect);
    try {
      await this.#opening;
    } catch (error) {
      this.#asked = '';
      this.#opening = undefined;
      throw new MachineError(
        `cannot listen on ${request.address}, port ${request.port}: ${(error as NodeJS.ErrnoException).message}`,
        { cause: error },
      );
    }
    const { listen, caFile } = this.status;
    return { listen, caFile };
  }

  identify(...call: Parameters<Access['identify']>): ReturnType<Access['identify']> {
    const caller = this.#inner.identify(...call);
    this.#known(call[2]);
    return caller;
  }

  close(): void {
    this.#listener?.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.#caFile, { force: true });
  }

  async #listen(request: sonde.ListenRequest, connect: (socket: Socket) => void): Promise<void> {
    this.#plaintext = request.plaintext;
    const accept = (socket: Socket) => {
      this.#watch(socket);
      connect(socket);
    };
    let listener: NetServer;
    if (request.plaintext) listener = createServer({ keepAlive: true, noDelay: true }, accept);
    else {
      const { ca, certificate, key } = makeServerIdentity(ownHosts(request.address));
      const options = { minVersion: 'TLSv1.3', ALPNProtocols: ['h2'], handshakeTimeout: handshakeMs } as const;
      listener = createTlsServer({ ...options, key, cert: certificate, keepAlive: true, noDelay: true }, accept);
      // Before the first connection can be made.
      writeFileSync(this.#caFile, ca, { mode: 0o644 });
      listener.on('tlsClientError', (_, socket) => socket.destroy());
    }
    listener.maxConnections = mostConnections;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host: request.address, port: request.port }, resolve);
    });
    listener.on('error', (error) =>
      process.stderr.write(`${new Date().toISOString()} network door: ${error.message}\n`),
    );
    this.#listener = listener;
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

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** Every name by which a client may reach this machine, as far as the machine knows them. */
function ownHosts(address: string): readonly string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = interfaces.map((each) => each.address.replace(/%.*$/, ''));
  const hosts = ['localhost', hostname(), address, '127.0.0.1', '::1', ...addresses];
  return [...new Set(hosts)].filter((host) => isIP(host) !== 0 || /^[\w.-]+$/.test(host));
}
