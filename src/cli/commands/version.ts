import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { version } from '../version.ts';

export async function printVersion(context: Context, format: OutputFormat): Promise<ExitCode> {
  if (format === 'table') {
    await context.out.write(`px ${version()} (Sonde), Node.js ${process.versions.node}\n`);
  } else {
    const columns = [column('px'), column('node')];
    await printRows(context, format, 'version', columns, [{ cells: [version(), process.versions.node] }]);
  }
  return exitCodes.ok;
}
