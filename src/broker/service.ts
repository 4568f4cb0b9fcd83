import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, vizier } from '#api';
import { type ClusterClient, type ClusterClock, NoSuchTarget } from '#cluster';
import { askedToResume, type Caller, callHandlers, guard } from '#door';
import type { Access } from './access.ts';
import { followTracepoint, openCalls } from './follow.ts';
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
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20, interceptors: [guard(access)] });
  const greeting = () => {
    const metadata = new grpc.Metadata();
    metadata.set('sonde-version', version);
    metadata.set('sonde-api', apiFingerprint);
    metadata.set('sonde-cluster-id', parts.clusterId);
    return metadata;
  };
  const { stream, resumable, unary, deliveries } = callHandlers({ enter: () => () => {}, greeting, status: statusOf });
  const scopeOf = (caller: Caller) => access.scopeOf(caller);

  const ofPixie = grpcService(vizier.VizierServiceDefinition, asBuffer);
  server.addService(ofPixie, {
    executeScript: resumable(
      ofPixie.executeScript,
      (request, call) => queries.run({ request, ...call, scope: scopeOf(call.caller) }),
      askedToResume,
    ),
    healthCheck: stream<vizier.HealthCheckRequest, vizier.HealthCheckResponse>(async (_, { signal, send }) => {
      while (!signal.aborted) {
        await send({ status: { code: 0, message: '', errorDetails: [] } });
        await sleep(5000, undefined, { signal }).catch(() => {});
      }
    }),
  });

  const lacking =
    (what: string) =>
    (_call: unknown, callback: grpc.sendUnaryData<never>): void =>
      callback({ code: grpc.status.UNIMPLEMENTED, details: `a cluster's broker does not ${what}` });
  const own = grpcService(sonde.SondeServiceDefinition, asBuffer);
  server.addService(own, {
    compileTracepoints: unary<sonde.CompileTracepointsRequest, sonde.CompileTracepointsReply>((request, caller) =>
      compileTracepoints(request, scopeOf(caller), parts),
    ),
    listProcesses: unary<sonde.ListProcessesRequest, sonde.ListProcessesReply>(async ({ pods, one }, caller) => {
      const scope = scopeOf(caller);
      const found = pods === undefined ? await allProcesses(nodes, scope) : await processesOf(pods, one, scope, parts);
      const missing = found.silent.map(({ node, reason }) => ({ node, reason }));
      return { processes: [...found.processes], missing, notes: [...found.notes] };
    }),
    listFunctions: stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>((request, call) =>
      listFunctions(request, scopeOf(call.caller), parts, call),
    ),
    trace: resumable(own.trace, (request, call) =>
      (request.open ? openCalls : followTracepoint)(request, scopeOf(call.caller), nodes, call),
    ),
    received: unary<sonde.ReceivedRequest, sonde.ReceivedReply>(({ call, messages }, { owner }) => {
      deliveries.received({ id: call, received: Number(messages) }, owner);
      return {};
    }),
    listTracepoints: unary<sonde.ListTracepointsRequest, sonde.ListTracepointsReply>(async (_, caller) => ({
      tracepoints: await listTracepoints(parts.client, parts.clock, scopeOf(caller)),
    })),
    status: lacking('tell the status of one agent: kubectl -n sonde get pods'),
  });
  return server;
}

function statusOf(error: unknown): grpc.status | undefined {
  if (error instanceof NoSuchTarget) return grpc.status.NOT_FOUND;
  return error instanceof NamespaceHidden ? grpc.status.PERMISSION_DENIED : undefined;
}
