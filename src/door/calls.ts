import * as grpc from '@grpc/grpc-js';
import { SondeError } from '#base';
import { type Caller, callerOf } from './access.ts';
import { CallRefused, UserError } from './errors.ts';

/** What every call needs of its server. */
export interface CallHost {
  /** Marks a call as open; call the result when it is over. */
  enter(): () => void;
  /** Goes ahead of every answer. */
  greeting(): grpc.Metadata;
}

/** A call whose answer is a stream, as its handler sees it. */
export interface StreamCall<Reply> {
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** Resolves when the client has taken it; at once when the client is gone. */
  readonly send: (reply: Reply) => Promise<void>;
}

export type StreamHandler<Request, Reply> = (request: Request, call: StreamCall<Reply>) => Promise<void>;
export type UnaryHandler<Request, Reply> = (request: Request, caller: Caller) => Promise<Reply> | Reply;

/** Handlers as grpc-js wants them, around those of the services. */
export function callHandlers(host: CallHost) {
  const open = (caller: Caller): (() => void) => {
    const close = caller.open.enter();
    const leave = host.enter();
    return () => {
      close();
      leave();
    };
  };

  const stream =
    <Request, Reply>(handle: StreamHandler<Request, Reply>) =>
    async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const caller = callerOf(call.metadata);
      const abort = new AbortController();
      const end = () => abort.abort();
      for (const event of ['cancelled', 'close', 'error']) call.on(event, end);
      const expelled = () => {
        call.emit('error', serviceError(caller.gone?.reason));
      };
      let leave = () => {};
      try {
        leave = open(caller);
        caller.gone?.addEventListener('abort', expelled);
        call.sendMetadata(host.greeting());
        await handle(call.request, {
          signal: abort.signal,
          caller,
          send: (reply) => write(call, reply, caller.ahead, abort.signal),
        });
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', serviceError(error));
      } finally {
        caller.gone?.removeEventListener('abort', expelled);
        leave();
      }
    };

  const unary =
    <Request, Reply>(handle: UnaryHandler<Request, Reply>) =>
    async (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      const caller = callerOf(call.metadata);
      let leave = () => {};
      try {
        leave = open(caller);
        call.sendMetadata(host.greeting());
        callback(null, await handle(call.request, caller));
      } catch (error) {
        callback(serviceError(error));
      } finally {
        leave();
      }
    };

  return { stream, unary };
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
