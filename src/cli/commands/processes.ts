import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

/** `px ps`: the Go processes of this machine. */
export async function processes(context: Context, format: OutputFormat): Promise<ExitCode> {
  const person = format === 'table';
  const rows = await withAgent(context, async (agent: Agent): Promise<Row[]> => {
    const { processes } = await agent.call(sondeMethods.listProcesses, {});
    return processes.map((process) => ({
      cells: [
        process.pid,
        process.upid,
        person && process.deleted ? `${process.executable} (deleted)` : process.executable,
        ...(person ? [] : [process.deleted]),
        orMissing(process.goVersion),
        orMissing(process.module),
        process.symbols,
        process.debugInfo,
        orMissing(person ? process.container.slice(0, 12) : process.container),
        orMissing(process.user),
        orMissing(process.commandLine),
      ],
    }));
  });
  const columns = [
    column('pid', 'INT64'),
    column('upid', 'UINT128', 'ST_UPID'),
    longText('executable'),
    ...(person ? [] : [column('deleted', 'BOOLEAN')]),
    column('go_version'),
    longText('module'),
    column('symbols', 'BOOLEAN'),
    column('debug_info', 'BOOLEAN'),
    column('container'),
    column('user'),
    longText('command_line'),
  ];
  await printRows(context, format, 'processes', columns, rows);
  if (context.uid !== 0) tell(context, 'not root: processes of other users may be missing; `sudo px ps` shows all');
  return exitCodes.ok;
}
