import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Metadata, status } from '@grpc/grpc-js';
import type { sonde } from '#api';
import {
  type Access,
  type Caller,
  clientName,
  first,
  networkMethods,
  OpenCalls,
  type Role,
  requireRole,
  roles,
} from './access.ts';
import { CallRefused, MachineError, UserError } from './errors.ts';

/** As it lies in the file. The token itself is nowhere: `hash` is the SHA-256 of its text, hexadecimal. */
interface Kept {
  readonly name: string;
  readonly role: Role;
  readonly hash: string;
  readonly createdMs: number;
  readonly createdBy: string;
  /** 0: never. */
  readonly expiresMs: number;
  /** 0: not. */
  revokedMs: number;
}

/** One token while the agent lives. */
interface Token {
  readonly kept: Kept;
  readonly open: OpenCalls;
  readonly gone: AbortController;
  timer: NodeJS.Timeout | undefined;
}

/** So many are kept, those that serve no longer among them: who uses one is told what became of it. */
const mostTokens = 1000;
/** Each open call takes some 12 MB while its client does not read. */
const mostOpenCalls = 16;
const mostOpenCallsOfAll = 64;
/** Timers hold at most 2^31 ms. */
const longestTimerMs = 2 ** 31 - 1;

const nameForm = /^[A-Za-z0-9][\w.@-]{0,63}$/;

/** The tokens of the network door: who has one may call as its role says. They lie in a file of mode 0600 and outlive the agent. */
export class Tokens implements Access {
  readonly #file: string;
  /** By hash; in the order in which they were made. */
  readonly #tokens = new Map<string, Token>();
  readonly #open = new OpenCalls('from the network', mostOpenCallsOfAll);
  /** Why the file cannot be used. */
  #damage: string | undefined;

