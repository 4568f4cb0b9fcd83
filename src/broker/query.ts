import { randomUUID } from 'node:crypto';
import { decodeBatch, type sonde, type vizier } from '#api';
import { SondeError } from '#base';
import { counter, Durations, gauge, type Metric } from '#cluster';
import {
  CallRefused,
  type Rollouts,
  requireRole,
  requireScript,
  type Seal,
  type StreamCall,
  sealFor,
  statusOf,
  TableSender,
} from '#door';
import {
  batchOfRows,
  formatUpid,
  type Relation,
  type RowBatch,
  type RowExport,
  type Upid,
  upidFromWords,
} from '#model';
import { Exporter, exportedText } from '#otlp';
import {
  catalogFunctions,
  compileLogical,
  compileMutations,
  duckdbText,
  hasNotes,
  isStreamed,
  outputColumns,
  type PlanInput,
  planToJson,
  type Relational,
  type SplitPlan,
  scanOf,
  splitPlan,
} from '#planner';
import { parse } from '#pxl';
import type { Store } from '#store';
import { type ClusterTables, clusterTables } from './catalog.ts';
import type { ExportEndpoints } from './exports.ts';
import { ScriptFault } from './faults.ts';
import { NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';
import { followRows } from './stream.ts';

/** This is not done in a cluster. */
export class NotHere extends SondeError {
  readonly code = 'broker.not-here';
}

/** Some nodes' rows are not in the result. */
class RowsMissing extends SondeError {
  readonly code = 'broker.rows-missing';
}

export interface Execution extends StreamCall<vizier.ExecuteScriptResponse> {
  readonly request: vizier.ExecuteScriptRequest;
  readonly scope: sonde.Scope;
}

/** What runs of scripts need. */
interface QueryParts {
  readonly nodes: Nodes;
  readonly store: Store;
  /** For clients with tokens, which write no objects themselves. */
  readonly rollouts: Rollouts;
  readonly endpoints: ExportEndpoints;
}

/** Runs the queries of scripts over all nodes. */
export class Queries {
  readonly #parts: QueryParts;
  readonly #durations = new Durations();
  #failed = 0;
  #running = 0;
  #rows = 0;

  constructor(parts: QueryParts) {
    this.#parts = parts;
  }

  /** @throws CallRefused when the call must end with a gRPC status */
  async run(execution: Execution): Promise<void> {
    const queryId = execution.id;
    const began = performance.now();
    this.#running++;
    const send = (part: Partial<vizier.ExecuteScriptResponse>) =>
      execution.send({ status: undefined, queryId, result: undefined, mutationInfo: undefined, ...part });
    const query = new Query(this.#parts, execution, queryId, send);
    try {
      await query.run();
    } catch (error) {
      // Pixie's px is told so to ask again.
      if (error instanceof CallRefused) throw error;
      this.#failed++;
      if (!execution.signal.aborted) await send({ status: statusOf(error, execution.caller.audience) });
    } finally {
      this.#running--;
      this.#rows += Number(query.rows);
      this.#durations.observe((performance.now() - began) / 1000);
    }
  }

  /** For operators. */
  metrics(): Metric[] {
    return [
      this.#durations.metric('sonde_query_seconds', 'How long scripts ran, those that failed too.'),
      gauge('sonde_queries_running', 'Scripts that run now.', this.#running),
      counter('sonde_queries_failed_total', 'Scripts that ended in an error or were broken off.', this.#failed),
      counter('sonde_query_rows_total', 'Rows that were given.', this.#rows),
    ];
  }
}

/** A query in two halves. */
interface Halves {
  readonly relation: Relation;
  readonly parts: SplitPlan['parts'];
  readonly rest: { readonly notes: boolean; readonly sql: string } | undefined;
}

/** A table that a script shows. */
interface Output extends Halves {
  readonly name: string;
  /** Goes on with rows as they arrive. */
  readonly streamed?: { readonly notes: boolean };
}

/** One script's run. */
class Query {
  readonly #nodes: Nodes;
  readonly #store: Store;
  readonly #rollouts: Rollouts;
  readonly #endpoints: ExportEndpoints;
  readonly #execution: Execution;
  readonly #queryId: string;
  readonly #send: (part: Partial<vizier.ExecuteScriptResponse>) => Promise<void>;
  /** Node to why its rows are not in the result. */
  readonly #missing = new Map<string, string>();
  readonly #notices = new Set<string>();
  readonly #made: string[] = [];
  #rows = 0n;

  constructor(
    { nodes, store, rollouts, endpoints }: QueryParts,
    execution: Execution,
    queryId: string,
    send: (part: Partial<vizier.ExecuteScriptResponse>) => Promise<void>,
  ) {
    this.#nodes = nodes;
    this.#store = store;
    this.#rollouts = rollouts;
    this.#endpoints = endpoints;
    this.#execution = execution;
    this.#queryId = queryId;
    this.#send = send;
  }

  /** That were sent so far. */
  get rows(): bigint {
    return this.#rows;
  }

  async run(): Promise<void> {
    const { request, caller, scope, lost } = this.#execution;
    const { audience } = caller;
    const started = process.hrtime.bigint();
    requireScript(request, lost);
    const seal = await sealFor(request.encryptionOptions);
    const script = parse(request.queryStr);
    let tables = await clusterTables(this.#nodes, scope);
    this.#miss(tables.silent);
    for (const notice of tables.notices) this.#notices.add(notice);
    const calls = request.execFuncs.map(({ funcName, outputTablePrefix, argValues }) => ({
      name: funcName,
      outputName: outputTablePrefix,
      arguments: argValues,
    }));
    const options = { calls, now: BigInt(Date.now()) * 1_000_000n, queryId: this.#queryId };
    const mutations = compileMutations(script, { ...options, catalog: tables.catalog });
    if (!mutations.ok) throw new ScriptFault(mutations.diagnostics);
    const { upserts, deletes } = mutations.value;
    if (upserts.length + deletes.length > 0) {
      // Sonde's own px has written the objects before it asks.
      // The broker writes the objects of whoever came with a token of Sonde's.
      if (caller.token !== undefined) {
        await this.#rollouts.run({ request, upserts, deletes, caller, send: this.#send });
        tables = await clusterTables(this.#nodes, scope);
      } else if (audience !== 'sonde')
        throw new NotHere('in a cluster tracepoints are placed by Sonde’s own px, with a token, or with kubectl apply');
    }
    const plan = compileLogical(script, tables.catalog, options);
    if (!plan.ok) throw new ScriptFault(plan.diagnostics);
    const { exports } = plan.value;
    if (exports.length > 0) requireRole(caller, 'tracer', 'sending rows to an endpoint');
    for (const { to } of exports) await this.#endpoints.require(to.endpoint.url);
    const compiled = process.hrtime.bigint();
    try {
      const { inputs } = plan.value;
      const halves = plan.value.outputs.map(({ name, optimized }) => ({
        name,
        ...halved(optimized),
        ...(isStreamed(optimized) ? { streamed: { notes: hasNotes(optimized) } } : {}),
      }));
      const sent = exports.map(({ optimized, to }) => ({ to, ...halved(optimized) }));
      const here = [...halves, ...sent].map(({ rest }) => rest?.sql ?? '').join('\n');
      for (const input of inputs) if (here.includes(input.table)) await this.#input(input, tables);
      for (const half of halves.filter(({ streamed }) => !streamed)) await this.#output(half, tables, inputs, seal);
      for (const half of sent) await this.#export(half, tables, inputs);
      // These end with their call.
      const streams = halves.filter(({ streamed }) => streamed);
      await Promise.all(streams.map((half) => this.#stream(half, tables, inputs, seal)));
    } finally {
      for (const table of this.#made) await this.#store.dropTable(table);
    }
    const timing = { executionTimeNs: process.hrtime.bigint() - compiled, compilationTimeNs: compiled - started };
    await this.#sendStatistics(timing);
    // Other clients do not read Sonde's field: to them it is a failure, behind the rows that came.
    if (audience !== 'sonde' && this.#missing.size > 0) throw this.#rowsMissing();
  }

  async #sendStatistics(timing: vizier.QueryTimingInfo): Promise<void> {
    const executionStats = {
      timing,
      bytesProcessed: 0n,
      recordsProcessed: this.#rows,
      sondeMissingNodes: [...this.#missing].map(([node, reason]) => ({ node, reason })),
      sondeNotices: [...this.#notices],
    };
    const value = { batch: undefined, executionStats, encryptedBatch: new Uint8Array() };
    await this.#send({ result: { $case: 'data', value } });
  }

  #rowsMissing(): RowsMissing {
    const without = [...this.#missing].map(([node, reason]) => `without the rows of node ${node}: ${reason}`);
    return new RowsMissing(without.join('\n'));
  }

  /** Rows that go on, from all nodes. A node that fails meanwhile px hears of at once; to other clients it is a failure. */
  async #stream(
    { name, relation, parts, streamed }: Output,
    tables: ClusterTables,
    inputs: readonly PlanInput[],
    seal: Seal | undefined,
  ): Promise<void> {
    const { caller, scope, signal } = this.#execution;
    const { audience } = caller;
    const sender = new TableSender(
      { name, relation, following: true, ...streamed },
      { audience, seal, send: this.#send },
    );
    await sender.begin();
    const plan = parts[0]!.plan;
    const { table } = scanOf(plan);
    this.#miss(tables.differing(table));
    for (const notice of tables.noticesOf(table)) this.#notices.add(notice);
    const text = planToJson(plan);
    const timing = { executionTimeNs: 0n, compilationTimeNs: 0n };
    const silent = async (node: string, reason: string | undefined) => {
      if (this.#missing.get(node) === reason) return;
      if (reason === undefined) this.#missing.delete(node);
      else this.#missing.set(node, reason);
      if (audience !== 'sonde' && reason !== undefined) throw this.#rowsMissing();
      if (audience === 'sonde') await this.#sendStatistics(timing);
    };
    const except = new Map(this.#missing);
    for (const { node, refused } of tables.silent) if (!refused) except.delete(node);
    if (this.#missing.size + this.#notices.size > 0) {
      if (audience === 'sonde') await this.#sendStatistics(timing);
      else if (this.#missing.size > 0) throw this.#rowsMissing();
    }
    await followRows({
      nodes: this.#nodes,
      request: { plan: text, scope, inputs: inputs.filter((input) => text.includes(input.table)) },
      relation: relationOf(plan),
      except,
      signal,
      take: (batch) => {
        this.#rows += BigInt(batch.rows);
        return sender.add(batch);
      },
      silent,
    });
    await sender.end();
  }

  /** The rows of a table function, in a table of this run's: from every node, or from the one whose process they are about. */
  async #input({ table, function: name, arguments: given }: PlanInput, tables: ClusterTables): Promise<void> {
    const relation = tables.catalog.tableFunction(name)!;
    await this.#make(table, relation);
    if (Object.hasOwn(catalogFunctions, name)) {
      await this.#store.append(table, batchOfRows(relation, catalogFunctions[name]!(tables.catalog)));
      return;
    }
    const { scope, signal } = this.#execution;
    const { upid, ...others } = given;
    const process = typeof upid === 'bigint' ? upidFromWords(upid >> 64n, BigInt.asUintN(64, upid)) : undefined;
    const only = process && this.#nodeOf(process, tables);
    const texts = Object.fromEntries(Object.entries(others).map(([key, value]) => [key, String(value)]));
    const request = { function: name, scope, upid: process ? formatUpid(process) : '', texts };
    const { silent } = await this.#nodes.all(async (link) => {
      if (only !== undefined && link.node !== only) return;
      for await (const data of link.stream(nodeMethods.callFunction, request, signal))
        await this.#store.append(table, decodeBatch(data, relation));
    }, this.#missing);
    const refusal = silent.find(({ node, refused }) => refused && node === only);
    if (refusal !== undefined) throw new ScriptFault(refusal.reason);
    this.#miss(silent);
  }

  /** @throws ScriptFault when it is of no node that answers */
  #nodeOf(process: Upid, tables: ClusterTables): string {
    const node = tables.nodeOf(process.agentId);
    if (node !== undefined) return node;
    const silent = tables.silent.map(({ message }) => `; ${message}`).join('');
    throw new ScriptFault(`no process that you may see has the UPID ${formatUpid(process)}; px ps lists them${silent}`);
  }

  async #output(
    half: Output,
    tables: ClusterTables,
    inputs: readonly PlanInput[],
    seal: Seal | undefined,
  ): Promise<void> {
    const { audience } = this.#execution.caller;
    const sender = new TableSender(half, { audience, seal, send: this.#send });
    await sender.begin();
    await this.#all(half, tables, inputs, (batch) => {
      this.#rows += BigInt(batch.rows);
      return sender.add(batch);
    });
    await sender.end();
  }

  /** Rows that go to an endpoint; what became of them is a notice. */
  async #export(
    { to, ...half }: Halves & { readonly to: RowExport },
    tables: ClusterTables,
    inputs: readonly PlanInput[],
  ): Promise<void> {
    const exporter = new Exporter(to, this.#execution.signal);
    try {
      await this.#all(half, tables, inputs, (batch) => exporter.send(batch));
    } finally {
      this.#notices.add(exportedText(exporter.end(), to));
    }
  }

  /** All rows of a query. */
  async #all(
    { relation, parts, rest }: Halves,
    tables: ClusterTables,
    inputs: readonly PlanInput[],
    take: (batch: RowBatch) => Promise<void>,
  ): Promise<void> {
    if (rest === undefined) {
      for (const part of parts) await this.#gather(part.plan, tables, inputs, take);
      return;
    }
    for (const { table, plan: part } of parts) {
      await this.#make(table, relationOf(part));
      await this.#gather(part, tables, inputs, (batch) => this.#store.append(table, batch));
    }
    const options = { notes: rest.notes, signal: this.#execution.signal };
    for await (const batch of this.#store.query(rest.sql, relation, options)) await take(batch);
  }

  /** The rows of a plan from every node that has its table. */
  async #gather(
    plan: Relational,
    tables: ClusterTables,
    inputs: readonly PlanInput[],
    take: (batch: RowBatch) => Promise<void>,
  ): Promise<void> {
    const { table } = scanOf(plan);
    const relation = relationOf(plan);
    const { scope, signal } = this.#execution;
    const having = tables.nodesWith(table);
    this.#miss(tables.differing(table));
    const text = planToJson(plan);
    const request = { plan: text, scope, inputs: inputs.filter((input) => text.includes(input.table)), after: '' };
    const { silent } = await this.#nodes.all(async (link) => {
      if (!having.includes(link.node)) return;
      let rows = 0;
      try {
        for await (const data of link.stream(nodeMethods.runPlan, request, signal)) {
          const batch = decodeBatch(data, relation);
          await take(batch);
          rows += batch.rows;
        }
      } catch (error) {
        if (!(error instanceof NodeSilent)) throw error;
        const came = rows === 0 ? 'none of' : `only ${rows} rows of`;
        throw new NodeSilent(link.node, `${error.reason}; ${came} ${table} came from there`);
      }
    }, this.#missing);
    this.#miss(silent);
    for (const notice of tables.noticesOf(table)) this.#notices.add(notice);
  }

  async #make(table: string, relation: Relation): Promise<void> {
    await this.#store.createTable(table, relation);
    this.#made.push(table);
  }

  #miss(silent: readonly NodeSilent[]): void {
    for (const { node, reason } of silent) if (!this.#missing.has(node)) this.#missing.set(node, reason);
  }
}

function halved(plan: Relational): Halves {
  const { parts, rest } = splitPlan(plan, () => `union_${randomUUID()}`);
  return { relation: relationOf(plan), parts, rest: rest && { notes: hasNotes(rest), sql: duckdbText(rest) } };
}

function relationOf(plan: Relational): Relation {
  return { columns: outputColumns(plan).map(({ id: _id, ...column }) => column) };
}
