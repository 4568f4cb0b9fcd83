import type { Role } from './access.ts';
import { isTokenRecord, type TokenRecord } from './token-record.ts';

/** Where a cluster's tokens are: one Secret each. Who may write there makes tokens; who is impersonated is a service account of this namespace. */
export const tokenNamespace = 'sonde-tokens';
/** What their Secrets are labelled with. */
export const tokenLabel = 'sonde.dev/token';
const key = 'token.json';

/** As much of a Secret as there is to a token. */
export interface TokenSecret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A token's name in a cluster: that of a Secret and of a service account (RFC 1123). */
export const clusterTokenName = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

export function toSecret(record: TokenRecord): TokenSecret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: record.name, namespace: tokenNamespace, labels: { [tokenLabel]: 'true' } },
    type: tokenLabel,
    data: { [key]: Buffer.from(JSON.stringify(record)).toString('base64') },
  };
}

/** Undefined for a Secret that nobody can come in by. */
export function fromSecret(secret: {
  metadata?: { name?: string };
  data?: Record<string, string>;
}): TokenRecord | undefined {
  try {
    const record: unknown = JSON.parse(Buffer.from(secret.data?.[key] ?? '', 'base64').toString());
    // The subject that is impersonated is named for the Secret: it cannot be another's.
    if (!isTokenRecord(record) || record.name !== secret.metadata?.name || !clusterTokenName.test(record.name))
      return undefined;
    return record;
  } catch {
    return undefined;
  }
}

/** Whom the cluster sees when this token's holder traces. */
export function subjectOf(name: string): { readonly user: string; readonly groups: string[] } {
  return {
    user: `system:serviceaccount:${tokenNamespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${tokenNamespace}`, 'system:authenticated'],
  };
}

/** What gives a token's subject the rights of its role, as commands for whoever may give them. */
export function bindingCommands(name: string, role: Role, namespaces: readonly string[]): string[] {
  const rights = role === 'viewer' ? 'sonde-viewer' : 'sonde-tracer';
  const rest = `sonde-token-${name} --clusterrole=${rights} --serviceaccount=${tokenNamespace}:${name}`;
  if (namespaces.length === 0) return [`kubectl create clusterrolebinding ${rest}`];
  return namespaces.map((namespace) => `kubectl -n ${namespace} create rolebinding ${rest}`);
}