  constructor(dir: string) {
    this.#file = join(dir, 'tokens.json');
    try {
      for (const kept of read(this.#file)) this.#add(kept);
    } catch (error) {
      // Nobody is let in by half of a file; nothing else needs it.
      this.#damage = (error as Error).message;
      process.stderr.write(`${new Date().toISOString()} the tokens cannot be used: ${this.#damage}\n`);
      this.#tokens.clear();
    }
  }

  /** @throws UserError, MachineError */
  create({ name, role, lifetimeNs }: sonde.CreateTokenRequest, by: string): sonde.CreateTokenReply {
    this.#usable();
    if (!nameForm.test(name))
      throw new UserError(`a token's name is up to 64 letters, digits and ._@-, and begins with a letter or digit`);
    if (!roles.includes(role as Role)) throw new UserError(`no role ${role}: there are ${roles.join(', ')}`);
    if (this.#valid(name)) throw new UserError(`there is a token ${name}: revoke it first, or take another name`);
    this.#makeRoom();
    const token = `sonde_${randomBytes(32).toString('base64url')}`;
    const createdMs = Date.now();
    const expiresMs = lifetimeNs === 0n ? 0 : createdMs + Math.max(1, Number(lifetimeNs / 1_000_000n));
    const kept = { name, role: role as Role, hash: hashOf(token), createdMs, createdBy: by, expiresMs, revokedMs: 0 };
    this.#add(kept);
    this.#write();
    return { token, info: info(kept) };
  }

  list(): sonde.ListTokensReply {
    this.#usable();
    return { tokens: [...this.#tokens.values()].map(({ kept }) => info(kept)) };
  }

  /** Its open calls end with it. False when no valid token has that name. */
  revoke(name: string): boolean {
    this.#usable();
    const token = this.#valid(name);
    if (!token) return false;
    token.kept.revokedMs = Date.now();
    this.#write();
    this.#end(token);
    return true;
  }

  /**
   * Who holds the token of a call. It stands where Pixie's clients put it: x-direct-vizier-key (px), pixie-api-key (Python, Go), authorization: bearer.
   * @throws CallRefused
   */
  identify(metadata: Metadata, method: string): Caller {
    if (this.#damage !== undefined) throw refused('the tokens of this agent cannot be read; see its log');
    const given =
      first(metadata, 'x-direct-vizier-key') ||
      first(metadata, 'pixie-api-key') ||
      /^bearer +(.*)$/i.exec(first(metadata, 'authorization'))?.[1]?.trim();
    if (!given) throw refused('a token is needed: `px token create NAME` on the machine of the agent makes one');
    const token = this.#tokens.get(hashOf(given));
    if (!token)
      throw refused('this agent does not know the token: `px token list` on its machine names those that it knows');
    const { name, role } = token.kept;
    if (stateOf(token.kept) !== 'valid') throw refused(deathOf(token.kept));
    const needed = networkMethods[method];
    const caller: Caller = {
      name: `token ${name} (${clientName(metadata)})`,
      role,
      audience: first(metadata, 'sonde-client') === '' ? 'pixie' : 'sonde',
      open: token.open,
      ahead: 1,
      gone: token.gone.signal,
    };
    if (needed === undefined)
      throw new CallRefused(
        status.PERMISSION_DENIED,
        `${method} is answered on the machine itself only, over the Unix socket`,
      );
    requireRole(caller, needed, method);
    return caller;
  }

  close(): void {
    for (const { timer } of this.#tokens.values()) clearTimeout(timer);
  }

  #usable(): void {
    if (this.#damage === undefined) return;
    throw new MachineError(
      `the tokens cannot be used: ${this.#damage}\n  remove ${this.#file} and run \`px agent stop\`: then new ones can be made`,
    );
  }

  #valid(name: string): Token | undefined {
    return [...this.#tokens.values()].find(({ kept }) => kept.name === name && stateOf(kept) === 'valid');
  }

  #makeRoom(): void {
    if (this.#tokens.size < mostTokens) return;
    const dead = [...this.#tokens.values()].find(({ kept }) => stateOf(kept) !== 'valid');
    if (!dead) throw new UserError(`there are ${mostTokens} valid tokens: revoke some first`);
    this.#tokens.delete(dead.kept.hash);
  }

  #add(kept: Kept): void {
    const open = new OpenCalls('of this token', mostOpenCalls, this.#open);
    const token: Token = { kept, open, gone: new AbortController(), timer: undefined };
    this.#tokens.set(kept.hash, token);
    this.#watch(token);
  }

  #watch(token: Token): void {
    if (stateOf(token.kept) !== 'valid') this.#end(token);
    else if (token.kept.expiresMs > 0) {
      const left = Math.min(token.kept.expiresMs - Date.now(), longestTimerMs);
      token.timer = setTimeout(() => this.#watch(token), left).unref();
    }
  }

  #end(token: Token): void {
    clearTimeout(token.timer);
    token.gone.abort(refused(deathOf(token.kept)));
  }

  #write(): void {
    const next = `${this.#file}.new`;
    const tokens = [...this.#tokens.values()].map(({ kept }) => kept);
    try {
      writeFileSync(next, `${JSON.stringify({ version: 1, tokens }, undefined, 1)}\n`, { mode: 0o600, flush: true });
      renameSync(next, this.#file);
    } catch (error) {
      throw new MachineError(`the tokens could not be written: ${(error as Error).message}`, { cause: error });
    }
  }
}

function read(file: string): Kept[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const parsed = JSON.parse(text) as { version?: unknown; tokens?: unknown };
  if (parsed.version !== 1 || !Array.isArray(parsed.tokens) || !parsed.tokens.every(isKept))
    throw new MachineError(`${file} is not a file of tokens that this version wrote`);
  return parsed.tokens;
}

function isKept(given: unknown): given is Kept {
  const kept = given as Partial<Kept> | null;
  return (
    typeof kept === 'object' &&
    kept !== null &&
    nameForm.test(String(kept.name)) &&
    roles.includes(kept.role as Role) &&
    /^[0-9a-f]{64}$/.test(String(kept.hash)) &&
    [kept.createdMs, kept.expiresMs, kept.revokedMs].every(Number.isSafeInteger) &&
    typeof kept.createdBy === 'string'
  );
}

function hashOf(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}

function stateOf({ revokedMs, expiresMs }: Kept): 'valid' | 'expired' | 'revoked' {
  if (revokedMs > 0) return 'revoked';
  return expiresMs > 0 && expiresMs <= Date.now() ? 'expired' : 'valid';
}

function deathOf(kept: Kept): string {
  const [what, when] = kept.revokedMs > 0 ? ['was revoked', kept.revokedMs] : ['expired', kept.expiresMs];
  return `the token ${kept.name} ${what} at ${new Date(when).toISOString()}`;
}

function refused(message: string): CallRefused {
  return new CallRefused(status.UNAUTHENTICATED, message);
}

function info(kept: Kept): sonde.TokenInfo {
  const ns = (ms: number) => BigInt(ms) * 1_000_000n;
  return {
    name: kept.name,
    role: kept.role,
    state: stateOf(kept),
    createdNs: ns(kept.createdMs),
    expiresNs: ns(kept.expiresMs),
    revokedNs: ns(kept.revokedMs),
    createdBy: kept.createdBy,
  };
}
