import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { ClusterClient, ClusterClock, processMetrics, serveHealth } from '#cluster';
import { issueIdentity, NetworkDoor, ownHosts, Rollouts } from '#door';
import { Store } from '#store';
import { Access } from './access.ts';
import { AgentDoor } from './agent-door.ts';
import { clusterAuthority } from './authority.ts';
import { serveClients, tokenDoor } from './clients.ts';
import { ExpiredObjects } from './expired.ts';
import { ExportEndpoints } from './exports.ts';
import { Nodes } from './nodes.ts';
import { Placement } from './placement.ts';
import { Queries } from './query.ts';
import { Scopes } from './scopes.ts';
import { serveBroker } from './service.ts';
import { TokenSecrets } from './token-secrets.ts';
import { version } from './version.ts';

/** A cluster's broker: `node src/broker/main.ts --namespace NAMESPACE --dir DIR`. It holds nothing: start it again at any time. */
const { values } = parseArgs({
  options: {
    namespace: { type: 'string' },
    dir: { type: 'string' },
    port: { type: 'string', default: '50300' },
    health: { type: 'string', default: '50302' },
    listen: { type: 'string', default: '' },
    door: { type: 'string', default: '50303' },
    agents: { type: 'string', default: '50304' },
  },
});
if (!values.namespace || !values.dir) {
  process.stderr.write(
    'usage: main.ts --namespace NAMESPACE --dir DIR [--port PORT] [--health PORT] [--listen ADDRESS] [--door PORT] [--agents PORT]\n',
  );
  process.exit(2);
}
process.umask(0o077);
mkdirSync(values.dir, { recursive: true, mode: 0o700 });

const client = new ClusterClient();
const clock = new ClusterClock(client);
const expired = new ExpiredObjects(client, clock);
const nodes = new Nodes(client, values.namespace);
await nodes.ready;
const clusterId = await client.clusterId();
// Only the tables of running queries, which no limit may cut.
const store = Store.open({
  file: join(values.dir, `rows.${process.pid}.duckdb`),
  maxTableBytes: Number.MAX_SAFE_INTEGER,
  maxAgeNs: 86_400_000_000_000n,
});
const access = new Access(client);
const scopes = new Scopes(client);
const rollouts = new Rollouts(new Placement({ client, clock, nodes, scopes }));
const endpoints = new ExportEndpoints(client, values.namespace);
const queries = new Queries({ nodes, store, rollouts, endpoints });
const server = serveBroker({ nodes, client, clock, access, queries, clusterId });
// The loopback of its own network namespace: the way here is a port-forward.
await new Promise<void>((resolve, reject) => {
  server.bindAsync(`127.0.0.1:${values.port}`, grpc.ServerCredentials.createInsecure(), (error) =>
    error ? reject(error) : resolve(),
  );
});
const authority = await clusterAuthority(client, values.namespace);
const identity = issueIdentity(authority, ownHosts(...serviceNames(values.namespace)));
const agents = new AgentDoor(client, values.namespace);
await agents.open({ address: values.listen, port: Number(values.agents), identity }, (pod, link) =>
  nodes.connected(pod, link),
);
// For clients with tokens, in the cluster's network: by a Service of the cluster alone.
const tokens = new TokenSecrets(client, tokenDoor);
await tokens.ready;
const door = new NetworkDoor(tokens.tokens);
const clients = serveClients({ queries, scopes, clusterId, nodes: () => nodes.count }, door);
const injector = clients.createConnectionInjector(grpc.ServerCredentials.createInsecure());
await door.open({ address: values.listen, port: Number(values.door), identity }, (socket) =>
  injector.injectConnection(socket),
);
const metrics = () => [
  ...processMetrics(version),
  ...queries.metrics(),
  ...nodes.metrics(),
  ...expired.metrics(),
  clock.metric(),
];
await serveHealth(Number(values.health), { ready: () => true, metrics });
process.stderr.write(
  `${new Date().toISOString()} the broker listens on port ${values.port}, and for clients with tokens on ${door.address}\n`,
);

async function end(): Promise<void> {
  setTimeout(() => process.exit(0), 3000).unref();
  server.forceShutdown();
  door.close();
  agents.close();
  clients.forceShutdown();
  tokens.close();
  nodes.close();
  expired.close();
  clock.close();
  await store.close();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end());

/** As programs of the cluster name the Service `broker`. */
function serviceNames(namespace: string): string[] {
  const name = `broker.${namespace}`;
  return ['broker', name, `${name}.svc`, `${name}.svc.cluster.local`];
}
