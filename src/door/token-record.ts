import { createHash, randomBytes } from 'node:crypto';
import type { sonde } from '#api';
import { type Role, roles } from './access.ts';
import { UserError } from './errors.ts';

/** As it is kept. The token itself is nowhere: `hash` is the SHA-256 of its text, hexadecimal. */
export interface TokenRecord {
  readonly name: string;
  readonly role: Role;
  /** In a cluster: the only namespaces that it is good for; empty: all that its subject has rights in. */
  readonly namespaces: readonly string[];
  readonly hash: string;
  readonly createdMs: number;
  readonly createdBy: string;
  /** 0: never. */
  readonly expiresMs: number;
  /** 0: not. */
  readonly revokedMs: number;
}

export interface TokenRequest {
  readonly name: string;
  readonly role: string;
  /** 0: it never expires. */
  readonly lifetimeNs: bigint;
  readonly namespaces?: readonly string[];
}

const nameForm = /^[A-Za-z0-9][\w.@-]{0,63}$/;

/** A new token of 256 random bits, and what is to be kept of it. @throws UserError */
export function makeToken(request: TokenRequest, createdBy: string): { token: string; record: TokenRecord } {
  const { name, role, lifetimeNs, namespaces = [] } = request;
  if (!nameForm.test(name))
    throw new UserError(`a token's name is up to 64 letters, digits and ._@-, and begins with a letter or digit`);
  const known = roles.find((each) => each === role);
  if (known === undefined) throw new UserError(`no role ${role}: there are ${roles.join(', ')}`);
  const token = `sonde_${randomBytes(32).toString('base64url')}`;
  const createdMs = Date.now();
  const expiresMs = lifetimeNs === 0n ? 0 : createdMs + Math.max(1, Number(lifetimeNs / 1_000_000n));
  const record = { name, role: known, namespaces, hash: tokenHash(token), createdMs, createdBy, expiresMs };
  return { token, record: { ...record, revokedMs: 0 } };
}

export function isTokenRecord(given: unknown): given is TokenRecord {
  const record = given as Partial<TokenRecord> | null;
  return (
    typeof record === 'object' &&
    record !== null &&
    nameForm.test(String(record.name)) &&
    roles.includes(record.role as Role) &&
    /^[0-9a-f]{64}$/.test(String(record.hash)) &&
    [record.createdMs, record.expiresMs, record.revokedMs].every(Number.isSafeInteger) &&
    typeof record.createdBy === 'string' &&
    Array.isArray(record.namespaces) &&
    record.namespaces.every((each) => typeof each === 'string')
  );
}

export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}

export function tokenState({ revokedMs, expiresMs }: TokenRecord): 'valid' | 'expired' | 'revoked' {
  if (revokedMs > 0) return 'revoked';
  return expiresMs > 0 && expiresMs <= Date.now() ? 'expired' : 'valid';
}

/** What became of a token that is valid no longer. */
export function tokenDeath(record: TokenRecord): string {
  const [what, when] = record.revokedMs > 0 ? ['was revoked', record.revokedMs] : ['expired', record.expiresMs];
  return `the token ${record.name} ${what} at ${new Date(when).toISOString()}`;
}

export function tokenInfo(record: TokenRecord): sonde.TokenInfo {
  const ns = (ms: number) => BigInt(ms) * 1_000_000n;
  return {
    name: record.name,
    role: record.role,
    state: tokenState(record),
    createdNs: ns(record.createdMs),
    expiresNs: ns(record.expiresMs),
    revokedNs: ns(record.revokedMs),
    createdBy: record.createdBy,
  };
}
