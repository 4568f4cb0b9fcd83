import { decodeBatch, decodeRelation, vizier } from '#api';
import { excerpt } from '#base';
import type { Relation } from '#model';
import { type Agent, sondeMethods, vizierMethods } from '../connect/agent.ts';
import { CallFailed, exitCodeOfStatus, statusMessage } from '../connect/errors.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { batchRows } from '../output/batch.ts';
import { CsvPrinter } from '../output/csv.ts';
import type { RowPrinter } from '../output/row.ts';
import { TableSequence } from '../output/sequence.ts';
import type { PreparedScript } from './prepare.ts';
import { Progress, type Step } from './progress.ts';

/** The agent refused the script or could not run it; message with place, line and caret for a compile error. */
export class ScriptFailed extends Failure {
  readonly code = 'cli.script-failed';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A text that imports pxtrace may place tracepoints. The agent decides what it means; this only allows it. */
export function importsTracing(text: string): boolean {
  return /^[ \t]*(?:from\s+pxtrace\b|import\s[^#\n]*\bpxtrace\b)/m.test(text);
}

/**
 * Runs a script: progress on standard error, tables to the printer. Ends early when standard output is closed. `replace`: tracepoints of a
 * cluster are taken over from whoever has them.
 */
export async function execute(
  context: Context,
  agent: Agent,
  script: PreparedScript,
  printer: RowPrinter,
  replace = false,
): Promise<ExitCode> {
  const mutates = importsTracing(script.text);
  const { cluster } = agent.endpoint;
  const request = vizier.ExecuteScriptRequest.fromPartial({
    queryStr: script.text,
    queryName: script.queryName,
    mutation: mutates && cluster === undefined,
    execFuncs: [...script.calls],
  });
  const progress = new Progress(context.err);
  const streams = /\.stream\s*\(/.test(script.text);
  const tables = new TableSequence(printer, streams);
  let forget = () => {};
  const relations = new Map<string, Relation>();
  let mutation: vizier.MutationInfo | undefined;
  let missing: readonly vizier.QueryExecutionStats_MissingNode[] = [];
  let notices: readonly string[] = [];
  const news = new News(context);
  try {
    if (mutates && cluster !== undefined) {
      const place = { script: script.text, execFuncs: [...script.calls] };
      const compiled = await agent.call(sondeMethods.compileTracepoints, place);
      if (compiled.status !== undefined && compiled.status.code !== 0) throw failure(script, compiled.status, progress);
      const { placeTracepoints } = await import('./place.ts');
      const failed = await placeTracepoints(cluster, compiled, replace, (all) => progress.update(all));
      if (failed !== undefined) throw alreadyTold(new ScriptFailed(failed, exitCodes.script), progress);
    }
    const stream = agent.stream(vizierMethods.executeScript, request);
    context.out.onClosed(() => stream.cancel());
    if (streams) forget = context.onInterrupt(() => stream.cancel());
    for await (const response of stream) {
      if (response.status !== undefined && response.status.code !== 0) throw failure(script, response.status, progress);
      if (response.mutationInfo !== undefined) {
        mutation = response.mutationInfo;
        progress.update(steps(mutation));
      }
      if (response.result?.$case === 'metaData') {
        const { id, name, relation: wire } = response.result.value;
        const relation = decodeRelation(wire ?? { columns: [] });
        relations.set(id, relation);
        const clusterId = agent.clusterId;
        await tables.announce(id, {
          name,
          columns: relation.columns.map((each) => (each.type === 'STRING' ? { ...each, cut: true } : each)),
          ...(clusterId === undefined ? {} : { clusterId }),
        });
      }
      if (response.result?.$case === 'data') {
        const { executionStats } = response.result.value;
        missing = executionStats?.sondeMissingNodes ?? missing;
        notices = executionStats?.sondeNotices ?? notices;
        // A stream has no end at which it could be told.
        if (streams) news.tell(notices, missing);
      }
      const batch = response.result?.$case === 'data' ? response.result.value.batch : undefined;
      if (batch !== undefined) {
        const relation = relations.get(batch.tableId);
        if (relation === undefined)
          throw new CallFailed(13, `the agent sent rows of a table that it did not announce (${batch.tableId})`);
        await tables.rows(batch.tableId, batchRows(relation.columns, decodeBatch(batch, relation)));
        if (batch.eos) await tables.end(batch.tableId);
        else if (streams) await printer.pause?.();
        await context.out.flush();
      }
    }
    await tables.finish();
  } catch (error) {
    throw error instanceof CallFailed ? alreadyTold(error, progress) : error;
  } finally {
    forget();
    progress.close();
    await context.out.flush();
  }
  if (printer instanceof CsvPrinter && printer.untold > 0) {
    tell(
      context,
      `${printer.untold} rows have values that are missing or cut, and the csv has no notes_ column to say so: use -o json`,
    );
  }
  news.tell(notices, missing);
  const code = exitCode(mutation, tables.count, script, progress);
  return code === exitCodes.ok && missing.length > 0 ? exitCodes.partial : code;
}

/** What is to be known of rows: once each. */
class News {
  readonly #context: Context;
  readonly #told = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
  }

  tell(notices: readonly string[], missing: readonly vizier.QueryExecutionStats_MissingNode[]): void {
    const lacking = missing.map(({ node, reason }) => `without the rows of node ${node}: ${reason}`);
    for (const text of [...notices, ...lacking]) {
      if (!this.#told.has(text)) tell(this.#context, text);
      this.#told.add(text);
    }
  }
}

function steps(info: vizier.MutationInfo): Step[] {
  return [
    { label: 'Preparing schema', state: 'done' },
    ...info.states.map((state): Step => {
      const label = `Deploying ${state.name}`;
      if (state.state === vizier.LifeCycleState.RUNNING_STATE) return { label, state: 'done' };
      if (state.state === vizier.LifeCycleState.FAILED_STATE) {
        return { label, state: 'failed', reason: state.sondeReason || 'the agent gave no reason' };
      }
      if (state.state === vizier.LifeCycleState.TERMINATED_STATE) {
        return { label, state: 'failed', reason: state.sondeReason || 'it was deleted meanwhile' };
      }
      return { label, state: 'pending' };
    }),
  ];
}

function exitCode(
  info: vizier.MutationInfo | undefined,
  tables: number,
  script: PreparedScript,
  progress: Progress,
): ExitCode {
  if (info === undefined) return exitCodes.ok;
  const failed = info.states.some((state) => state.state === vizier.LifeCycleState.FAILED_STATE);
  if (failed) return tables > 0 ? exitCodes.partial : exitCodes.script;
  const status = info.status;
  if (status !== undefined && status.code !== 0 && tables === 0) throw failure(script, status, progress);
  return exitCodes.ok;
}

function failure(script: PreparedScript, status: vizier.Status, progress: Progress): Failure {
  const faults = status.errorDetails.flatMap((detail) =>
    detail.error?.$case === 'compilerError' ? [detail.error.value] : [],
  );
  if (faults.length === 0)
    return alreadyTold(
      new ScriptFailed(statusMessage(status.code, status.message), exitCodeOfStatus(status.code)),
      progress,
    );
  return new ScriptFailed(faults.map((fault) => placed(script, fault)).join('\n'), exitCodes.script);
}

/** `file.pxl:3:5: message [id]`, the line, a caret, then the hints. */
function placed(script: PreparedScript, fault: vizier.CompilerError): string {
  const line = Number(fault.line);
  const column = Number(fault.column);
  const [text = '', ...hints] = fault.message.split('\n');
  const message = fault.sondeId === '' ? text : `${text} [${fault.sondeId}]`;
  if (line < 1 || column < 1) return [`${script.name}: ${message}`, ...hints].join('\n');
  const shown = excerpt(script.text, { start: 0, end: 1, line, column });
  return [`${script.name}:${line}:${column}: ${message}`, shown, ...hints].join('\n');
}

/** Of a failure whose first line stands in the progress lines already, the rest. */
function alreadyTold(error: CallFailed | ScriptFailed, progress: Progress): Failure {
  const [first, ...rest] = error.message.split('\n');
  const told = progress.reasons.some((reason) => reason.split('\n')[0] === first);
  return told ? new ScriptFailed(rest.join('\n'), error.exitCode) : error;
}
