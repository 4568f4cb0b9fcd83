import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, cloud, grpcService, vizier } from '#api';
import { type Access, askedToResume, CallRefused, callHandlers, doorOptions, guard, type TokenDoor } from '#door';
import { parseUuid } from '#model';
import type { Queries } from './query.ts';
import type { Scopes } from './scopes.ts';
import { version } from './version.ts';

/** What holders of tokens may call. Sonde's own px comes with a kubeconfig, by another way. */
export const tokenDoor: TokenDoor = {
  methods: {
    '/px.api.vizierpb.VizierService/ExecuteScript': 'viewer',
    '/px.api.vizierpb.VizierService/HealthCheck': 'viewer',
    '/px.cloudapi.VizierClusterInfo/GetClusterInfo': 'viewer',
  },
  making: '`px token create NAME`, with a kubeconfig of the cluster, makes one',
  listing: '`px token list`, with a kubeconfig of the cluster, names those that there are',
  elsewhere: 'to nobody with a token: px with a kubeconfig of the cluster does what it is for',
};

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export interface ClientParts {
  readonly queries: Queries;
  readonly scopes: Scopes;
  readonly clusterId: string;
  /** How many agents there are. */
  readonly nodes: () => number;
}

/** Pixie's services for clients with tokens, behind the network door. */
export function serveClients({ queries, scopes, clusterId, nodes }: ClientParts, access: Access): grpc.Server {
  const server = new grpc.Server({ ...doorOptions, interceptors: [guard(access)] });
  const greeting = () => {
    const metadata = new grpc.Metadata();
    metadata.set('sonde-version', version);
    metadata.set('sonde-api', apiFingerprint);
    metadata.set('sonde-cluster-id', clusterId);
    return metadata;
  };
  const { stream, resumable, unary } = callHandlers({ enter: () => () => {}, greeting });

  const ofPixie = grpcService(vizier.VizierServiceDefinition, asBuffer);
  server.addService(ofPixie, {
    executeScript: resumable(
      ofPixie.executeScript,
      async (request, call) => queries.run({ request, ...call, scope: await scopes.ofToken(call.caller) }),
      askedToResume,
    ),
    healthCheck: stream<vizier.HealthCheckRequest, vizier.HealthCheckResponse>(async (_, { signal, send }) => {
      while (!signal.aborted) {
        await send({ status: { code: 0, message: '', errorDetails: [] } });
        await sleep(5000, undefined, { signal }).catch(() => {});
      }
    }),
  });
  server.addService(grpcService(cloud.VizierClusterInfoDefinition, asBuffer), {
    getClusterInfo: unary<cloud.GetClusterInfoRequest, cloud.GetClusterInfoResponse>((request) =>
      clusterInfo(request, clusterId, nodes()),
    ),
  });
  return server;
}

/** The cluster as Pixie's cloud would tell of it. */
function clusterInfo(
  { id }: cloud.GetClusterInfoRequest,
  clusterUid: string,
  nodes: number,
): cloud.GetClusterInfoResponse {
  const { high, low } = parseUuid(clusterUid)!;
  if (id && (id.highBits !== high || id.lowBits !== low))
    throw new CallRefused(grpc.status.NOT_FOUND, `no such cluster; this one is ${clusterUid}`);
  const cluster = {
    id: { highBits: high, lowBits: low },
    status: cloud.ClusterStatus.CS_HEALTHY,
    lastHeartbeatNs: 0n,
    clusterUid,
    clusterName: clusterUid,
    prettyClusterName: clusterUid,
    vizierVersion: version,
    numNodes: nodes,
    numInstrumentedNodes: nodes,
  };
  return { clusters: [cluster] };
}
