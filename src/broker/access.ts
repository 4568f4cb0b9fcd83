import { type Metadata, status } from '@grpc/grpc-js';
import type { sonde } from '#api';
import type { ClusterClient } from '#cluster';
import { type Caller, CallRefused, type Access as Door, first, OpenCalls } from '#door';

/** What clients' tokens are for. */
export const audience = 'sonde';

/** An answer of the API server about rights holds for so long. */
const trustMs = 30_000;

/** Who asks: all that hold a token of one service account are one. */
interface Holder {
  readonly user: string;
  readonly scope: sonde.Scope;
}

/** Who may see what: the token says who, RBAC's `get tracepoints` says which namespaces. */
export class Access implements Door {
  readonly #client: ClusterClient;
  readonly #known = new Map<string, { readonly holder: Promise<Holder>; readonly until: number }>();
  readonly #scopes = new WeakMap<Caller, sonde.Scope>();

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  /** @throws CallRefused (UNAUTHENTICATED) */
  async identify(metadata: Metadata): Promise<Caller> {
    const { user, scope } = await this.#holderOf(first(metadata, 'authorization'));
    const caller: Caller = {
      name: user,
      role: 'tracer',
      audience: first(metadata, 'sonde-client') === '' ? 'pixie' : 'sonde',
      // px comes through the API server, which says who may.
      open: new OpenCalls('', 1),
      ahead: 16,
      owner: JSON.stringify([user, scope]),
    };
    this.#scopes.set(caller, scope);
    return caller;
  }

  scopeOf(caller: Caller): sonde.Scope {
    return this.#scopes.get(caller)!;
  }

  #holderOf(authorization: string): Promise<Holder> {
    const token = /^Bearer (.+)$/.exec(authorization)?.[1];
    if (token === undefined) throw refused('a token is needed: px requests one with your kubeconfig');
    for (const [old, { until }] of this.#known) if (until < Date.now()) this.#known.delete(old);
    const known = this.#known.get(token);
    if (known) return known.holder;
    const holder = this.#ask(token);
    this.#known.set(token, { holder, until: Date.now() + trustMs });
    holder.catch(() => this.#known.delete(token));
    return holder;
  }

  async #ask(token: string): Promise<Holder> {
    const who = await this.#client.reviewToken(token, audience);
    if (who === undefined) throw refused('this token is not good here: wrong, expired, or for something else');
    const { user } = who;
    if (await this.#client.mayTracepoints(who, 'get')) return { user, scope: { everything: true, namespaces: [] } };
    const all = await this.#client.namespaces();
    const allowed = await Promise.all(all.map((namespace) => this.#client.mayTracepoints(who, 'get', namespace)));
    return { user, scope: { everything: false, namespaces: all.filter((_, i) => allowed[i]) } };
  }
}

export function mayDo(scope: sonde.Scope, namespace: string): boolean {
  return scope.everything || (namespace !== '' && scope.namespaces.includes(namespace));
}

function refused(message: string): CallRefused {
  return new CallRefused(status.UNAUTHENTICATED, message);
}
