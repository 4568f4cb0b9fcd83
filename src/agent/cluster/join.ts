import * as grpc from '@grpc/grpc-js';
import { BrokerConnection, type BrokerPlace, ClusterClient, processMetrics, serveHealth } from '#cluster';
import type { Agent } from '../agent.ts';
import { version } from '../service.ts';
import { Followers } from './followers.ts';
import { ClusterNode } from './node.ts';
import { NodeRows } from './rows.ts';
import { serveNode } from './service.ts';

export interface Membership {
  readonly node: string;
  readonly broker: BrokerPlace;
  /** Of /livez, /readyz and /metrics. */
  readonly healthPort: number;
}

/** Makes an agent that of a node: it follows the cluster's Tracepoints, and goes to the broker and answers it. */
export async function joinCluster(agent: Agent, { node, broker, healthPort }: Membership): Promise<void> {
  const client = new ClusterClient();
  const followers = new Followers(node, {
    describe: (upid) => agent.listProcesses().processes.find((each) => each.upid === upid),
    openCalls: (upids, fn) => {
      const processes = upids.map((upid) => ({ upid, pid: upid.pid }));
      return agent.tracer.openCalls(processes, fn);
    },
  });
  const { rows, node: member } = agent.join(({ identity, processes, tracepoints, tables, store }) => {
    tracepoints.followed = followers;
    const made = new ClusterNode(client, node, { identity, processes, tracepoints, followers });
    return { node: made, rows: new NodeRows(made, { tracepoints, tables, store }) };
  });
  // It listens nowhere: calls come by the connection that the agent itself has made.
  const connection = new BrokerConnection(client, broker, (socket) => injector.injectConnection(socket));
  const server = serveNode({ agent, rows, followers, connection });
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const metrics = () => [...processMetrics(version), ...member.metrics(), ...rows.metrics(), connection.metric()];
  await serveHealth(healthPort, { ready: () => member.ready, metrics });
}
