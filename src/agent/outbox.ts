import type { sonde } from '#api';
import type { RowBatch } from '#model';
import { tracedCalls } from './traced-calls.ts';

/** Rows of one message: each message costs more than a row does. */
export const messageRows = 256;

/** Rows that may wait for a slow client before more are dropped (and counted). */
const mostWaiting = 100_000;

/** Rows on their way to one client: a slow client makes them wait here, up to a limit. */
export class Outbox {
  rows = 0;
  dropped = 0;
  onFull: () => void = () => {};
  readonly #most: number;
  readonly #send: (reply: sonde.TraceReply) => Promise<void>;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(most: number, send: (reply: sonde.TraceReply) => Promise<void>) {
    this.#most = most;
    this.#send = send;
  }

  push(batch: RowBatch): void {
    let take = batch.rows;
    if (this.#most > 0) take = Math.min(take, this.#most - this.rows);
    if (this.#waiting + take > mostWaiting) {
      this.dropped += take;
      return;
    }
    this.rows += take;
    this.#waiting += take;
    this.#tail = this.#tail.then(async () => {
      for (let row = 0; row < take; row += messageRows) {
        const calls = tracedCalls(batch, row, Math.min(messageRows, take - row));
        await this.#send({ event: { $case: 'calls', value: { calls } } });
        this.#waiting -= calls.length;
      }
    });
    if (this.#most > 0 && this.rows >= this.#most) this.onFull();
  }

  flushed(): Promise<void> {
    return this.#tail;
  }
}
