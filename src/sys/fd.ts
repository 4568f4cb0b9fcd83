import { BugError } from '#base';
import type { Sys } from './sys.ts';

/** An owned descriptor: closed exactly once, by `close`, `using` or `closeInBackground`. Using it afterwards is a bug error. */
export class Fd implements Disposable {
  readonly #sys: Sys;
  readonly #number: number;
  #open = true;

  constructor(sys: Sys, number: number) {
    this.#sys = sys;
    this.#number = number;
  }

  get number(): number {
    if (!this.#open) throw new BugError(`descriptor ${this.#number} used after it was closed`);
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Only the first call does something. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sys.close(this.#number);
  }

  /** Closed on another thread; it counts as closed at once. */
  closeInBackground(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    return this.#sys.closeInBackground(this.#number);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
