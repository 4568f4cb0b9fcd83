import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import { type ClusterClient, ClusterError } from './client.ts';

/**
 * A way to a port of a pod through the API server, for clients that speak to a Unix socket: nothing of the pod is exposed, and
 * whoever may not port-forward there does not get there. `close` it.
 */
export class Forward {
  /** Path of the socket, in a folder that only its owner can read. */
  readonly socket: string;
  readonly #folder: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Why the last connection was not made. */
  failure: ClusterError | undefined;

  private constructor(client: ClusterClient, namespace: string, pod: () => Promise<string>, port: number) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sonde-forward-'));
    this.socket = join(this.#folder, 'socket');
    const forward = new PortForward(client.config);
    this.#server = createServer((socket) => {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#open.delete(socket));
      this.#connect(forward, namespace, pod, port, socket).catch((error: unknown) => {
        this.failure = error instanceof ClusterError ? error : new ClusterError(`port-forward in ${namespace}`, error);
        socket.destroy();
      });
    });
  }

  /** `pod` is asked for each connection. */
  static async open(
    client: ClusterClient,
    namespace: string,
    pod: () => Promise<string>,
    port: number,
  ): Promise<Forward> {
    const forward = new Forward(client, namespace, pod, port);
    await new Promise<void>((resolve, reject) => {
      forward.#server.once('error', reject);
      forward.#server.listen(forward.socket, resolve);
    });
    return forward;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #connect(
    forward: PortForward,
    namespace: string,
    resolve: () => Promise<string>,
    port: number,
    socket: Socket,
  ): Promise<void> {
    const pod = await resolve();
    // The pod's end of the connection says by this stream that nobody listens there.
    const complaints = new PassThrough();
    complaints.on('data', (text: Buffer) => {
      if (text.length === 0) return;
      this.failure = new ClusterError(`port-forward to pod ${namespace}/${pod}`, text.toString());
      socket.destroy();
    });
    const connection = await forward.portForward(namespace, pod, [port], socket, complaints, socket);
    const webSocket = typeof connection === 'function' ? connection() : connection;
    if (webSocket === null) throw new Error('the API server closed the connection');
    this.failure = undefined;
    webSocket.on('close', () => socket.destroy());
    socket.on('close', () => webSocket.close());
  }
}
