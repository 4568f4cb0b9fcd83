import * as grpc from '@grpc/grpc-js';
import { ClusterClient, processMetrics, serveHealth } from '#cluster';
import type { Agent } from '../agent.ts';
import { version } from '../service.ts';
import { Followers } from './followers.ts';
import { ClusterNode } from './node.ts';
import { NodeRows } from './rows.ts';
import { serveNode } from './service.ts';

/** Where the broker reaches an agent, in the agent's own network namespace: by port-forward, nothing else gets there. */
export const nodePort = 50301;

export interface Membership {
  readonly node: string;
  /** The service account that the agent answers, `namespace:name`. */
  readonly broker: string;
  readonly port: number;
  /** Of /livez, /readyz and /metrics. */
  readonly healthPort: number;
}

/** Makes an agent that of a node: it follows the cluster's Tracepoints and answers the broker. */
export async function joinCluster(agent: Agent, { node, broker, port, healthPort }: Membership): Promise<void> {
  const client = new ClusterClient();
  const followers = new Followers(node, (upid) => agent.listProcesses().processes.find((each) => each.upid === upid));
  const { rows, node: member } = agent.join(({ identity, processes, tracepoints, tables, store }) => {
    tracepoints.followed = followers;
    const made = new ClusterNode(client, node, { identity, processes, tracepoints, followers });
    return { node: made, rows: new NodeRows(made, { tracepoints, tables, store }) };
  });
  const server = serveNode({ agent, rows, followers }, client, `system:serviceaccount:${broker}`);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const metrics = () => [...processMetrics(version), ...member.metrics(), ...rows.metrics()];
  await serveHealth(healthPort, { ready: () => member.ready, metrics });
}
