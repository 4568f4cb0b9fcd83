import { setTimeout as sleep } from 'node:timers/promises';
import type { vizier } from '#api';
import {
  type Caller,
  CallRefused,
  type Deletion,
  type Holder,
  noSuchTracepoint,
  type Placed,
  type Response,
  Rollouts,
  requireRole,
  requireScript,
  type Send,
  type StreamCall,
  sealFor,
  sendTable,
  statusOf,
  UserError,
} from '#door';
import type { LogicalTracepoint, RowBatch } from '#model';
import { exportedText, exportRows } from '#otlp';
import { compileMutations, compileQuery, type FunctionCall, type Mutations, type PlanOutput } from '#planner';
import { parse } from '#pxl';
import { QueryFailed, type Store } from '#store';
import { queryFault } from './queryfault.ts';
import { catalogOf, type TableFunctions, targetText } from './tables.ts';
import type { Tracepoints } from './tracepoints.ts';

export interface Execution extends StreamCall<Response> {
  readonly request: vizier.ExecuteScriptRequest;
}

/** How often a stream looks for rows, in milliseconds. */
const followMs = 200;

/**
 * Runs a script in one open call: places its tracepoints, then runs its queries. The script's faults go out as a status with compiler errors, in the
 * stream, as Pixie's clients want them.
 */
export class ScriptRunner {
  readonly #tracepoints: Tracepoints;
  readonly #rollouts: Rollouts;
  readonly #tables: TableFunctions;
  readonly #store: Store;

  constructor(tracepoints: Tracepoints, tables: TableFunctions, store: Store) {
    this.#tracepoints = tracepoints;
    this.#rollouts = new Rollouts(new OwnTracepoints(tracepoints));
    this.#tables = tables;
    this.#store = store;
  }

  /** @throws CallRefused when the call must end with a gRPC status */
  async run(execution: Execution): Promise<void> {
    const queryId = execution.id;
    const send: Send = (part) =>
      execution.send({ status: undefined, queryId, result: undefined, mutationInfo: undefined, ...part });
    try {
      await this.#run(execution, queryId, send);
    } catch (error) {
      if (execution.signal.aborted) return;
      if (error instanceof CallRefused) throw error;
      const fault = error instanceof QueryFailed ? queryFault(error) : error;
      await send({ status: statusOf(fault, execution.caller.audience) });
    }
  }

