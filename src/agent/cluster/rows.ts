import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { sonde } from '#api';
import { encodeBatch, encodeRelation, endOfTable, splitBatch, type vizier } from '#api';
import { Durations, gauge, type Metric } from '#cluster';
import { UserError } from '#door';
import { parseUpid, type Relation, upidWords } from '#model';
import {
  duckdbText,
  followingOf,
  hasNotes,
  isStreamed,
  ofProcesses,
  outputColumns,
  planFromJson,
  type Relational,
  scanOf,
} from '#planner';
import type { Store } from '#store';
import type { TableFunctions } from '../tables.ts';
import type { Tracepoints } from '../tracepoints.ts';
import { tableMetrics } from './metrics.ts';
import type { ClusterNode } from './node.ts';

/** How often rows that go on are looked for, and how often a node says that it is there though there are none. */
const followMs = 200;
const signMs = 3_000;

type Send = (batch: vizier.RowBatchData) => Promise<void>;

/** What the broker asks of a node: rows of a table with predicates, and nothing of namespaces that the asker may not see. */
export class NodeRows {
  readonly #node: ClusterNode;
  readonly #tracepoints: Tracepoints;
  readonly #tables: TableFunctions;
  readonly #store: Store;
  readonly #durations = new Durations();
  /** Places are those of this agent's tables. */
  readonly #tablesId = randomUUID();
  #running = 0;

  constructor(node: ClusterNode, parts: { tracepoints: Tracepoints; tables: TableFunctions; store: Store }) {
    this.#node = node;
    this.#tracepoints = parts.tracepoints;
    this.#tables = parts.tables;
    this.#store = parts.store;
  }

  /** For operators. */
  metrics(): Metric[] {
    return [
      ...tableMetrics(this.#store.tables()),
      this.#durations.metric(
        'sonde_node_query_seconds',
        'How long parts of queries ran here, those that were broken off too.',
      ),
      gauge('sonde_node_queries_running', 'Parts of queries that run here now.', this.#running),
    ];
  }

  /** Only what somebody of this scope may know to be there. */
  describe({ scope }: sonde.DescribeRequest): sonde.DescribeReply {
    const tables = this.#store
      .tables()
      .filter(({ name, replaced }) => !replaced && this.#tables.mayKnow(name, visibleIn(scope)))
      .map(({ name, relation }) => ({
        name,
        relation: encodeRelation(relation, 'sonde'),
        notice: this.#node.noticeOf(name),
      }));
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return { node: this.#node.name, tables, nowNs, asid: this.#node.asid };
  }

  async runPlan(request: sonde.RunPlanRequest, signal: AbortSignal, send: Send): Promise<void> {
    const began = performance.now();
    this.#running++;
    try {
      await this.#runPlan(request, signal, send);
    } finally {
      this.#running--;
      this.#durations.observe((performance.now() - began) / 1000);
    }
  }

  async #runPlan(request: sonde.RunPlanRequest, signal: AbortSignal, send: Send): Promise<void> {
    const { plan: text, scope, inputs } = request;
    const whole = planFromJson(text);
    const { table } = scanOf(whole);
    if (this.#store.relation(table) === undefined) throw new UserError(`this node has no table ${table}`);
    // Rows of events before the question are part of the answer.
    await this.#tracepoints.flush();
    const plan = scope?.everything === true ? whole : ofProcesses(whole, this.#node.tracedIn(scope?.namespaces ?? []));
    const relation: Relation = { columns: outputColumns(plan).map(({ id: _id, ...column }) => column) };
    const filled: string[] = [];
    try {
      for (const { table: input, function: name } of inputs) {
        if (name === '_GetMetadata') await this.#node.surroundings();
        const made = await this.#tables.rows(name, {}, visibleIn(scope));
        await this.#store.putTemporary(input, made.relation, made.batch);
        filled.push(input);
      }
      if (isStreamed(plan)) return await this.#follow(plan, request.after, relation, signal, send);
      await this.#sendRows(duckdbText(plan), plan, relation, signal, send);
    } finally {
      for (const input of filled) await this.#store.dropTemporary(input);
    }
  }

  async #sendRows(sql: string, plan: Relational, relation: Relation, signal: AbortSignal, send: Send): Promise<void> {
    const batches = this.#store.query(sql, relation, { notes: hasNotes(plan), signal });
    for await (const batch of batches)
      for (const piece of splitBatch(batch)) await send(encodeBatch(piece, relation, '', 'sonde'));
  }

  /** The rows behind a place, and then those that arrive, until the signal. */
  async #follow(plan: Relational, given: string, relation: Relation, signal: AbortSignal, send: Send): Promise<void> {
    const { table, sql } = followingOf(plan);
    const [id, place = ''] = given.split(' ');
    const known = id === this.#tablesId;
    let after = known ? BigInt(place) : -1n;
    const tell = () =>
      send({ ...endOfTable(relation, '', 'sonde'), eow: false, eos: false, sondePlace: `${this.#tablesId} ${after}` });
    // What the broker has of an earlier agent's is of other rows.
    if (!known) await tell();
    let toldAt = performance.now();
    while (!signal.aborted) {
      await this.#tracepoints.flush();
      const upTo = this.#store.lastPlace(table);
      if (upTo > after) await this.#sendRows(sql(after, upTo), plan, relation, signal, send);
      else await sleep(followMs, undefined, { signal }).catch(() => {});
      if (upTo <= after && performance.now() - toldAt < signMs) continue;
      after = upTo;
      toldAt = performance.now();
      if (!signal.aborted) await tell();
    }
  }

  async callFunction(request: sonde.CallFunctionRequest, send: Send): Promise<void> {
    const { function: name, scope, upid: text, texts } = request;
    if (name === '_GetMetadata') await this.#node.surroundings();
    const upid = parseUpid(text);
    const { high, low } = upid ? upidWords(upid) : { high: 0n, low: 0n };
    const given = { ...texts, ...(upid ? { upid: (high << 64n) | low } : {}) };
    const { relation, batch } = await this.#tables.rows(name, given, visibleIn(scope));
    for (const piece of splitBatch(batch)) await send(encodeBatch(piece, relation, '', 'sonde'));
  }
}

/** Undefined: everything may be seen. */
function visibleIn(scope: sonde.Scope | undefined): ((namespace: string) => boolean) | undefined {
  if (scope?.everything === true) return undefined;
  return (namespace) => (scope?.namespaces ?? []).includes(namespace);
}
