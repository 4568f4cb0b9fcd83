import { randomUUID } from 'node:crypto';
import { type LogicalTracepoint, type Relation, sameRelation, type TracepointState } from '#model';
import { NameClash, type Store } from '#store';
import type { Deployer, Deployment } from './deployment.ts';
import { UserError } from './errors.ts';

/** A tracepoint as the agent holds it. */
export interface Tracepoint {
  readonly id: string;
  readonly logical: LogicalTracepoint;
  readonly owner: string;
  readonly state: TracepointState;
  /** Why it is FAILED or TERMINATED; of a RUNNING one, what went wrong on the way; empty otherwise. */
  readonly reason: string;
  readonly rows: number;
  /** Of these, what the store could not keep (the disk is full). */
  readonly lost: number;
  /** Milliseconds of the wall clock. */
  readonly expiresAt: number;
  readonly deployment: Deployment | undefined;
}

type Writable = { -readonly [K in keyof Tracepoint]: Tracepoint[K] } & {
  relation: Relation | undefined;
  timer: NodeJS.Timeout | undefined;
};

/** Ended tracepoints stay in the list for so long, for people who ask what became of them. */
const keepEndedMs = 600_000;

/** All tracepoints that scripts have placed, by name: upsert, time to live, states. Rows go to the store. */
export class Tracepoints {
  readonly #byName = new Map<string, Writable>();
  /** Which tracepoint wrote last to a table. */
  readonly #writers = new Map<string, Writable>();
  /** The last upsert of each name that is under way. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #deployer: Deployer;
  readonly #store: Store;

  constructor(deployer: Deployer, store: Store) {
    this.#deployer = deployer;
    this.#store = store;
  }

  list(): readonly Tracepoint[] {
    return [...this.#byName.values()];
  }

  /** Those that are armed or being armed. */
  get live(): number {
    let count = 0;
    for (const { state } of this.#byName.values()) if (state === 'RUNNING' || state === 'PENDING') count++;
    return count;
  }

  /**
   * Same name and same meaning renews the time to live; anything else replaces what was there. Resolves when the probe is armed.
   * @throws UserError or MachineError with the reason; the tracepoint is then FAILED and stays listed.
   */
  async upsert(logical: LogicalTracepoint, owner: string): Promise<Tracepoint> {
    // One after the other for one name: of two at once, neither may lose sight of what the other has placed.
    const before = this.#turns.get(logical.name);
    const turn = Promise.resolve(before).then(() => this.#upsert(logical, owner));
    const over = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(logical.name, over);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(logical.name) === over) this.#turns.delete(logical.name);
    }
  }

