/** A pause between two calls that is long enough to tidy up in: parsed binaries are let go of by then (`Binaries`). */
const quietMs = 11_000;

/** Ends the agent when nobody has needed it for a while, and lets it tidy up when nobody needs it for a moment. */
export class IdleTimer {
  readonly #graceMs: number;
  readonly #busy: () => Promise<boolean>;
  readonly #expire: () => void;
  readonly #quiet: () => void;
  #quietTimer: NodeJS.Timeout | undefined;
  #calls = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `busy` tells whether something other than an open call keeps the agent: a tracepoint, rows that are young enough. */
  constructor(options: { graceMs: number; busy: () => Promise<boolean>; expire: () => void; quiet: () => void }) {
    this.#graceMs = options.graceMs;
    this.#busy = options.busy;
    this.#expire = options.expire;
    this.#quiet = options.quiet;
    this.#arm();
  }

  /** Marks a call as open; call the result when it is over. */
  enter(): () => void {
    this.#calls++;
    this.stop();
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      if (--this.#calls > 0) return;
      this.#arm();
      this.#quietTimer = setTimeout(this.#quiet, quietMs);
      this.#quietTimer.unref();
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#quietTimer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (this.#calls > 0) return;
      if (await this.#busy()) this.#arm();
      else if (this.#calls === 0) this.#expire();
    }, this.#graceMs);
    this.#timer.unref();
  }
}
