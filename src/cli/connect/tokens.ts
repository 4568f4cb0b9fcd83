import type { sonde } from '#api';
import { ClusterClient, ClusterError, type Secret } from '#cluster';
import {
  bindingCommands,
  clusterTokenName,
  fromSecret,
  makeToken,
  type TokenRecord,
  tokenInfo,
  tokenLabel,
  tokenNamespace,
  tokenState,
  toSecret,
} from '#door';
import { type Context, tell } from '../context.ts';
import { UsageError, UserError } from '../failure.ts';
import { sondeMethods, withAgent } from './agent.ts';
import { brokerLabels, sondeNamespace } from './broker.ts';
import { destination, type Where } from './where.ts';

/** A token as it is listed. `namespaces`: of a cluster's. */
export type Listed = sonde.TokenInfo & { readonly namespaces?: readonly string[] };

export interface NewToken {
  readonly name: string;
  readonly role: string;
  readonly lifetimeNs: bigint;
  readonly namespaces: readonly string[];
}

/** Who keeps tokens: this machine's agent, or a cluster. */
export interface TokenKeeper {
  /** `notes`: what is to be known of it. */
  create(wanted: NewToken): Promise<{ token: string; info: Listed; notes: readonly string[] }>;
  list(): Promise<readonly Listed[]>;
  /** False when no valid token has that name. */
  revoke(name: string): Promise<boolean>;
}

/** Tokens are kept where px goes: see `destination`. */
export async function withTokens<T>(
  context: Context,
  where: Where,
  work: (keeper: TokenKeeper) => Promise<T>,
): Promise<T> {
  const cluster = await clusterOf(context, where);
  if (cluster !== undefined) return work(new SecretKeeper(cluster));
  return withAgent(context, (agent) =>
    work({
      create: async ({ namespaces, ...wanted }) => {
        if (namespaces.length > 0) throw new UsageError('-n is for a cluster: this machine has no namespaces');
        const { token, info } = await agent.call(sondeMethods.createToken, wanted);
        return { token, info: info!, notes: [] };
      },
      list: async () => (await agent.call(sondeMethods.listTokens, {})).tokens,
      revoke: async (name) => (await agent.call(sondeMethods.revokeToken, { name })).existed,
    }),
  );
}

/** Undefined: this machine's agent has them. */
async function clusterOf(context: Context, where: Where): Promise<ClusterClient | undefined> {
  const to = destination(context, where);
  if (to.kind === 'local') return undefined;
  try {
    const client = new ClusterClient(to.context === undefined ? {} : { context: to.context });
    const deployed = !to.asked || (await client.hasPods(sondeNamespace, brokerLabels));
    tell(
      context,
      deployed
        ? `cluster ${client.contextName}`
        : `this machine (Sonde is not deployed in the cluster ${client.contextName})`,
    );
    return deployed ? client : undefined;
  } catch (error) {
    if (!to.asked || !(error instanceof ClusterError)) throw error;
    tell(context, `this machine (the kubeconfig's cluster: ${error.message})`);
    return undefined;
  }
}

/** A cluster's tokens: Secrets, written with the user's own rights. */
class SecretKeeper implements TokenKeeper {
  readonly #client: ClusterClient;

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  async create(wanted: NewToken): ReturnType<TokenKeeper['create']> {
    const { name, namespaces } = wanted;
    if (!clusterTokenName.test(name))
      throw new UserError(
        `a token's name in a cluster is up to 63 of a-z, 0-9, . and -, and begins and ends with a letter or digit`,
      );
    const { token, record } = makeToken(wanted, await this.#client.userName());
    const before = await this.#read(name);
    const known = before && fromSecret(before);
    if (known && tokenState(known) === 'valid')
      throw new UserError(`there is a token ${name}: revoke it first, or take another name`);
    if (before) await this.#client.replace({ ...before, ...toSecret(record), metadata: before.metadata! });
    else await this.#client.create(toSecret(record));
    const notes = [
      `its subject is the service account ${tokenNamespace}:${name}; to give it the rights of its role:`,
      ...bindingCommands(name, record.role, namespaces).map((command) => `  ${command}`),
      `programs in the cluster reach broker.${sondeNamespace}.svc.cluster.local:50303; the CA to trust:`,
      `  kubectl -n ${sondeNamespace} get configmap broker-ca -o jsonpath='{.data.ca\\.pem}'`,
    ];
    return { token, info: listed(record), notes };
  }

  async list(): Promise<readonly Listed[]> {
    const secrets = await this.#client.secrets(tokenNamespace, tokenLabel);
    return secrets.flatMap((secret) => fromSecret(secret) ?? []).map(listed);
  }

  async revoke(name: string): Promise<boolean> {
    const secret = await this.#read(name);
    const record = secret && fromSecret(secret);
    if (!record || tokenState(record) !== 'valid') return false;
    const { data } = toSecret({ ...record, revokedMs: Date.now() });
    await this.#client.replace({ ...secret, data });
    return true;
  }

  #read(name: string): Promise<Secret | undefined> {
    return this.#client.read<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: tokenNamespace },
    });
  }
}

function listed(record: TokenRecord): Listed {
  return { ...tokenInfo(record), namespaces: record.namespaces };
}
