import { type Metadata, status } from '@grpc/grpc-js';
import { type Access, type Caller, clientName, first, OpenCalls, type Role, requireRole } from './access.ts';
import { CallRefused } from './errors.ts';
import { type TokenRecord, tokenDeath, tokenHash, tokenState } from './token-record.ts';

/** One token while its keeper lives. */
interface Token {
  record: TokenRecord;
  readonly open: OpenCalls;
  readonly gone: AbortController;
  timer: NodeJS.Timeout | undefined;
}

/** Each open call takes some 12 MB while its client does not read. */
const mostOpenCalls = 16;
const mostOpenCallsOfAll = 64;
/** Timers hold at most 2^31 ms. */
const longestTimerMs = 2 ** 31 - 1;

/** What a door's tokens are for, and what who comes without one is told. */
export interface TokenDoor {
  /** Which role a method needs. What is not here, nobody can call. */
  readonly methods: Readonly<Record<string, Role>>;
  /** How one gets a token. */
  readonly making: string;
  /** How one sees which tokens there are. */
  readonly listing: string;
  /** Where the methods are answered that are not among `methods`. */
  readonly elsewhere: string;
}

/** The tokens of a network door: who has one may call as its role says. Who keeps them says what there is (`put`, `drop`). */
export class Tokens implements Access {
  readonly #door: TokenDoor;
  /** By hash; in the order in which they came. */
  readonly #tokens = new Map<string, Token>();
  readonly #open = new OpenCalls('from the network', mostOpenCallsOfAll);
  /** Set: why nobody can be let in. */
  closed: string | undefined;

  constructor(door: TokenDoor) {
    this.#door = door;
  }

  records(): TokenRecord[] {
    return [...this.#tokens.values()].map(({ record }) => record);
  }

  /** The valid one of this name. */
  valid(name: string): TokenRecord | undefined {
    return this.records().find((record) => record.name === name && tokenState(record) === 'valid');
  }

  /** A token that is new, or has changed: the open calls of one that is valid no longer end. */
  put(record: TokenRecord): void {
    const known = this.#tokens.get(record.hash);
    if (known) known.record = record;
    const open = new OpenCalls('of this token', mostOpenCalls, this.#open);
    const token = known ?? { record, open, gone: new AbortController(), timer: undefined };
    this.#tokens.set(record.hash, token);
    this.#watch(token);
  }

  /** Nothing is known of it any more. */
  drop(hash: string): void {
    const token = this.#tokens.get(hash);
    if (!token) return;
    this.#tokens.delete(hash);
    clearTimeout(token.timer);
    token.gone.abort(refused(`the token ${token.record.name} was deleted`));
  }

  /**
   * Who holds the token of a call. It stands where Pixie's clients put it: x-direct-vizier-key (px), pixie-api-key (Python, Go), authorization: bearer.
   * @throws CallRefused
   */
  identify(metadata: Metadata, method: string): Caller {
    if (this.closed !== undefined) throw refused(this.closed);
    const given =
      first(metadata, 'x-direct-vizier-key') ||
      first(metadata, 'pixie-api-key') ||
      /^bearer +(.*)$/i.exec(first(metadata, 'authorization'))?.[1]?.trim();
    if (!given) throw refused(`a token is needed: ${this.#door.making}`);
    const token = this.#tokens.get(tokenHash(given));
    if (!token) throw refused(`the token is not known here: ${this.#door.listing}`);
    const { record } = token;
    const { name, role, namespaces } = record;
    if (tokenState(record) !== 'valid') throw refused(tokenDeath(record));
    const needed = this.#door.methods[method];
    const caller: Caller = {
      name: `token ${name} (${clientName(metadata)})`,
      role,
      audience: first(metadata, 'sonde-client') === '' ? 'pixie' : 'sonde',
      open: token.open,
      ahead: 1,
      ...(throughProxy(metadata) ? {} : { owner: `token ${name}` }),
      gone: token.gone.signal,
      token: { name, namespaces },
    };
    if (needed === undefined)
      throw new CallRefused(status.PERMISSION_DENIED, `${method} is answered ${this.#door.elsewhere}`);
    requireRole(caller, needed, method);
    return caller;
  }

  close(): void {
    for (const { timer } of this.#tokens.values()) clearTimeout(timer);
  }

  #watch(token: Token): void {
    const { record } = token;
    clearTimeout(token.timer);
    if (tokenState(record) !== 'valid') token.gone.abort(refused(tokenDeath(record)));
    else if (record.expiresMs > 0) {
      const left = Math.min(record.expiresMs - Date.now(), longestTimerMs);
      token.timer = setTimeout(() => this.#watch(token), left).unref();
    }
  }
}

/** A proxy that speaks HTTP/2 itself says of messages that they have arrived when it has them, not its client. */
function throughProxy(metadata: Metadata): boolean {
  return ['via', 'forwarded', 'x-forwarded-for'].some((key) => first(metadata, key) !== '');
}

function refused(message: string): CallRefused {
  return new CallRefused(status.UNAUTHENTICATED, message);
}
