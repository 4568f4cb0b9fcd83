import { randomUUID } from 'node:crypto';
import {
  type Audience,
  completeNotes,
  encodeBatch,
  encodeRelation,
  endOfTable,
  splitBatch,
  vizier,
  withNotesColumn,
  withNotesRelation,
} from '#api';
import { type Diagnostic, SondeError } from '#base';
import type { LogicalTracepoint, RowBatch, TracepointState } from '#model';
import { compileMutations, compileQuery, type FunctionCall, type Mutations, type PlanOutput } from '#planner';
import { parse } from '#pxl';
import { QueryFailed, type Store } from '#store';
import { atTarget, explain, UserError } from './errors.ts';
import { queryFault } from './queryfault.ts';
import { catalogOf, type TableFunctions } from './tables.ts';
import type { Tracepoints } from './tracepoints.ts';

type Response = vizier.ExecuteScriptResponse;

/** google.rpc.Code */
const grpcCode = { ok: 0, invalidArgument: 3, failedPrecondition: 9, internal: 13, unavailable: 14 } as const;

const lifeCycle: Readonly<Record<TracepointState, vizier.LifeCycleState>> = {
  PENDING: vizier.LifeCycleState.PENDING_STATE,
  RUNNING: vizier.LifeCycleState.RUNNING_STATE,
  FAILED: vizier.LifeCycleState.FAILED_STATE,
  TERMINATED: vizier.LifeCycleState.TERMINATED_STATE,
};

export interface Execution {
  readonly request: vizier.ExecuteScriptRequest;
  readonly audience: Audience;
  /** Who asked, for `px tracepoint list`. */
  readonly owner: string;
  readonly signal: AbortSignal;
  /** Sends one message; resolves when the client can take the next. */
  readonly send: (response: Response) => Promise<void>;
}

/**
 * Runs a script in one open call: places its tracepoints (progress goes out as mutation_info to Sonde's own client),
 * then runs its queries. The script's faults go out as a status with compiler errors, in the stream, as Pixie's clients want them.
 */
export class ScriptRunner {
  readonly #tracepoints: Tracepoints;
  readonly #tables: TableFunctions;
  readonly #store: Store;

  constructor(tracepoints: Tracepoints, tables: TableFunctions, store: Store) {
    this.#tracepoints = tracepoints;
    this.#tables = tables;
    this.#store = store;
  }

  async run(execution: Execution): Promise<void> {
    const queryId = randomUUID();
    const send = (part: Partial<Response>) =>
      execution.send({ status: undefined, queryId, result: undefined, mutationInfo: undefined, ...part });
    try {
      await this.#run(execution, queryId, send);
    } catch (error) {
      if (execution.signal.aborted) return;
      await send({ status: statusOf(error instanceof QueryFailed ? queryFault(error) : error) });
    }
  }

  async #run(execution: Execution, queryId: string, send: (part: Partial<Response>) => Promise<void>): Promise<void> {
    const { request } = execution;
    const started = process.hrtime.bigint();
    if (request.queryStr.trim() === '') throw new UserError('Query should not be empty.');
    const script = parse(request.queryStr);
    const catalog = catalogOf(this.#store);
    const options = { calls: request.execFuncs.map(functionCall), now: BigInt(Date.now()) * 1_000_000n, queryId };
    const mutations = compileMutations(script, { ...options, catalog });
    if (!mutations.ok) throw new UserError(mutations.diagnostics);
    requireProcesses(mutations.value);
    this.#requireThere(mutations.value);
    for (const { name } of mutations.value.deletes) await this.#tracepoints.delete(name, 'deleted by a script');
    if (mutations.value.upserts.length > 0) await this.#deploy(mutations.value.upserts, execution, send);
    await this.#tracepoints.flush();
    // Only now, so that as little as possible can happen to the tables between the plan and the query.
    const plan = compileQuery(script, catalog, options);
    if (!plan.ok) throw new UserError(plan.diagnostics);
    const compiled = process.hrtime.bigint();

    const inputs: string[] = [];
    let rows = 0n;
    try {
      for (const input of plan.value.inputs) {
        const { relation, batch } = this.#tables.rows(input.function);
        await this.#store.putTemporary(input.table, relation, batch);
        inputs.push(input.table);
      }
      for (const output of plan.value.outputs) rows += await this.#stream(output, execution, send);
    } finally {
      for (const table of inputs) await this.#store.dropTemporary(table);
    }
    const timing = { executionTimeNs: process.hrtime.bigint() - compiled, compilationTimeNs: compiled - started };
    const executionStats = { timing, bytesProcessed: 0n, recordsProcessed: rows, sondeMissingNodes: [] };
    await send({
      result: { $case: 'data', value: { batch: undefined, executionStats, encryptedBatch: new Uint8Array() } },
    });
  }

