/** What a client of a server does, again and again, each time with a number of its own that can be found again in what the server was handed. */
export class Load {
  readonly #request: (n: number) => Promise<void>;
  readonly #running: Promise<void>[] = [];
  #over = false;
  sent = 0;
  /** What the server answered wrongly. */
  readonly faults: string[] = [];

  /** `request` throws where the answer is not the right one. */
  constructor(request: (n: number) => Promise<void>) {
    this.#request = request;
  }

  /** With so many requests at a time. */
  start(atOnce: number): void {
    for (let i = 0; i < atOnce; i++) this.#running.push(this.#loop());
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#running);
  }

  async #loop(): Promise<void> {
    while (!this.#over) {
      const n = ++this.sent;
      try {
        await this.#request(n);
      } catch (error) {
        this.faults.push(`request ${n}: ${(error as Error).message}`);
        if (this.faults.length > 20) return;
      }
    }
  }
}
