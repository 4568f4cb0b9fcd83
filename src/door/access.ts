import type { ServerHttp2Stream } from 'node:http2';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Audience } from '#api';
import { streamOf } from './arrival.ts';
import { CallRefused } from './errors.ts';

/** What a caller may do: each role may all that those before it may. `viewer` runs queries, `tracer` places probes, `admin` ends the agent. */
export const roles = ['viewer', 'tracer', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who calls: made once for each call, by the door through which it came. */
export interface Caller {
  /** `root (px 1234)`, `token ci (grpc-go/1.43.0)`: as the owner of a tracepoint. */
  readonly name: string;
  readonly role: Role;
  /** Sonde's own px reads fields that other clients would skip. */
  readonly audience: Audience;
  /** Its calls that are open. */
  readonly open: OpenCalls;
  /** So many messages of a call that ends with its connection may wait for it to read them: more go in one write, and take more memory. */
  readonly ahead: number;
  /** Whose its calls are: it may go on with them by another connection. Undefined: they end with theirs. */
  readonly owner?: string;
  /** Aborted, with the reason, when it may call no longer. */
  readonly gone?: AbortSignal;
  /** Came by a token of Sonde's. */
  readonly token?: {
    readonly name: string;
    /** In a cluster: the only ones that it is good for; empty: no such bound. */
    readonly namespaces: readonly string[];
  };
}

/** Open calls of one caller: a client that opens calls and never reads must not eat the agent's memory. */
export class OpenCalls {
  readonly #of: string;
  readonly #most: number;
  readonly #within: OpenCalls | undefined;
  #count = 0;

  /** At most so many `of` this; each counts `within` a larger number too. */
  constructor(of: string, most: number, within?: OpenCalls) {
    this.#of = of;
    this.#most = most;
    this.#within = within;
  }

  /** Call the result when the call is over. @throws CallRefused when there are too many */
  enter(): () => void {
    if (this.#count >= this.#most)
      throw new CallRefused(status.RESOURCE_EXHAUSTED, `${this.#most} calls ${this.#of} are open already`);
    const leave = this.#within?.enter();
    this.#count++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#count--;
      leave?.();
    };
  }
}

/** A way in: says who calls. @throws CallRefused when nobody who may */
export interface Access {
  identify(metadata: Metadata, method: string, peer: string): Caller | Promise<Caller>;
}

/** @throws CallRefused (PERMISSION_DENIED) naming the role that is needed */
export function requireRole(caller: Caller, needed: Role, what: string): void {
  if (roles.indexOf(caller.role) >= roles.indexOf(needed)) return;
  throw new CallRefused(
    status.PERMISSION_DENIED,
    `${what} needs the role ${needed}; ${caller.name} has the role ${caller.role}`,
  );
}

const admitted = new WeakMap<Metadata, { readonly caller: Caller; readonly stream: ServerHttp2Stream | undefined }>();

/** Who sent a call that the interceptor has let in, and by which stream it came. */
export function admission(metadata: Metadata): {
  readonly caller: Caller;
  readonly stream: ServerHttp2Stream | undefined;
} {
  return admitted.get(metadata)!;
}

/** Asks `access` before a byte of the message is read. */
export function guard(access: Access): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          async onReceiveMetadata(metadata, proceed) {
            try {
              const caller = await access.identify(metadata, method.path, call.getPeer());
              admitted.set(metadata, { caller, stream: streamOf(call) });
            } catch (error) {
              const refused = error instanceof CallRefused;
              const details = error instanceof Error ? error.message : String(error);
              call.sendStatus({ code: refused ? error.status : status.INTERNAL, details });
              return;
            }
            proceed(metadata);
          },
        });
      },
    });
}

/** A metadata value as text; empty if there is none. */
export function first(metadata: Metadata, key: string): string {
  return String(metadata.get(key)[0] ?? '');
}

/** What the client calls itself, without anything that a terminal would obey. */
export function clientName(metadata: Metadata): string {
  const agent = first(metadata, 'sonde-client') === '' ? first(metadata, 'user-agent') : 'px';
  return agent.replace(/[^ -~]/g, '?').slice(0, 80) || 'unknown client';
}
