import type { sonde } from '#api';
import { SondeError } from '#base';
import type { ClusterClient } from '#cluster';

/** What clients' tokens are for. */
export const audience = 'sonde';

/** Who asks has shown no token that is good here. */
export class NotAdmitted extends SondeError {
  readonly code = 'broker.not-admitted';
}

/** An answer of the API server about rights holds for so long. */
const trustMs = 30_000;

/** Who may see what: the token says who, RBAC's `get tracepoints` says which namespaces. */
export class Access {
  readonly #client: ClusterClient;
  readonly #known = new Map<string, { readonly scope: Promise<sonde.Scope>; readonly until: number }>();

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  /** @throws NotAdmitted */
  scopeOf(authorization: string): Promise<sonde.Scope> {
    const token = /^Bearer (.+)$/.exec(authorization)?.[1];
    if (token === undefined) throw new NotAdmitted('a token is needed: px requests one with your kubeconfig');
    for (const [old, { until }] of this.#known) if (until < Date.now()) this.#known.delete(old);
    const known = this.#known.get(token);
    if (known) return known.scope;
    const scope = this.#ask(token);
    this.#known.set(token, { scope, until: Date.now() + trustMs });
    scope.catch(() => this.#known.delete(token));
    return scope;
  }

  async #ask(token: string): Promise<sonde.Scope> {
    const who = await this.#client.reviewToken(token, audience);
    if (who === undefined) throw new NotAdmitted('this token is not good here: wrong, expired, or for something else');
    if (await this.#client.mayTracepoints(who, 'get')) return { everything: true, namespaces: [] };
    const all = await this.#client.namespaces();
    const allowed = await Promise.all(all.map((namespace) => this.#client.mayTracepoints(who, 'get', namespace)));
    return { everything: false, namespaces: all.filter((_, i) => allowed[i]) };
  }
}

export function mayDo(scope: sonde.Scope, namespace: string): boolean {
  return scope.everything || (namespace !== '' && scope.namespaces.includes(namespace));
}
