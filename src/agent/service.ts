import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, cloud, grpcService, sonde, vizier } from '#api';
import { formatAgentSettings } from '#base';
import { type Access, askedToResume, callHandlers, guard } from '#door';
import type { Agent } from './agent.ts';

/** Version of Sonde: the package's. */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Pixie's services and Sonde's own on one gRPC server, for those whom `access` lets in. There is one server for each way in, for each has its own limits;
 * every call keeps the agent from ending itself.
 */
export function serve(agent: Agent, access: Access, options: grpc.ServerOptions): grpc.Server {
  const server = new grpc.Server({ ...options, interceptors: [guard(access)] });
  const host = { enter: () => agent.idle.enter(), greeting: () => greeting(agent) };
  const { stream, resumable, unary } = callHandlers(host);

  const ofPixie = grpcService(vizier.VizierServiceDefinition, asBuffer);
  server.addService(ofPixie, {
    executeScript: resumable(
      ofPixie.executeScript,
      (request, call) => agent.scripts.run({ request, ...call }),
      askedToResume,
    ),
    healthCheck: stream<vizier.HealthCheckRequest, vizier.HealthCheckResponse>(async (_, { signal, send }) => {
      while (!signal.aborted) {
        await send({ status: { code: 0, message: '', errorDetails: [] } });
        await setTimeout(5000, undefined, { signal }).catch(() => {});
      }
    }),
  });

  server.addService(grpcService(cloud.VizierClusterInfoDefinition, asBuffer), {
    getClusterInfo: unary<cloud.GetClusterInfoRequest, cloud.GetClusterInfoResponse>((request) =>
      agent.clusterInfo(request),
    ),
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
    listen: unary<sonde.ListenRequest, sonde.ListenReply>((request) => agent.listen(request)),
    createToken: unary<sonde.CreateTokenRequest, sonde.CreateTokenReply>((request, caller) =>
      agent.tokens.create(request, caller.name),
    ),
    listTokens: unary<sonde.ListTokensRequest, sonde.ListTokensReply>(() => agent.tokens.list()),
    revokeToken: unary<sonde.RevokeTokenRequest, sonde.RevokeTokenReply>((request) => ({
      existed: agent.tokens.revoke(request.name),
    })),
  });
  return server;
}

function greeting(agent: Agent): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('sonde-version', version);
  metadata.set('sonde-api', apiFingerprint);
  metadata.set('sonde-cluster-id', agent.identity.clusterId);
  metadata.set('sonde-settings', formatAgentSettings(process.env));
  return metadata;
}

/** Listens on a Unix socket; its mode is the process's umask's (0600 under 0077). */
export function bind(server: grpc.Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
