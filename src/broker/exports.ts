import type { ClusterClient } from '#cluster';
import { ScriptFault } from './faults.ts';

/** The ConfigMap in the broker's namespace in which an administrator names, under `endpoints`, where the broker may send rows. */
const configMap = 'broker-exports';

/** Where scripts may have the broker send rows. It is read for each script: a change needs no restart. */
export class ExportEndpoints {
  readonly #client: ClusterClient;
  readonly #namespace: string;

  constructor(client: ClusterClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** @throws ScriptFault for an endpoint that is not among those that are named */
  async require(url: string): Promise<void> {
    const allowed = await this.#allowed();
    if (allowed.includes(url)) return;
    const named = allowed.length === 0 ? 'it names none' : `it names ${allowed.join(', ')}`;
    throw new ScriptFault(
      `the broker sends rows only to endpoints that an administrator has named in the ConfigMap ${this.#namespace}/${configMap}: ${named}, not ${url}\n` +
        `  kubectl -n ${this.#namespace} create configmap ${configMap} --from-literal=endpoints=${url}`,
    );
  }

  async #allowed(): Promise<string[]> {
    const metadata = { name: configMap, namespace: this.#namespace };
    const found = await this.#client.read<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
    return endpointsIn(found?.data?.endpoints ?? '');
  }
}

interface ConfigMap {
  readonly apiVersion: string;
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** HOST:PORT each, by spaces or lines; behind # is a comment. */
export function endpointsIn(text: string): string[] {
  return text.replace(/#.*$/gm, '').split(/\s+/).filter(Boolean);
}