  async #run(execution: Execution, queryId: string, send: Send): Promise<void> {
    const { request, caller, signal } = execution;
    const { audience } = caller;
    const started = process.hrtime.bigint();
    requireScript(request, execution.lost);
    const seal = await sealFor(request.encryptionOptions);
    const script = parse(request.queryStr);
    const catalog = { ...catalogOf(this.#store), awaited: (table: string) => this.#awaited(table) };
    const options = { calls: request.execFuncs.map(functionCall), now: BigInt(Date.now()) * 1_000_000n, queryId };
    const mutations = compileMutations(script, { ...options, catalog });
    if (!mutations.ok) throw new UserError(mutations.diagnostics);
    requireProcesses(mutations.value);
    await this.#rollouts.run({ request, caller, send, ...mutations.value });
    await this.#tracepoints.flush();
    // Only now, so that as little as possible can happen to the tables between the plan and the query.
    const plan = compileQuery(script, catalog, options);
    if (!plan.ok) throw new UserError(plan.diagnostics);
    // The agent calls an address that whoever may only look could not reach.
    if (plan.value.exports.length > 0) requireRole(caller, 'tracer', 'sending rows to an endpoint');
    const compiled = process.hrtime.bigint();

    const inputs: string[] = [];
    const notices: string[] = [];
    let rows = 0n;
    try {
      for (const input of plan.value.inputs) {
        const { relation, batch } = await this.#tables.rows(input.function, input.arguments);
        await this.#store.putTemporary(input.table, relation, batch);
        inputs.push(input.table);
      }
      for (const output of plan.value.outputs.filter(({ following }) => following === undefined)) {
        const batches = this.#store.query(output.sql, output.relation, { notes: output.notes, signal });
        rows += await sendTable(output, batches, { audience, seal, send });
      }
      for (const { sql, relation, notes, to } of plan.value.exports) {
        const batches = this.#store.query(sql, relation, { notes, signal });
        notices.push(exportedText(await exportRows(batches, to, signal), to));
      }
      // These end with their call.
      const streams = plan.value.outputs.filter(({ following }) => following !== undefined);
      await Promise.all(
        streams.map((output) => sendTable(output, this.#follow(output, signal), { audience, seal, send })),
      );
    } finally {
      for (const table of inputs) await this.#store.dropTemporary(table);
    }
    const timing = { executionTimeNs: process.hrtime.bigint() - compiled, compilationTimeNs: compiled - started };
    const executionStats = {
      timing,
      bytesProcessed: 0n,
      recordsProcessed: rows,
      sondeMissingNodes: [],
      sondeNotices: notices,
    };
    await send({
      result: { $case: 'data', value: { batch: undefined, executionStats, encryptedBatch: new Uint8Array() } },
    });
  }

  /** A table has the columns that its first process gives it. */
  #awaited(table: string): string | undefined {
    const tracepoint = this.#tracepoints
      .list()
      .find((each) => each.logical.table === table && each.state === 'PENDING');
    return tracepoint && `tracepoint '${tracepoint.logical.name}' is ${tracepoint.reason}: ${targetText(tracepoint)}`;
  }

  /** The rows that are there, and then those that arrive, until the signal. */
  async *#follow({ following, relation, notes }: PlanOutput, signal: AbortSignal): AsyncGenerator<RowBatch> {
    const { table, sql } = following!;
    let after = -1n;
    while (!signal.aborted) {
      await this.#tracepoints.flush();
      const upTo = this.#store.lastPlace(table);
      if (upTo > after) yield* this.#store.query(sql(after, upTo), relation, { notes, signal });
      else await sleep(followMs, undefined, { signal }).catch(() => {});
      after = upTo;
    }
  }
}

/** The agent's own tracepoints, as scripts place and delete them. */
class OwnTracepoints implements Holder {
  readonly #tracepoints: Tracepoints;

  constructor(tracepoints: Tracepoints) {
    this.#tracepoints = tracepoints;
  }

  async place(logical: LogicalTracepoint, caller: Caller): Promise<Placed> {
    const before = new Set(this.#tracepoints.list().map(({ id }) => id));
    const { id } = await this.#tracepoints.upsert(logical, caller.name);
    return { id, changed: !before.has(id) };
  }

  /** A script that deletes what is not there is told so before anything is changed; one that places it itself means to start afresh. */
  async delete(deletes: readonly Deletion[], upserts: readonly LogicalTracepoint[]): Promise<void> {
    const known = this.#tracepoints.list().map((tracepoint) => tracepoint.logical.name);
    const missing = deletes.filter(
      ({ name }) => !known.includes(name) && !upserts.some((tracepoint) => tracepoint.name === name),
    );
    if (missing.length > 0) throw new UserError(missing.map((each) => noSuchTracepoint(each, known)));
    for (const { name } of deletes) await this.#tracepoints.delete(name, 'deleted by a script');
  }
}

/** Pods are known to a cluster's agents, by objects. */
function requireProcesses({ upserts }: Mutations): void {
  const ofPods = upserts.find(({ target }) => target.kind === 'pods');
  if (ofPods === undefined) return;
  const message = 'this machine is no cluster: pods are not known here';
  const hints = ['px run --context NAME goes to a cluster', 'or trace one process: px.uint128(upid)'];
  const { span } = ofPods.target;
  throw new UserError([{ id: 'agent.no-pods', message, hints, ...(span ? { span } : {}) }]);
}

/** A function that a vis.json wants called, as the planner knows it. */
export function functionCall(wanted: vizier.ExecuteScriptRequest_FuncToExecute): FunctionCall {
  return { name: wanted.funcName, outputName: wanted.outputTablePrefix, arguments: wanted.argValues };
}
