import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

interface ProcessesOptions extends Where {
  readonly output: OutputFormat;
}

/** `px ps`: the Go processes of this machine, or those of a cluster. */
export async function processes(context: Context, { output: format, ...where }: ProcessesOptions): Promise<ExitCode> {
  let inCluster = false;
  const person = format === 'table';
  const rows = await withAgent(
    context,
    async (agent: Agent): Promise<Row[]> => {
      const { processes } = await agent.call(sondeMethods.listProcesses, {});
      inCluster = agent.endpoint.cluster !== undefined;
      return processes.map((process) => ({
        cells: [
          ...(inCluster ? [process.node, process.namespace, process.pod, process.containerName].map(orMissing) : []),
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
    },
    { where },
  );
  const columns = [
    ...(inCluster ? [column('node'), column('namespace'), column('pod'), column('container_name')] : []),
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
  if (context.uid !== 0 && !inCluster)
    tell(context, 'not root: processes of other users may be missing; `sudo px ps` shows all');
  return exitCodes.ok;
}
