import { withAgent } from '../connect/agent.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { execute } from '../run/execute.ts';
import { bundledScripts, describe } from '../run/library.ts';
import { type PreparedScript, prepareScript } from '../run/prepare.ts';

export interface RunOptions extends Where {
  readonly file?: string;
  readonly output: OutputFormat;
  readonly list?: boolean;
}

export async function run(context: Context, script: string | undefined, options: RunOptions): Promise<ExitCode> {
  if (options.list) return listScripts(context, options.output);
  const prepared = await prepareScript(context, script, options);
  if (prepared === undefined) return exitCodes.ok;
  const code = await withAgent(context, (agent) => execute(context, agent, prepared, options.output), {
    where: options,
  });
  await tellEmptyTables(context, prepared);
  return code;
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

async function listScripts(context: Context, format: OutputFormat): Promise<ExitCode> {
  const rows = bundledScripts().map((name) => ({ cells: [name, orMissing(describe(name))] }));
  await printRows(context, format, 'script_list', [column('name'), column('description')], rows);
  return exitCodes.ok;
}
