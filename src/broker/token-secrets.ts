import { type ClusterClient, type ObjectWatch, type Secret, watchSecrets } from '#cluster';
import { fromSecret, type TokenDoor, Tokens, tokenLabel, tokenNamespace } from '#door';

/** The tokens of a cluster's door, as their Secrets say. */
export class TokenSecrets {
  readonly tokens: Tokens;
  readonly #watch: ObjectWatch<Secret>;
  /** A Secret's name to the hash of its token. */
  readonly #hashes = new Map<string, string>();

  constructor(client: ClusterClient, door: TokenDoor) {
    this.tokens = new Tokens(door);
    this.#watch = watchSecrets(
      client,
      { namespace: tokenNamespace, labels: tokenLabel },
      {
        changed: (secret) => this.#changed(secret),
        gone: (secret) => this.#drop(secret.metadata?.name ?? ''),
        failed: (error) => process.stderr.write(`${new Date().toISOString()} tokens: ${(error as Error).message}\n`),
      },
    );
  }

  /** Resolves when those are known that were there. */
  get ready(): Promise<void> {
    return this.#watch.ready;
  }

  close(): void {
    this.#watch.close();
    this.tokens.close();
  }

  #changed(secret: Secret): void {
    const name = secret.metadata?.name ?? '';
    const record = fromSecret(secret);
    // Another token under the same name: the old one is good no longer.
    if (record?.hash !== this.#hashes.get(name)) this.#drop(name);
    if (record === undefined) {
      process.stderr.write(`${new Date().toISOString()} Secret ${tokenNamespace}/${name} holds no token of Sonde's\n`);
      return;
    }
    this.#hashes.set(name, record.hash);
    this.tokens.put(record);
  }

  #drop(name: string): void {
    const hash = this.#hashes.get(name);
    this.#hashes.delete(name);
    if (hash !== undefined) this.tokens.drop(hash);
  }
}
