import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { sonde } from '#api';
import { isTokenRecord, MachineError, makeToken, type TokenRecord, Tokens, tokenInfo, UserError } from '#door';
import { networkMethods } from './access.ts';

/** So many are kept, those that serve no longer among them: who uses one is told what became of it. */
const mostTokens = 1000;

/** The tokens of an agent's network door, in a file of mode 0600 that outlives the agent. */
export class TokenFile {
  readonly tokens = new Tokens({
    methods: networkMethods,
    making: '`px token create NAME` on the machine of the agent makes one',
    listing: '`px token list` on the machine of the agent names those that it knows',
    elsewhere: 'on the machine itself only, over the Unix socket',
  });
  readonly #file: string;
  /** Why the file cannot be used. */
  #damage: string | undefined;

  constructor(dir: string) {
    this.#file = join(dir, 'tokens.json');
    try {
      for (const record of read(this.#file)) this.tokens.put(record);
    } catch (error) {
      // Nobody is let in by half of a file; nothing else needs it.
      this.#damage = (error as Error).message;
      this.tokens.closed = 'the tokens of this agent cannot be read; see its log';
      process.stderr.write(`${new Date().toISOString()} the tokens cannot be used: ${this.#damage}\n`);
    }
  }

  /** @throws UserError, MachineError */
  create(request: sonde.CreateTokenRequest, by: string): sonde.CreateTokenReply {
    this.#usable();
    const { token, record } = makeToken(request, by);
    if (this.tokens.valid(request.name))
      throw new UserError(`there is a token ${request.name}: revoke it first, or take another name`);
    this.#makeRoom();
    this.tokens.put(record);
    this.#write();
    return { token, info: tokenInfo(record) };
  }

  list(): sonde.ListTokensReply {
    this.#usable();
    return { tokens: this.tokens.records().map(tokenInfo) };
  }

  /** Its open calls end with it. False when no valid token has that name. */
  revoke(name: string): boolean {
    this.#usable();
    const record = this.tokens.valid(name);
    if (!record) return false;
    const revoked = { ...record, revokedMs: Date.now() };
    this.#write(revoked);
    this.tokens.put(revoked);
    return true;
  }

  #usable(): void {
    if (this.#damage === undefined) return;
    throw new MachineError(
      `the tokens cannot be used: ${this.#damage}\n  remove ${this.#file} and run \`px agent stop\`: then new ones can be made`,
    );
  }

  #makeRoom(): void {
    const records = this.tokens.records();
    if (records.length < mostTokens) return;
    const dead = records.find(({ name }) => !this.tokens.valid(name));
    if (!dead) throw new UserError(`there are ${mostTokens} valid tokens: revoke some first`);
    this.tokens.drop(dead.hash);
  }

  /** `changed`: goes into the file in the place of the one that is known. */
  #write(changed?: TokenRecord): void {
    const next = `${this.#file}.new`;
    const tokens = this.tokens.records().map((record) => (record.hash === changed?.hash ? changed : record));
    try {
      writeFileSync(next, `${JSON.stringify({ version: 1, tokens }, undefined, 1)}\n`, { mode: 0o600, flush: true });
      renameSync(next, this.#file);
    } catch (error) {
      throw new MachineError(`the tokens could not be written: ${(error as Error).message}`, { cause: error });
    }
  }
}

function read(file: string): TokenRecord[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const parsed = JSON.parse(text) as { version?: unknown; tokens?: unknown };
  const tokens = Array.isArray(parsed.tokens) ? parsed.tokens.map((each) => ({ namespaces: [], ...each })) : undefined;
  if (parsed.version !== 1 || !tokens?.every(isTokenRecord))
    throw new MachineError(`${file} is not a file of tokens that this version wrote`);
  return tokens;
}
