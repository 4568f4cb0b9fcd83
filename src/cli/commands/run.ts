import { withAgent } from '../connect/agent.ts';
import type { Where } from '../connect/where.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { execute } from '../run/execute.ts';
import { bundledScripts, describe } from '../run/library.ts';
import { prepareScript } from '../run/prepare.ts';

export interface RunOptions extends Where {
  readonly file?: string;
  readonly output: OutputFormat;
  readonly list?: boolean;
}

export async function run(context: Context, script: string | undefined, options: RunOptions): Promise<ExitCode> {
  if (options.list) return listScripts(context, options.output);
  const prepared = await prepareScript(context, script, options);
  if (prepared === undefined) return exitCodes.ok;
  return withAgent(context, (agent) => execute(context, agent, prepared, options.output), { where: options });
}

async function listScripts(context: Context, format: OutputFormat): Promise<ExitCode> {
  const rows = bundledScripts().map((name) => ({ cells: [name, orMissing(describe(name))] }));
  await printRows(context, format, 'script_list', [column('name'), column('description')], rows);
  return exitCodes.ok;
}
