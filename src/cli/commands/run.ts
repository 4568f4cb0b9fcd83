import { setTimeout as sleep } from 'node:timers/promises';
import { type Agent, withAgent } from '../connect/agent.ts';
import { AnswerForgotten } from '../connect/errors.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows, rowPrinter } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { openLibrary } from '../run/bundle.ts';
import { execute } from '../run/execute.ts';
import { type PreparedScript, prepareScript } from '../run/prepare.ts';

export interface RunOptions extends Where {
  readonly file?: string;
  readonly bundle?: string;
  readonly output: OutputFormat;
  readonly list?: boolean;
  /** Run again and again, `every` nanoseconds after each other. */
  readonly watch?: boolean;
  readonly every?: bigint;
  /** Take over tracepoints that are somebody else's. */
  readonly replace?: boolean;
  /** `--no-budget` */
  readonly budget?: boolean;
}

export async function run(context: Context, script: string | undefined, options: RunOptions): Promise<ExitCode> {
  if (options.list) return listScripts(context, options);
  const found = await prepareScript(context, script, options);
  if (found === undefined) return exitCodes.ok;
  // At the end, so that faults keep their lines.
  const prepared = options.budget === false ? { ...found, text: `${found.text}\n#px:set no_budget=true\n` } : found;
  const { watch, every } = options;
  const once = (agent: Agent) =>
    execute(context, agent, prepared, rowPrinter(context, options.output), options.replace);
  const code = await withAgent(
    context,
    watch && every !== undefined ? (agent) => again(context, every, () => once(agent)) : once,
    { where: options },
  );
  await tellEmptyTables(context, prepared);
  return code;
}

/** Runs until Ctrl-C or a fault (an answer that its server forgot is none: it is asked for again), or until nobody reads; on a terminal each result takes the place of the one before. */
async function again(context: Context, everyNs: bigint, once: () => Promise<ExitCode>): Promise<ExitCode> {
  const over = new AbortController();
  const forgotten = (error: unknown): ExitCode => {
    if (!(error instanceof AnswerForgotten)) throw error;
    tell(context, error.message);
    return exitCodes.partial;
  };
  const undo = [context.onInterrupt(() => over.abort()), context.onOutputClosed(() => over.abort())];
  try {
    for (;;) {
      // Home, and clear behind what is written next (ECMA-48: CUP, ED).
      if (context.outIsTerminal) await context.out.write('\x1b[H\x1b[2J');
      const code = await Promise.race([once().catch(forgotten), aborted(over.signal)]);
      if (code === undefined || code === exitCodes.script || code === exitCodes.agent) return code ?? exitCodes.ok;
      await context.out.flush();
      if (context.out.closed || (await waited(Number(everyNs / 1_000_000n), over.signal))) return exitCodes.ok;
    }
  } finally {
    for (const each of undo) each();
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** True when the signal came first. */
async function waited(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal });
    return false;
  } catch {
    return true;
  }
}

/** Tables of Pixie's protocol tracing are known, and nothing fills them here: an empty result must not look like no traffic. */
async function tellEmptyTables(context: Context, { text, calls }: PreparedScript): Promise<void> {
  // Loading the planner takes time that most scripts need not spend.
  if (!/_events|_stats|_messages|stack_traces|proc_stat|probe_status|stirling_error|pxviews|px\.[_GV]/.test(text))
    return;
  const { emptyTables } = await import('#planner');
  const wanted = calls.map((call) => ({
    name: call.funcName,
    outputName: call.outputTablePrefix,
    arguments: call.argValues,
  }));
  const names = emptyTables(text, wanted, BigInt(Date.now()) * 1_000_000n);
  if (names.length === 0) return;
  const [are, them] = names.length === 1 ? ['is', 'it has'] : ['are', 'they have'];
  tell(
    context,
    `note: ${names.join(', ')} ${are} of Pixie's own collector, which Sonde does not have: ${them} no rows here`,
  );
}

async function listScripts(context: Context, { output, bundle }: RunOptions): Promise<ExitCode> {
  const library = await openLibrary(bundle);
  const rows = library.names.map((name) => ({ cells: [name, orMissing(library.describe(name))] }));
  await printRows(context, output, 'script_list', [column('name'), column('description')], rows);
  return exitCodes.ok;
}
