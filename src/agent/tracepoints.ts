import { UserError } from '#door';
import {
  formatUpid,
  type LogicalTracepoint,
  type ProcessTracepoint,
  type Relation,
  type RowBatch,
  sameRelation,
  type Upid,
} from '#model';
import { NameClash, type Store } from '#store';
import { deployCalls } from './deploy-calls.ts';
import type { Deployer, Deployment, DeploymentSink, OpenCall } from './deployment.ts';
import { HeldTracepoint, noProcess, type Tracepoint } from './held-tracepoint.ts';

/** Where what is seen of tracepoints without a table goes. */
export interface Followed {
  armed(name: string, deployment: Deployment): void;
  refused(name: string, upid: Upid, reason: string): void;
  batch(name: string, batch: RowBatch): void;
  /** It is over: nothing comes behind this. */
  ended(tracepoint: Tracepoint, running: readonly { readonly upid: Upid; readonly call: OpenCall }[]): void;
}

/** Ended tracepoints stay in the list for so long, for people who ask what became of them. */
const keepEndedMs = 600_000;

/** All tracepoints that scripts have placed, by name: upsert, time to live, states. Rows go to the store. */
export class Tracepoints {
  /** Without it nobody follows a tracepoint that has no table. */
  followed: Followed | undefined;
  readonly #byName = new Map<string, HeldTracepoint>();
  /** Which tracepoint wrote last to a table. */
  readonly #writers = new Map<string, HeldTracepoint>();
  /** Names of all tracepoints that have been placed with a table of these columns, also of those that have ended. */
  readonly #placed = new Map<string, { readonly relation: Relation; readonly names: Set<string> }>();
  /** The last upsert of each name that is under way. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #deployer: Deployer;
  readonly #store: Store;

  constructor(deployer: Deployer, store: Store) {
    this.#deployer = deployer;
    this.#store = store;
  }

  /** A tracepoint has come whose processes somebody has to tell (`follow`): resolves when they have been. */
  onSelector: () => Promise<void> = async () => {};

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
   * Same name and same meaning renews the time to live of one that traces or waits for processes; anything else replaces what was there. Resolves when the probe is armed.
   * @throws UserError or MachineError with the reason; the tracepoint is then FAILED and stays listed. One with a selector, that could be placed in none of the processes that there are, goes
   * on looking for others.
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
    if (old && (old.state === 'RUNNING' || old.state === 'PENDING') && meaning(old.logical) === meaning(logical)) {
      this.#renew(old, logical.ttlNs);
      return old;
    }
    if (old) await this.#end(old, 'TERMINATED', 'replaced');
    const tracepoint = new HeldTracepoint(logical, owner);
    this.#byName.set(logical.name, tracepoint);
    this.#renew(tracepoint, logical.ttlNs);
    const { target } = logical;
    if (target.kind !== 'upid') {
      tracepoint.reason = noProcess;
      if (target.kind === 'processes') await this.onSelector();
      const [refusal] = tracepoint.refused.values();
      if (tracepoint.state === 'FAILED' && refusal !== undefined) throw refusal;
      return tracepoint;
    }
    try {
      await this.#arm(tracepoint, { ...logical, target });
    } catch (error) {
      await this.#end(tracepoint, 'FAILED', (error as Error).message);
      throw error;
    }
    return tracepoint;
  }

  /**
   * Tells which processes the selector of a tracepoint fits now: those that are new are armed, those that it no longer fits are
   * let go. A process where that fails is not tried again. Nothing happens to one that has ended, or has no selector.
   */
  async follow(name: string, upids: readonly Upid[]): Promise<void> {
    const tracepoint = this.#byName.get(name);
    if (tracepoint === undefined || tracepoint.logical.target.kind === 'upid') return;
    // One after the other: to two at once the same process would be new.
    const turn = tracepoint.told.then(() => this.#follow(tracepoint, upids));
    tracepoint.told = turn.catch(() => {});
    await turn;
  }

  async #follow(tracepoint: HeldTracepoint, upids: readonly Upid[]): Promise<void> {
    if (tracepoint.state === 'TERMINATED') return;
    const { name } = tracepoint.logical;
    const fitting = new Map(upids.map((upid) => [formatUpid(upid), upid]));
    tracepoint.shared.processes = Math.max(1, fitting.size);
    for (const key of tracepoint.refused.keys()) if (!fitting.has(key)) tracepoint.refused.delete(key);
    // Not waited for: the kernel takes its time to let go of probes, and processes that have started should not wait for that.
    for (const key of tracepoint.deployments.keys()) if (!fitting.has(key)) void this.#leave(tracepoint, key);
    for (const [key, upid] of fitting) {
      if (tracepoint.deployments.has(key) || tracepoint.refused.has(key)) continue;
      try {
        await this.#arm(tracepoint, { ...tracepoint.logical, target: { kind: 'upid', upid } });
      } catch (error) {
        tracepoint.refused.set(key, error as Error);
        if (tracepoint.logical.table === '') this.followed?.refused(name, upid, (error as Error).message);
      }
    }
    tracepoint.settle();
  }

  async #leave(tracepoint: HeldTracepoint, key: string): Promise<void> {
    await tracepoint.deployments.get(key)?.close();
    tracepoint.forget(key);
    tracepoint.settle();
  }

  /** False when there is none of that name. Its rows stay. */
  async delete(name: string, reason: string): Promise<boolean> {
    const tracepoint = this.#byName.get(name);
    if (!tracepoint) return false;
    await this.#end(tracepoint, 'TERMINATED', reason);
    this.#byName.delete(name);
    return true;
  }

  /** Ends it and keeps it listed for a while, with the reason. */
  async end(name: string, reason: string): Promise<void> {
    const tracepoint = this.#byName.get(name);
    if (tracepoint) await this.#end(tracepoint, 'TERMINATED', reason);
  }

  /** Names of the tracepoints, past ones too, whose rows are or were in a table as it is now. */
  writersOf(table: string): readonly string[] {
    return [...(this.#placed.get(table)?.names ?? [])];
  }

  /** Resolves when every event that was in a ring buffer at the call is in the store. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.#byName.values()].flatMap(({ deployments }) => [...deployments.values()].map((each) => each.flush())),
    );
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

  async #arm(tracepoint: HeldTracepoint, logical: ProcessTracepoint): Promise<void> {
    const key = formatUpid(logical.target.upid);
    const { name, table } = logical;
    const followed = table === '';
    const deployment = await (followed ? deployCalls : deploy)(this.#deployer, logical, {
      relation: async (relation) => {
        if (followed) return;
        this.#checkTable(tracepoint, relation);
        tracepoint.relation = relation;
        await this.#createTable(logical, relation);
        const known = this.#placed.get(table);
        const names = known && sameRelation(known.relation, relation) ? known.names : new Set<string>();
        this.#placed.set(table, { relation, names: names.add(name) });
      },
      batch: (batch) => {
        tracepoint.rows += batch.rows;
        if (followed) {
          this.followed?.batch(name, batch);
          return;
        }
        this.#writers.set(table, tracepoint);
        this.#store.append(table, batch).catch((error: Error) => {
          this.lost(table, batch.rows, error.message);
        });
      },
      ...(followed ? {} : { rowsOfRunning: true as const }),
      shared: tracepoint.shared,
      ended: (state, reason) => {
        if (tracepoint.logical.target.kind === 'upid') {
          void this.#end(tracepoint, state, reason);
          return;
        }
        tracepoint.forget(key);
        if (state === 'FAILED') tracepoint.refused.set(key, new UserError(reason));
        tracepoint.settle();
      },
    });
    if (tracepoint.ended) {
      await deployment.close();
      tracepoint.shared[Symbol.dispose]();
      throw new UserError(`tracepoint ${name} was ended while it was being armed: ${tracepoint.reason}`);
    }
    tracepoint.deployments.set(key, deployment);
    if (followed) {
      this.followed?.armed(name, deployment);
    }
    tracepoint.state = 'RUNNING';
    tracepoint.reason = deployment.skipped.join('\n');
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
  #checkTable(tracepoint: HeldTracepoint, relation: Relation): void {
    const { table, name, span, target } = tracepoint.logical;
    const others = target.kind !== 'upid' && tracepoint.deployments.size > 0 ? tracepoint.relation : undefined;
    if (others && !sameRelation(others, relation)) {
      throw new UserError(
        `this process has other columns than those that are traced already (another version of the program?): ${columns(relation)}`,
      );
    }
    for (const other of this.#byName.values()) {
      if (other === tracepoint || other.logical.table !== table || !other.relation) continue;
      if (other.state !== 'RUNNING' && other.state !== 'PENDING') continue;
      if (sameRelation(other.relation, relation)) continue;
      // Who traces one namespace may not know the names in another.
      const writer =
        namespaceIn(other.logical.name) === namespaceIn(name)
          ? `tracepoint ${other.logical.name} with other columns: ${columns(other.relation)}`
          : 'a tracepoint of another namespace with other columns';
      throw new UserError([
        {
          id: 'agent.table-in-use',
          message: `table ${table} of tracepoint ${name} is written by ${writer}`,
          hints: [`this one would write: ${columns(relation)}`, 'name another table, or delete that tracepoint'],
          ...(span ? { span } : {}),
        },
      ]);
    }
  }

  #renew(tracepoint: HeldTracepoint, ttlNs: bigint): void {
    const ms = Number(ttlNs / 1_000_000n);
    tracepoint.expiresAt = Date.now() + ms;
    this.#schedule(tracepoint);
  }

  /** Timers hold at most 2^31 ms. */
  #schedule(tracepoint: HeldTracepoint): void {
    clearTimeout(tracepoint.timer);
    const left = tracepoint.expiresAt - Date.now();
    if (left <= 0) void this.#end(tracepoint, 'TERMINATED', 'its time to live has passed');
    else tracepoint.timer = setTimeout(() => this.#schedule(tracepoint), Math.min(left, 2 ** 31 - 1));
  }

  async #end(tracepoint: HeldTracepoint, state: 'FAILED' | 'TERMINATED', reason: string): Promise<void> {
    if (tracepoint.ended) return;
    tracepoint.state = state;
    tracepoint.reason = reason;
    clearTimeout(tracepoint.timer);
    const deployments = [...tracepoint.deployments.values()];
    await Promise.all(deployments.map((deployment) => deployment.close()));
    tracepoint.shared[Symbol.dispose]();
    if (tracepoint.logical.table === '') {
      const running = await Promise.all(
        deployments.map(async (each) => (await each.running()).map((call) => ({ upid: each.upid, call }))),
      );
      this.followed?.ended(tracepoint, running.flat());
    }
    tracepoint.timer = setTimeout(() => {
      if (this.#byName.get(tracepoint.logical.name) === tracepoint) this.#byName.delete(tracepoint.logical.name);
    }, keepEndedMs).unref();
  }
}

/** In a cluster the agent knows a tracepoint as namespace/name. */
export function namespaceIn(tracepoint: string): string {
  return /^([^/]*)\//.exec(tracepoint)?.[1] ?? '';
}

function deploy(deployer: Deployer, logical: ProcessTracepoint, sink: DeploymentSink): Promise<Deployment> {
  return deployer.deploy(logical, sink);
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
