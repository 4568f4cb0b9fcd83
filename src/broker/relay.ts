import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a Unix socket of a connection that is there already, for a client that only knows how to make connections itself. `close` it. */
export class Relay {
  /** Path of the socket, in a folder that only its owner can read; one client, once. */
  readonly socket: string;
  readonly connection: Socket;
  readonly #folder: string;
  readonly #server: Server;

  private constructor(connection: Socket, mayReceive: () => boolean) {
    this.connection = connection;
    this.#folder = mkdtempSync(join(tmpdir(), 'sonde-relay-'));
    this.socket = join(this.#folder, 'socket');
    this.#server = createServer((client) => {
      this.#server.close();
      client.on('error', () => client.destroy());
      client.on('close', () => connection.destroy());
      connection.on('close', () => client.destroy());
      connection.on('data', () => {
        if (!mayReceive()) connection.destroy();
      });
      client.pipe(connection).pipe(client);
    });
  }

  /** `mayReceive` is asked whenever something comes: when it may not, the connection is closed. */
  static async open(connection: Socket, mayReceive: () => boolean): Promise<Relay> {
    const relay = new Relay(connection, mayReceive);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(relay.socket, resolve);
    });
    return relay;
  }

  close(): void {
    this.#server.close();
    this.connection.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
