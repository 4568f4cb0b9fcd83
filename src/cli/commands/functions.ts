import type { sonde } from '#api';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

/** `px funcs`: rows are printed as they come. */
export async function functions(
  context: Context,
  target: string,
  pattern: string,
  format: OutputFormat,
): Promise<ExitCode> {
  const person = format === 'table';
  const columns = [
    column('name'),
    longText('signature'),
    ...(person ? [column('place')] : [column('file'), column('line', 'INT64'), column('address', 'INT64')]),
  ];
  return withAgent(context, async (agent) => {
    const stream = agent.stream(sondeMethods.listFunctions, { process: target, pattern });
    context.out.onClosed(() => stream.cancel());
    let count = 0;
    async function* rows(): AsyncGenerator<Row> {
      for await (const info of stream) {
        count++;
        const place = person
          ? [whereIs(info)]
          : [orMissing(info.file), info.line === 0 ? null : BigInt(info.line), info.address];
        yield { cells: [info.name, orMissing(info.signature), ...place] };
      }
    }
    await printRows(context, format, 'functions', columns, rows());
    if (count === 0)
      tell(context, pattern === '' ? `${target} has no functions` : `no function of ${target} matches ${pattern}`);
    return exitCodes.ok;
  });
}

function whereIs(info: sonde.FunctionInfo): string | null {
  return info.file === '' ? null : info.line === 0 ? info.file : `${info.file}:${info.line}`;
}
