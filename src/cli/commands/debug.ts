import type { sonde } from '#api';
import { escapeControls, escapeLines } from '#base';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { prepareScript } from '../run/prepare.ts';

/** Every stage of a script's compilation. */
export async function debugCompile(
  context: Context,
  script: string | undefined,
  options: { readonly file?: string; readonly output: OutputFormat },
): Promise<ExitCode> {
  const prepared = await prepareScript(context, script, options);
  if (prepared === undefined) return exitCodes.ok;
  const { stages } = await withAgent(context, (agent) =>
    agent.call(sondeMethods.debugCompile, {
      script: prepared.text,
      name: prepared.name,
      execFuncs: [...prepared.calls],
    }),
  );
  return print(context, options.output, stages);
}

export async function debugSites(
  context: Context,
  target: string,
  name: string,
  format: OutputFormat,
): Promise<ExitCode> {
  const { stages } = await withAgent(context, (agent) =>
    agent.call(sondeMethods.debugSites, { process: target, function: name }),
  );
  return print(context, format, stages);
}

async function print(context: Context, format: OutputFormat, stages: readonly sonde.DebugStage[]): Promise<ExitCode> {
  if (format === 'table') {
    for (const stage of stages)
      await context.out.write(`== ${escapeControls(stage.name)}\n${escapeLines(stage.text).trimEnd()}\n\n`);
  } else {
    const rows = stages.map((stage) => ({ cells: [stage.name, stage.text] }));
    await printRows(context, format, 'stages', [column('stage'), column('text')], rows);
  }
  return exitCodes.ok;
}
