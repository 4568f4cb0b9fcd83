import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, vizier } from '#api';
import { SondeError } from '#base';
import { type ClusterClient, type ClusterClock, NoSuchTarget } from '#cluster';
import { type Access, NotAdmitted } from './access.ts';
import { followTracepoint } from './follow.ts';
import { listFunctions } from './functions.ts';
import type { Nodes } from './nodes.ts';
import type { Queries } from './query.ts';
import { allProcesses, NamespaceHidden, processesOf } from './targets.ts';
import { compileTracepoints, listTracepoints } from './tracepoints.ts';
import { version } from './version.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export interface BrokerParts {
  readonly nodes: Nodes;
  readonly client: ClusterClient;
  readonly clock: ClusterClock;
  readonly access: Access;
  readonly queries: Queries;
  readonly clusterId: string;
}

/** Pixie's service, and of Sonde's own what a cluster has. Every call needs a token. */
export function serveBroker(parts: BrokerParts): grpc.Server {
  const { access, queries, nodes } = parts;
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });
  const greeting = new grpc.Metadata();
  greeting.set('sonde-version', version);
  greeting.set('sonde-api', apiFingerprint);
  greeting.set('sonde-cluster-id', parts.clusterId);
  const text = (metadata: grpc.Metadata, key: string) => String(metadata.get(key)[0] ?? '');
  const admit = async (metadata: grpc.Metadata) => access.scopeOf(text(metadata, 'authorization'));

  const unary =
    <Request, Reply>(handle: (request: Request, scope: sonde.Scope) => Promise<Reply>) =>
    async (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      call.sendMetadata(greeting);
      try {
        callback(null, await handle(call.request, await admit(call.metadata)));
      } catch (error) {
        callback(serviceError(error));
      }
    };

  const stream =
    <Request, Reply>(handle: (request: Request, scope: sonde.Scope, call: StreamCall<Reply>) => Promise<void>) =>
    async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const abort = new AbortController();
      for (const event of ['cancelled', 'close', 'error']) call.on(event, () => abort.abort());
      call.sendMetadata(greeting);
      const send = async (reply: Reply) => {
        if (abort.signal.aborted || call.write(reply)) return;
        await new Promise<void>((resolve) => {
          call.once('drain', resolve);
          abort.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      };
      try {
        const scope = await admit(call.metadata);
        await handle(call.request, scope, { signal: abort.signal, metadata: call.metadata, send });
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', serviceError(error));
      }
    };

  server.addService(grpcService(vizier.VizierServiceDefinition, asBuffer), {
    executeScript: stream<vizier.ExecuteScriptRequest, vizier.ExecuteScriptResponse>(async (request, scope, call) => {
      const audience = text(call.metadata, 'sonde-client') === '' ? 'pixie' : 'sonde';
      await queries.run({ request, audience, scope, signal: call.signal, send: call.send });
    }),
    healthCheck: async (call: grpc.ServerWritableStream<vizier.HealthCheckRequest, vizier.HealthCheckResponse>) => {
      call.write({ status: { code: 0, message: '', errorDetails: [] } });
      const timer = setInterval(() => call.write({ status: { code: 0, message: '', errorDetails: [] } }), 5000);
      for (const event of ['cancelled', 'close', 'error']) call.on(event, () => clearInterval(timer));
    },
  });

  const lacking =
    (what: string) =>
    (_call: unknown, callback: grpc.sendUnaryData<never>): void =>
      callback({ code: grpc.status.UNIMPLEMENTED, details: `a cluster's broker does not ${what}` });
  server.addService(grpcService(sonde.SondeServiceDefinition, asBuffer), {
    compileTracepoints: unary<sonde.CompileTracepointsRequest, sonde.CompileTracepointsReply>((request, scope) =>
      compileTracepoints(request, scope, parts),
    ),
    listProcesses: unary<sonde.ListProcessesRequest, sonde.ListProcessesReply>(async ({ pods, one }, scope) => {
      const found = pods === undefined ? await allProcesses(nodes, scope) : await processesOf(pods, one, scope, parts);
      const missing = found.silent.map(({ node, reason }) => ({ node, reason }));
      return { processes: [...found.processes], missing, notes: [...found.notes] };
    }),
    listFunctions: stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>((request, scope, call) =>
      listFunctions(request, scope, parts, call),
    ),
    trace: stream<sonde.TraceRequest, sonde.TraceReply>((request, scope, call) =>
      followTracepoint(request.tracepoint, scope, nodes, call),
    ),
    listTracepoints: unary<sonde.ListTracepointsRequest, sonde.ListTracepointsReply>(async (_, scope) => ({
      tracepoints: await listTracepoints(parts.client, parts.clock, scope),
    })),
    status: lacking('tell the status of one agent: kubectl -n sonde get pods'),
  });
  return server;
}

/** One open call whose answer is a stream. */
interface StreamCall<Reply> {
  readonly signal: AbortSignal;
  readonly metadata: grpc.Metadata;
  /** Resolves when the client can take the next. */
  readonly send: (reply: Reply) => Promise<void>;
}

function serviceError(error: unknown): Partial<grpc.StatusObject> {
  const details = error instanceof Error ? error.message : String(error);
  if (error instanceof NoSuchTarget) return { code: grpc.status.NOT_FOUND, details };
  if (error instanceof NamespaceHidden) return { code: grpc.status.PERMISSION_DENIED, details };
  if (error instanceof NotAdmitted) return { code: grpc.status.UNAUTHENTICATED, details };
  return { code: error instanceof SondeError ? grpc.status.FAILED_PRECONDITION : grpc.status.INTERNAL, details };
}
