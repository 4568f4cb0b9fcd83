import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, vizier } from '#api';
import { SondeError } from '#base';
import type { Agent } from './agent.ts';
import { UserError } from './errors.ts';

/** Version of Sonde: the package's. */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Pixie's service and Sonde's own on one gRPC server; every call keeps the agent from ending itself. */
export function serve(agent: Agent): grpc.Server {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });

  const stream =
    <Request, Reply>(handle: (request: Request, call: StreamCall<Request, Reply>) => Promise<void>) =>
    async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const leave = agent.idle.enter();
      const abort = new AbortController();
      call.on('cancelled', () => abort.abort());
      call.on('close', () => abort.abort());
      call.on('error', () => abort.abort());
      call.sendMetadata(greeting(agent));
      try {
        await handle(call.request, {
          signal: abort.signal,
          caller: callerOf(call.metadata),
          send: (reply) => write(call, reply, abort.signal),
        });
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', serviceError(error));
      } finally {
        leave();
      }
    };

  const unary =
    <Request, Reply>(handle: (request: Request) => Promise<Reply> | Reply) =>
    async (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      const leave = agent.idle.enter();
      call.sendMetadata(greeting(agent));
      try {
        callback(null, await handle(call.request));
      } catch (error) {
        callback(serviceError(error));
      } finally {
        leave();
      }
    };

  server.addService(grpcService(vizier.VizierServiceDefinition, asBuffer), {
    executeScript: stream<vizier.ExecuteScriptRequest, vizier.ExecuteScriptResponse>(
      (request, { signal, caller, send }) =>
        agent.scripts.run({ request, audience: caller.own ? 'sonde' : 'pixie', owner: caller.name, signal, send }),
    ),
    healthCheck: stream<vizier.HealthCheckRequest, vizier.HealthCheckResponse>(async (_, { signal, send }) => {
      while (!signal.aborted) {
        await send({ status: { code: 0, message: '', errorDetails: [] } });
        await setTimeout(5000, undefined, { signal }).catch(() => {});
      }
    }),
  });

  server.addService(grpcService(sonde.SondeServiceDefinition, asBuffer), {
    status: unary<sonde.StatusRequest, sonde.StatusReply>(() => agent.status()),
    stop: unary<sonde.StopRequest, sonde.StopReply>(() => agent.stop()),
    listProcesses: unary<sonde.ListProcessesRequest, sonde.ListProcessesReply>(() => agent.listProcesses()),
    listFunctions: stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>((request, { signal, send }) =>
      agent.listFunctions(request, signal, send),
    ),
    trace: stream<sonde.TraceRequest, sonde.TraceReply>((request, { signal, caller, send }) =>
      agent.tracer.trace(request, caller.name, signal, send),
    ),
    listTracepoints: unary<sonde.ListTracepointsRequest, sonde.ListTracepointsReply>(() => agent.listTracepoints()),
    deleteTracepoint: unary<sonde.DeleteTracepointRequest, sonde.DeleteTracepointReply>((request) =>
      agent.deleteTracepoint(request.name),
    ),
    doctor: stream<sonde.DoctorRequest, sonde.DoctorCheck>((_, { send }) => agent.doctor(send)),
    debugCompile: unary<sonde.DebugCompileRequest, sonde.DebugReply>((request) => agent.debugCompile(request)),
    debugSites: unary<sonde.DebugSitesRequest, sonde.DebugReply>((request) => agent.debugSites(request)),
  });
  return server;
}

interface StreamCall<_Request, Reply> {
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** Resolves when the client can take more; at once when it is gone. */
  readonly send: (reply: Reply) => Promise<void>;
}

interface Caller {
  /** It is Sonde's own `px`. */
  readonly own: boolean;
  /** `user (px 1234)`, or what the client calls itself. */
  readonly name: string;
}

function callerOf(metadata: grpc.Metadata): Caller {
  const text = (key: string) => String(metadata.get(key)[0] ?? '');
  const own = text('sonde-client') !== '';
  return { own, name: own ? text('sonde-owner') || 'px' : text('user-agent') || 'unknown client' };
}

function greeting(agent: Agent): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('sonde-version', version);
  metadata.set('sonde-api', apiFingerprint);
  metadata.set('sonde-cluster-id', agent.identity.clusterId);
  return metadata;
}

function write<Request, Reply>(
  call: grpc.ServerWritableStream<Request, Reply>,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || call.cancelled) return Promise.resolve();
  if (call.write(reply)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

function serviceError(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof UserError) return { code: grpc.status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof SondeError && error.code !== 'bug') {
    return { code: grpc.status.FAILED_PRECONDITION, details: error.message };
  }
  return {
    code: grpc.status.INTERNAL,
    details: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/** Listens on a Unix socket; its mode is the process's umask's (0600 under 0077). */
export function bind(server: grpc.Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
