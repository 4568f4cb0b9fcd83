import type { sonde } from '#api';
import type { ClusterClient } from '#cluster';
import { type Caller, subjectOf } from '#door';

/** An answer of the API server about rights holds for so long: who has just been given some does not wait long. */
const trustMs = 5_000;

/** What holders of tokens may see: the namespaces where the token's subject may get tracepoints, of those that the token is bound to. */
export class Scopes {
  readonly #client: ClusterClient;
  readonly #known = new Map<string, { readonly scope: Promise<sonde.Scope>; readonly until: number }>();

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  ofToken({ token }: Caller): Promise<sonde.Scope> {
    const { name, namespaces } = token!;
    for (const [old, { until }] of this.#known) if (until < Date.now()) this.#known.delete(old);
    const key = JSON.stringify([name, namespaces]);
    const known = this.#known.get(key);
    if (known) return known.scope;
    const scope = this.#ask(name, namespaces);
    this.#known.set(key, { scope, until: Date.now() + trustMs });
    scope.catch(() => this.#known.delete(key));
    return scope;
  }

  async #ask(name: string, bounds: readonly string[]): Promise<sonde.Scope> {
    const who = subjectOf(name);
    if (bounds.length === 0 && (await this.#client.mayTracepoints(who, 'get')))
      return { everything: true, namespaces: [] };
    const asked = bounds.length > 0 ? bounds : await this.#client.namespaces();
    const allowed = await Promise.all(asked.map((namespace) => this.#client.mayTracepoints(who, 'get', namespace)));
    return { everything: false, namespaces: asked.filter((_, i) => allowed[i]) };
  }
}
