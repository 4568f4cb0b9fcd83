import { ClusterClient, ClusterError, Forward } from '#cluster';
import { type Context, tell } from '../context.ts';
import type { Endpoint } from './agent.ts';
import { BrokerPods, NoBroker, sondeNamespace } from './broker.ts';
import { AnswerForgotten, BrokerGone } from './errors.ts';
import type { Destination } from './where.ts';

/** The service account as which px shows itself to the broker if it may, and what its token is for. */
const account = 'px';
const audience = 'sonde';
const sondeLabels = 'app in (sonde-broker, sonde-agent)';
const brokerPort = 50300;
/** A token is good for ten minutes (`requestToken`); px live asks for longer. */
const renewMs = 300_000;

/** Connects to a cluster's broker through the API server; undefined if nobody asked for the cluster and Sonde is not deployed there. */
export async function connectBroker(
  context: Context,
  destination: Extract<Destination, { kind: 'cluster' }>,
): Promise<{ endpoint: Endpoint; close: () => void } | undefined> {
  let client: ClusterClient;
  let pods: BrokerPods;
  try {
    client = new ClusterClient(destination.context === undefined ? {} : { context: destination.context });
    pods = new BrokerPods(client, (message) => tell(context, message));
    const deployed = (await pods.look()).kind !== 'absent' || (await client.hasPods(sondeNamespace, sondeLabels));
    if (!deployed && !destination.asked)
      throw new NoBroker(
        `Sonde is not deployed in the cluster ${client.contextName}: \`px deploy --image REF\` puts it there`,
      );
    if (!deployed) {
      tell(context, `this machine (Sonde is not deployed in the cluster ${client.contextName})`);
      return undefined;
    }
  } catch (error) {
    if (!destination.asked || !(error instanceof ClusterError)) throw error;
    tell(context, `this machine (the kubeconfig's cluster: ${error.message})`);
    return undefined;
  }
  tell(context, `cluster ${client.contextName}`);
  await pods.ready();
  let token = await ownToken(client);
  const renew = async () => {
    token = await ownToken(client);
  };
  const renewal = setInterval(() => void renew().catch(() => {}), renewMs).unref();
  const pod = async () => {
    const state = await pods.look();
    if (state.kind !== 'ready') throw pods.none(state);
    return state.pod;
  };
  const forward = await Forward.open(client, sondeNamespace, pod, brokerPort);
  const endpoint: Endpoint = {
    socket: forward.socket,
    get authorization() {
      return `Bearer ${token}`;
    },
    cluster: client,
    gone: async (_answered, detail) => new BrokerGone(forward.failure?.message ?? detail),
    resume: {
      broke: () => tell(context, 'the connection to the broker broke: going on where it was'),
      prepare: async () => {
        await pods.ready();
        if (forward.failure === undefined) pods.reached();
        else pods.refused(forward.failure);
        await renew();
      },
      forgotten: () => new AnswerForgotten(),
    },
  };
  const close = () => {
    clearInterval(renewal);
    forward.close();
  };
  return { endpoint, close };
}

/**
 * The rows that a user sees are those that the service account may whose token they may request: `px`, or one that was made for
 * them (docs/kubernetes.md).
 */
async function ownToken(client: ClusterClient): Promise<string> {
  try {
    return await client.requestToken(sondeNamespace, account, audience);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status !== 403) throw error;
    const [other] = await client.requestableAccounts(sondeNamespace);
    if (other === undefined) throw error;
    return client.requestToken(sondeNamespace, other, audience);
  }
}
