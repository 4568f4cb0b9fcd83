import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy of bytes whose connections can be cut. Close it. */
export class Cuttable {
  readonly #server: Server;
  /** From clients to what they send to. */
  readonly #open = new Map<Socket, Socket>();

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      this.#open.set(near, far);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => {});
        from.on('close', () => {
          to.destroy();
          this.#open.delete(near);
        });
        from.pipe(to);
      }
    });
  }

  /** In front of a port of this machine; listens on another, or on a Unix socket. */
  static async before(port: number, socket?: string): Promise<Cuttable> {
    const proxy = new Cuttable(port);
    await new Promise<void>((resolve) => {
      if (socket === undefined) proxy.#server.listen(0, '127.0.0.1', resolve);
      else proxy.#server.listen(socket, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** All connections break. */
  cut(): void {
    for (const near of this.#open.keys()) near.destroy();
  }

  /** What clients send does not arrive any more. */
  hold(): void {
    for (const [near, far] of this.#open) near.unpipe(far);
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}
