import { once } from 'node:events';
import type { Writable } from 'node:stream';

/**
 * Standard output with back pressure and a quiet end. Text is gathered and written in pieces of 32 KiB; `flush` writes what is
 * left. When the reader has gone (EPIPE: `px … | head -1`) or a write has failed, `closed` turns true, further text is dropped and `onClosed` is called once.
 */
export class Sink {
  readonly #stream: Writable;
  #text = '';
  #closed = false;
  #failure: Error | undefined;
  #onClosed: (() => void) | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#closed) return;
      this.#closed = true;
      // EPIPE, and EIO of a terminal that is gone: the reader wanted no more. Anything else is a loss.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') this.#failure = error;
      this.#onClosed?.();
    });
  }

  /** Why text was lost that somebody wanted: the disk is full. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClosed(listener: () => void): void {
    this.#onClosed = listener;
    if (this.#closed) listener();
  }

  /** Undefined when the text was taken at once; a promise to wait for when the reader is slow. */
  write(text: string): void | Promise<void> {
    if (this.#closed) return;
    this.#text += text;
    if (this.#text.length >= 32_768) return this.flush();
  }

  flush(): void | Promise<void> {
    if (this.#closed || this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (this.#stream.write(text)) return;
    return once(this.#stream, 'drain').then(
      () => undefined,
      () => undefined,
    );
  }

  /** Writes what is left and waits until all is written, or has failed. */
  async finish(): Promise<void> {
    await this.flush();
    if (!this.#closed) await new Promise<void>((resolve) => this.#stream.write('', () => setImmediate(resolve)));
  }
}
