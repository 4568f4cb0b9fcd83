import { basename } from 'node:path';
import type { sonde } from '#api';
import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { meantBy, type PodOptions, podsIn, refusePods } from '../connect/pods.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

interface ProcessesOptions extends Where, PodOptions {
  readonly output: OutputFormat;
}

/** `px ps`: the Go processes of this machine, or those of a cluster, of a namespace there, of pods. */
export async function processes(
  context: Context,
  target: string | undefined,
  { output: format, ...where }: ProcessesOptions,
): Promise<ExitCode> {
  let inCluster = false;
  let partial = false;
  const person = format === 'table';
  const rows = await withAgent(
    context,
    async (agent: Agent): Promise<Row[]> => {
      const { cluster } = agent.endpoint;
      inCluster = cluster !== undefined;
      const meant = target === undefined ? undefined : await meantBy(target, where, cluster);
      if (!inCluster) refusePods(where);
      const pods = meant === undefined ? podsIn(where) : meant.kind === 'pods' ? meant.pods : undefined;
      const found = await agent.call(sondeMethods.listProcesses, { pods, one: false });
      partial = tellMissing(context, found);
      const wanted = meant?.kind === 'process' ? meant.process : undefined;
      const processes = found.processes.filter(
        ({ pid, upid, executable }) =>
          wanted === undefined || [String(pid), upid, executable, basename(executable)].includes(wanted),
      );
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
  return partial ? exitCodes.partial : exitCodes.ok;
}

/** True when processes are missing because nodes did not answer. */
export function tellMissing(context: Context, { missing, notes }: sonde.ListProcessesReply): boolean {
  for (const note of notes) tell(context, note);
  for (const { node, reason } of missing) tell(context, `without the processes of node ${node}: ${reason}`);
  return missing.length > 0;
}