  async #upsert(logical: LogicalTracepoint, owner: string): Promise<Tracepoint> {
    const old = this.#byName.get(logical.name);
    if (old?.state === 'RUNNING' && meaning(old.logical) === meaning(logical)) {
      this.#renew(old, logical.ttlNs);
      return old;
    }
    if (old) await this.#end(old, 'TERMINATED', 'replaced');
    const tracepoint: Writable = {
      id: randomUUID(),
      logical,
      owner,
      state: 'PENDING',
      reason: '',
      rows: 0,
      lost: 0,
      expiresAt: 0,
      deployment: undefined,
      relation: undefined,
      timer: undefined,
    };
    this.#byName.set(logical.name, tracepoint);
    this.#renew(tracepoint, logical.ttlNs);
    await this.#arm(tracepoint);
    return tracepoint;
  }

  /** False when there is none of that name. Its rows stay. */
  async delete(name: string, reason: string): Promise<boolean> {
    const tracepoint = this.#byName.get(name);
    if (!tracepoint) return false;
    await this.#end(tracepoint, 'TERMINATED', reason);
    this.#byName.delete(name);
    return true;
  }

  /** Resolves when every event that was in a ring buffer at the call is in the store. */
  async flush(): Promise<void> {
    await Promise.all([...this.#byName.values()].map((tracepoint) => tracepoint.deployment?.flush()));
  }

  /** Rows of a table that the store took and could not keep: told of the tracepoint that wrote last. */
  lost(table: string, rows: number, reason: string): void {
    const tracepoint = this.#writers.get(table);
    if (!tracepoint) return;
    tracepoint.lost += rows;
    if (tracepoint.state === 'RUNNING') tracepoint.reason = `${tracepoint.lost} rows could not be stored: ${reason}`;
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#byName.values()].map((tracepoint) => this.#end(tracepoint, 'TERMINATED', 'the agent ended')),
    );
  }

  async #arm(tracepoint: Writable): Promise<void> {
    const { logical } = tracepoint;
    try {
      const deployment = await this.#deployer.deploy(logical, {
        relation: async (relation) => {
          this.#checkTable(tracepoint, relation);
          tracepoint.relation = relation;
          await this.#createTable(logical, relation);
        },
        batch: (batch) => {
          tracepoint.rows += batch.rows;
          this.#writers.set(logical.table, tracepoint);
          this.#store.append(logical.table, batch).catch((error: Error) => {
            this.lost(logical.table, batch.rows, error.message);
          });
        },
        rowsOfRunning: true,
        ended: (state, reason) => void this.#end(tracepoint, state, reason),
      });
      if (tracepoint.state !== 'PENDING') {
        await deployment.close();
        throw new UserError(`tracepoint ${logical.name} was ended while it was being armed: ${tracepoint.reason}`);
      }
      tracepoint.deployment = deployment;
      tracepoint.state = 'RUNNING';
    } catch (error) {
      await this.#end(tracepoint, 'FAILED', (error as Error).message);
      throw error;
    }
  }

  /** A name that the store cannot keep beside another is the script's to change. */
  async #createTable({ table, span }: LogicalTracepoint, relation: Relation): Promise<void> {
    try {
      await this.#store.createTable(table, relation);
    } catch (error) {
      if (!(error instanceof NameClash)) throw error;
      throw new UserError([{ id: error.code, message: error.message, ...(span ? { span } : {}) }]);
    }
  }

  /** Several tracepoints may write one table with equal columns; only its sole writer may change them. */
  #checkTable(tracepoint: Writable, relation: Relation): void {
    const { table, name, span } = tracepoint.logical;
    for (const other of this.#byName.values()) {
      if (other === tracepoint || other.logical.table !== table || !other.relation) continue;
      if (other.state !== 'RUNNING' && other.state !== 'PENDING') continue;
      if (sameRelation(other.relation, relation)) continue;
      throw new UserError([
        {
          id: 'agent.table-in-use',
          message: `table ${table} of tracepoint ${name} is written by tracepoint ${other.logical.name} with other columns: ${columns(other.relation)}`,
          hints: [`this one would write: ${columns(relation)}`, 'name another table, or delete that tracepoint'],
          ...(span ? { span } : {}),
        },
      ]);
    }
  }

  #renew(tracepoint: Writable, ttlNs: bigint): void {
    const ms = Number(ttlNs / 1_000_000n);
    tracepoint.expiresAt = Date.now() + ms;
    this.#schedule(tracepoint);
  }

  /** Timers hold at most 2^31 ms. */
  #schedule(tracepoint: Writable): void {
    clearTimeout(tracepoint.timer);
    const left = tracepoint.expiresAt - Date.now();
    if (left <= 0) void this.#end(tracepoint, 'TERMINATED', 'its time to live has passed');
    else tracepoint.timer = setTimeout(() => this.#schedule(tracepoint), Math.min(left, 2 ** 31 - 1));
  }

  async #end(tracepoint: Writable, state: 'FAILED' | 'TERMINATED', reason: string): Promise<void> {
    if (tracepoint.state === 'FAILED' || tracepoint.state === 'TERMINATED') return;
    tracepoint.state = state;
    tracepoint.reason = reason;
    clearTimeout(tracepoint.timer);
    await tracepoint.deployment?.close();
    tracepoint.timer = setTimeout(() => {
      if (this.#byName.get(tracepoint.logical.name) === tracepoint) this.#byName.delete(tracepoint.logical.name);
    }, keepEndedMs).unref();
  }
}

/** What a tracepoint means: all but its time to live and its place in the script. */
function meaning(logical: LogicalTracepoint): string {
  return JSON.stringify({ ...logical, ttlNs: undefined }, (key, value) =>
    key === 'span' ? undefined : typeof value === 'bigint' ? value.toString() : value,
  );
}

function columns(relation: Relation): string {
  return relation.columns.map((column) => `${column.name} ${column.unsigned ? 'UINT64' : column.type}`).join(', ');
}