  /** A script that deletes what is not there is told so before anything is changed; one that places it itself means to start afresh. */
  #requireThere({ deletes, upserts }: Mutations): void {
    const known = this.#tracepoints.list().map((tracepoint) => tracepoint.logical.name);
    const missing = deletes.filter(
      ({ name }) => !known.includes(name) && !upserts.some((tracepoint) => tracepoint.name === name),
    );
    if (missing.length === 0) return;
    throw new UserError(
      missing.map(({ name, span }) => ({
        id: 'agent.no-such-tracepoint',
        message: `Could not find tracepoint for given name: ${name}`,
        span,
        hints: [known.length > 0 ? `there are: ${known.join(', ')}` : 'there are none'],
      })),
    );
  }

  async #deploy(
    upserts: readonly LogicalTracepoint[],
    execution: Execution,
    send: (part: Partial<Response>) => Promise<void>,
  ): Promise<void> {
    const states = upserts.map((logical) => ({
      id: '',
      name: logical.name,
      state: 'PENDING' as TracepointState,
      reason: '',
    }));
    const report = async () => {
      if (execution.audience !== 'sonde' && !execution.request.mutation) return;
      // Pixie's px asks again for 25 s when it hears of UNAVAILABLE: what has failed must not be that.
      const code = states.some((state) => state.state === 'FAILED')
        ? grpcCode.internal
        : states.every((state) => state.state === 'RUNNING')
          ? grpcCode.ok
          : grpcCode.unavailable;
      await send({
        mutationInfo: {
          status: { code, message: '', errorDetails: [] },
          states: states.map(({ id, name, state, reason }) => ({
            id,
            name,
            state: lifeCycle[state],
            sondeReason: reason,
          })),
        },
      });
    };
    if (execution.audience === 'sonde') await report();
    const failures: { error: unknown; logical: LogicalTracepoint }[] = [];
    await Promise.all(
      upserts.map(async (logical, i) => {
        const state = states[i]!;
        try {
          const tracepoint = await this.#tracepoints.upsert(logical, execution.owner);
          Object.assign(state, { id: tracepoint.id, state: 'RUNNING' });
        } catch (error) {
          Object.assign(state, { state: 'FAILED', reason: (error as Error).message });
          failures.push({ error, logical });
        }
      }),
    );
    await report();
    const machine = failures.find(({ error }) => !(error instanceof UserError));
    if (machine) throw machine.error;
    if (failures.length > 0) {
      throw new UserError(failures.flatMap(({ error, logical }) => atTarget(error as UserError, logical)));
    }
  }

  async #stream(
    output: PlanOutput,
    execution: Execution,
    send: (part: Partial<Response>) => Promise<void>,
  ): Promise<bigint> {
    const { audience, signal } = execution;
    const id = randomUUID();
    let relation = output.relation;
    let withNotes = false;
    let announced = false;
    let rows = 0n;
    const data = (batch: vizier.RowBatchData) =>
      send({
        result: { $case: 'data', value: { batch, executionStats: undefined, encryptedBatch: new Uint8Array() } },
      });
    const announce = async () => {
      announced = true;
      if (withNotes) relation = withNotesRelation(relation);
      const value = { relation: encodeRelation(relation, audience), name: output.name, id };
      await send({ result: { $case: 'metaData', value } });
    };
    const forward = async (batch: RowBatch) => {
      const shown = withNotes ? withNotesColumn(output.relation, batch).batch : batch;
      for (const piece of splitBatch(shown)) await data(encodeBatch(piece, relation, id, audience));
    };
    const held: RowBatch[] = [];
    if (audience === 'sonde') await announce();
    for await (const batch of this.#store.query(output.sql, output.relation, { notes: output.notes, signal })) {
      rows += BigInt(batch.rows);
      if (announced) await forward(batch);
      else {
        // Another client learns of missing values by a last column, which only a result that has some gets: look before the first row goes.
        held.push(batch);
        withNotes ||= completeNotes(output.relation, batch) !== undefined || rows > heldRows;
        if (!withNotes) continue;
        await announce();
        for (const early of held.splice(0)) await forward(early);
      }
    }
    if (!announced) {
      await announce();
      for (const early of held) await forward(early);
    }
    await data(endOfTable(relation, id, audience));
    return rows;
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

/** So many rows are looked at for missing values before a result for another client begins. */
const heldRows = 50_000n;

/** A function that a vis.json wants called, as the planner knows it. */
export function functionCall(wanted: vizier.ExecuteScriptRequest_FuncToExecute): FunctionCall {
  return { name: wanted.funcName, outputName: wanted.outputTablePrefix, arguments: wanted.argValues };
}

function statusOf(error: unknown): vizier.Status {
  if (error instanceof UserError) {
    const details = error.diagnostics.filter((diagnostic) => diagnostic.span !== undefined);
    return { code: grpcCode.invalidArgument, message: error.message, errorDetails: details.map(compilerError) };
  }
  if (error instanceof SondeError && error.code !== 'bug') {
    return { code: grpcCode.failedPrecondition, message: error.message, errorDetails: [] };
  }
  return {
    code: grpcCode.internal,
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    errorDetails: [],
  };
}

function compilerError(diagnostic: Diagnostic): vizier.ErrorDetails {
  const { line, column } = diagnostic.span!;
  const value = { line: BigInt(line), column: BigInt(column), message: explain(diagnostic) };
  return { error: { $case: 'compilerError', value } };
}
