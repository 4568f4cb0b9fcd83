import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** The HTTP/2 stream of a call, which grpc-js keeps to itself (`delivery.test.ts` fails where it does so otherwise). */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return (call as unknown as { readonly stream?: ServerHttp2Stream }).stream;
}

const echoes = new WeakMap<ServerHttp2Session, Echo>();

interface Question {
  readonly arrived: () => void;
  readonly lost: () => void;
}

/**
 * Tells when the far end of a connection has all that was written to it: it answers a PING (RFC 9113 section 6.7) after it has read what came before. One PING is on its way at a
 * time, for all calls of the connection.
 */
export class Echo {
  readonly #session: ServerHttp2Session;
  #next: Question[] = [];
  #asked: Question[] = [];

  private constructor(session: ServerHttp2Session) {
    this.#session = session;
    session.once('close', () => {
      for (const { lost } of [...this.#asked.splice(0), ...this.#next.splice(0)]) lost();
    });
  }

  static of(session: ServerHttp2Session): Echo {
    const known = echoes.get(session);
    if (known !== undefined) return known;
    const echo = new Echo(session);
    echoes.set(session, echo);
    return echo;
  }

  /** `arrived`: the far end has all that has been written by now; `lost`: the connection broke before it said so. */
  confirm(arrived: () => void, lost: () => void): void {
    if (this.#session.destroyed) lost();
    else {
      this.#next.push({ arrived, lost });
      this.#send();
    }
  }

  #send(): void {
    if (this.#asked.length > 0 || this.#next.length === 0 || this.#session.destroyed) return;
    this.#asked = this.#next.splice(0);
    this.#session.ping((error) => {
      const asked = this.#asked.splice(0);
      for (const { arrived, lost } of asked) error ? lost() : arrived();
      this.#send();
    });
  }
}
