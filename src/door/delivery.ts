import { randomUUID } from 'node:crypto';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { type ServerWritableStream, type StatusObject, status } from '@grpc/grpc-js';
import { Echo } from './arrival.ts';

/** So many bytes of an answer may be on their way without a sign that they have arrived: they are kept, and whoever makes more of it waits. */
const mostOnTheWay = 1 << 20;
/** So long an answer waits for its client to come again. */
const defaultPatienceMs = 60_000;
/** So many answers of one client may wait for it. */
const mostWaiting = 16;

/** CANCEL (RFC 9113 section 7). */
const cancelled = 8;

type Call = ServerWritableStream<unknown, unknown>;

/** One connection on which an answer goes. */
interface Way {
  readonly call: Call;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
}

/** Where a client wants to go on. */
export interface Resumption {
  readonly id: string;
  /** How many messages it has; undefined: it cannot say. */
  readonly received: number | undefined;
}

/** The answer to one call, over as many connections as it takes. */
export class Delivery {
  readonly id = randomUUID();
  readonly owner: string;
  /** The client counts what it has: only what it says has arrived. */
  readonly #counted: boolean;
  readonly #patienceMs: number;
  readonly #abort = new AbortController();
  readonly #changed: () => void;
  /** What is not known to have arrived. Those in front were given to a connection. */
  readonly #kept: Uint8Array[] = [];
  #given = 0;
  #bytes = 0;
  /** Place of the first that is kept. */
  #arrived = 0;
  #room: (() => void)[] = [];
  #way: Way | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #over = false;
  #end: Partial<StatusObject> | 'ok' | undefined;

  /** `changed`: it has begun to wait for its client, or is over. */
  constructor(owner: string, counted: boolean, patienceMs: number, changed: () => void) {
    this.owner = owner;
    this.#counted = counted;
    this.#patienceMs = patienceMs;
    this.#changed = changed;
  }

  /** Aborted when nobody will read on. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  /** All of it was made. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Nobody will read on, or all of it has arrived. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends one message; resolves when there is room for another, or nobody will read on. */
  async send(message: Uint8Array): Promise<void> {
    if (this.over) return;
    this.#kept.push(message);
    this.#bytes += message.length;
    this.#give();
    if (this.#bytes >= mostOnTheWay) await new Promise<void>((resolve) => this.#room.push(resolve));
  }

  /** Nothing more comes. */
  end(how: Partial<StatusObject> | 'ok'): void {
    this.#end = how;
    this.#give();
  }

  /** The client says that it has so many messages of it. */
  received(count: number): void {
    while (this.#arrived < count && this.#given > 0) {
      this.#bytes -= this.#kept.shift()!.length;
      this.#given--;
      this.#arrived++;
    }
    if (this.#bytes < mostOnTheWay) for (const resolve of this.#room.splice(0)) resolve();
  }

  /** Goes on by this call. */
  attach(call: Call, stream: ServerHttp2Stream): void {
    const { session } = stream;
    // It is gone again.
    if (session === undefined) return;
    const way: Way = { call, stream, session: session as ServerHttp2Session };
    this.#way = way;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    stream.once('close', () => this.#closed(way));
    this.#give();
  }

  /** A client comes again. @returns why it cannot go on; undefined: it can, `attach` its call */
  resume(received: number | undefined): string | undefined {
    const former = this.#way;
    this.#way = undefined;
    // Not by closing the stream: Node 26 aborts where one is closed that has trailers to send (node_http2.cc, Http2Stream::OnTrailers).
    former?.call.emit('error', { code: status.CANCELLED, details: 'it goes on by another call' });
    if (received === undefined && this.#given > 0) {
      this.cancel();
      return 'nobody knows whether what was on its way has arrived';
    }
    if (received !== undefined && (received < this.#arrived || received > this.#arrived + this.#given)) {
      this.cancel();
      return `message ${received} is not kept any more`;
    }
    this.received(received ?? this.#arrived);
    this.#given = 0;
    this.#wait();
    return undefined;
  }

  /** Nobody will read on. */
  cancel(end?: Partial<StatusObject>): void {
    if (this.over) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const way = this.#way;
    this.#way = undefined;
    this.#over = true;
    if (!this.ended) this.#abort.abort();
    this.#kept.length = 0;
    for (const resolve of this.#room.splice(0)) resolve();
    if (way !== undefined && end !== undefined) way.call.emit('error', end);
    this.#changed();
  }

  #give(): void {
    const way = this.#way;
    if (way === undefined) return;
    while (this.#given < this.#kept.length) {
      const place = this.#arrived + ++this.#given;
      way.call.write(this.#kept[this.#given - 1], () => this.#confirm(way, place));
    }
    if (this.#end === undefined || way.call.writableEnded) return;
    if (this.#end === 'ok') way.call.end();
    else way.call.emit('error', this.#end);
  }

  #confirm(way: Way, place: number): void {
    if (this.#counted) return;
    const arrived = () => {
      if (this.#way === way) this.received(place);
    };
    Echo.of(way.session).confirm(arrived, () => {});
  }

  /** A stream that its client reset is wanted no more; one whose connection is lost may be. */
  #closed(way: Way): void {
    if (this.#way !== way) return;
    // Node closes streams by CANCEL too when their connection is lost.
    if (way.session.closed || way.session.destroyed) this.#lost(way);
    else if (this.ended)
      Echo.of(way.session).confirm(
        () => this.cancel(),
        () => this.#lost(way),
      );
    // Who is in between resets with other codes than who has cancelled.
    else if ([0, cancelled].includes(way.stream.rstCode ?? 0)) this.cancel();
    else this.#lost(way);
  }

  #lost(way: Way): void {
    if (this.#way !== way) return;
    this.#way = undefined;
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.cancel(), this.#patienceMs).unref();
    this.#changed();
  }
}

/** The answers of a server that may outlive the connection on which they began. */
export class Deliveries {
  readonly #all = new Map<string, Delivery>();
  readonly #patienceMs: number;

  constructor(patienceMs = defaultPatienceMs) {
    this.#patienceMs = patienceMs;
  }

  begin(owner: string, counted: boolean): Delivery {
    const delivery: Delivery = new Delivery(owner, counted, this.#patienceMs, () => this.#changed(delivery));
    this.#all.set(delivery.id, delivery);
    return delivery;
  }

  /** Where a client goes on; or why it cannot. */
  resume({ id, received }: Resumption, owner: string | undefined): Delivery | string {
    const delivery = this.#all.get(id);
    if (delivery === undefined || delivery.owner !== owner) return 'it is not known here, or was given up';
    return delivery.resume(received) ?? delivery;
  }

  /** The client says how much of an answer it has. */
  received({ id, received }: Resumption, owner: string | undefined): void {
    const delivery = this.#all.get(id);
    if (delivery?.owner === owner) delivery?.received(received ?? 0);
  }

  /** What waits is held against its client: the oldest goes, what was made to its end first. */
  #changed(delivery: Delivery): void {
    if (delivery.over) this.#all.delete(delivery.id);
    if (!delivery.waits) return;
    const waiting = [...this.#all.values()].filter((each) => each.waits && each.owner === delivery.owner);
    if (waiting.length <= mostWaiting) return;
    (waiting.find(({ ended }) => ended) ?? waiting[0]!).cancel();
  }
}
