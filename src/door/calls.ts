import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import type { GrpcMethod } from '#api';
import { SondeError } from '#base';
import { admission, type Caller, first } from './access.ts';
import { Deliveries, type Resumption } from './delivery.ts';
import { CallRefused, UserError } from './errors.ts';

/** What every call needs of its server. */
export interface CallHost {
  /** Marks a call as open; call the result when it is over. */
  enter(): () => void;
  /** Goes ahead of every answer. */
  greeting(): grpc.Metadata;
  /** How a handler's failure ends its call, where it is not as usual. */
  status?(error: unknown): grpc.status | undefined;
}

/** A call whose answer is a stream, as its handler sees it. */
export interface StreamCall<Reply> {
  /** A UUID. */
  readonly id: string;
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** Resolves when the client has taken it; at once when the client is gone. */
  readonly send: (reply: Reply) => Promise<void>;
  /** Set: its client wants to go on with an earlier call, and why that cannot be. */
  readonly lost?: string;
}

export type StreamHandler<Request, Reply> = (request: Request, call: StreamCall<Reply>) => Promise<void>;
export type UnaryHandler<Request, Reply> = (request: Request, caller: Caller) => Promise<Reply> | Reply;

/** Handlers as grpc-js wants them, around those of the services. */
export function callHandlers(host: CallHost, deliveries = new Deliveries()) {
  const statusOf = (error: unknown): Partial<grpc.StatusObject> => {
    const code = host.status?.(error);
    return code === undefined ? serviceError(error) : { code, details: (error as Error).message };
  };
  const open = (caller: Caller): (() => void) => {
    const close = caller.open.enter();
    const leave = host.enter();
    return () => {
      close();
      leave();
    };
  };
  const greet = (call: grpc.ServerWritableStream<unknown, unknown>, id: string): void => {
    const greeting = host.greeting();
    greeting.set('sonde-call', id);
    call.sendMetadata(greeting);
  };

  const stream =
    <Request, Reply>(handle: StreamHandler<Request, Reply>) =>
    async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const { caller } = admission(call.metadata);
      const abort = new AbortController();
      const end = () => abort.abort();
      for (const event of ['cancelled', 'close', 'error']) call.on(event, end);
      const expelled = () => {
        call.emit('error', statusOf(caller.gone?.reason));
      };
      let leave = () => {};
      try {
        leave = open(caller);
        caller.gone?.addEventListener('abort', expelled);
        call.sendMetadata(host.greeting());
        await handle(call.request, {
          id: randomUUID(),
          signal: abort.signal,
          caller,
          send: (reply) => write(call, reply, caller.ahead, abort.signal),
        });
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', statusOf(error));
      } finally {
        caller.gone?.removeEventListener('abort', expelled);
        leave();
      }
    };

  /**
   * A stream that outlives its connection: its client goes on by `sonde-resume: ID COUNT` in its metadata, or as `asked` finds in its request. Whoever has no `Caller.owner` gets a
   * plain stream.
   */
  const resumable = <Request, Reply>(
    { responseSerialize }: GrpcMethod<Request, Reply, Buffer>,
    handle: StreamHandler<Request, Reply>,
    asked: (request: Request) => Resumption | undefined = () => undefined,
  ) => {
    const plain = stream(handle);
    return async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const { caller, stream: way } = admission(call.metadata);
      const { owner } = caller;
      const header = first(call.metadata, 'sonde-resume');
      const wanted = header === '' ? asked(call.request) : resumption(header);
      if ((owner === undefined || way === undefined) && wanted === undefined) return plain(call);
      try {
        const leave = caller.open.enter();
        way?.once('close', leave);
        const found = wanted && deliveries.resume(wanted, owner);
        if (typeof found === 'string' && header !== '') throw new CallRefused(grpc.status.NOT_FOUND, found);
        if (typeof found === 'object') {
          greet(call, found.id);
          return found.attach(call, way!);
        }
        const delivery = deliveries.begin(owner ?? '', caller.audience === 'sonde');
        greet(call, delivery.id);
        delivery.attach(call, way!);
        const expelled = () => delivery.cancel(statusOf(caller.gone?.reason));
        caller.gone?.addEventListener('abort', expelled);
        const over = host.enter();
        try {
          const { id, signal } = delivery;
          const send = (reply: Reply) => delivery.send(responseSerialize(reply));
          await handle(call.request, { id, signal, caller, send, ...(found === undefined ? {} : { lost: found }) });
          delivery.end('ok');
        } catch (error) {
          delivery.end(statusOf(error));
        } finally {
          caller.gone?.removeEventListener('abort', expelled);
          over();
        }
      } catch (error) {
        call.emit('error', statusOf(error));
      }
    };
  };

  const unary =
    <Request, Reply>(handle: UnaryHandler<Request, Reply>) =>
    async (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      const { caller } = admission(call.metadata);
      let leave = () => {};
      try {
        leave = open(caller);
        call.sendMetadata(host.greeting());
        callback(null, await handle(call.request, caller));
      } catch (error) {
        callback(statusOf(error));
      } finally {
        leave();
      }
    };

  return { stream, resumable, unary, deliveries };
}

/** `ID COUNT` */
function resumption(header: string): Resumption {
  const [id = '', count = ''] = header.split(' ');
  return { id, received: Number.parseInt(count, 10) || 0 };
}

/** Resolves when less than `ahead` messages are on their way, or the client is gone: what it does not read costs no memory but those. */
function write<Request, Reply>(
  call: grpc.ServerWritableStream<Request, Reply>,
  reply: Reply,
  ahead: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || call.cancelled) return Promise.resolve();
  if (call.writableLength + 1 < ahead) {
    call.write(reply);
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    call.write(reply, done);
  });
}

function serviceError(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof CallRefused) return { code: error.status, details: error.message };
  if (error instanceof UserError) return { code: grpc.status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof SondeError && error.code !== 'bug') {
    return { code: grpc.status.FAILED_PRECONDITION, details: error.message };
  }
  return {
    code: grpc.status.INTERNAL,
    details: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
