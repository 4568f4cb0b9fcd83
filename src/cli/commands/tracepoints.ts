import { nearest } from '#base';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';

export async function listTracepoints(context: Context, format: OutputFormat): Promise<ExitCode> {
  const person = format === 'table';
  const { tracepoints } = await withAgent(context, (agent) => agent.call(sondeMethods.listTracepoints, {}));
  const columns = [
    column('name'),
    column('state'),
    column('target'),
    column('functions'),
    column('table'),
    column('ttl_left', 'INT64', 'ST_DURATION_NS'),
    column('hits', 'INT64'),
    column('rows', 'INT64'),
    column('drops', 'INT64'),
    column('owner'),
    ...(person ? [] : [column('id')]),
    column('reason'),
  ];
  const rows = tracepoints.map((tracepoint) => ({
    cells: [
      tracepoint.name,
      tracepoint.state,
      tracepoint.target,
      tracepoint.functions.join(', '),
      orMissing(tracepoint.table),
      // What has ended has none left, and a live trace goes with its client.
      tracepoint.ttlLeftNs === 0n && (tracepoint.table === '' || !isLive(tracepoint.state))
        ? null
        : tracepoint.ttlLeftNs,
      tracepoint.hits,
      tracepoint.rows,
      tracepoint.drops,
      orMissing(tracepoint.owner),
      ...(person ? [] : [tracepoint.id]),
      orMissing(person ? tracepoint.reason.replace(/\s*\n\s*/g, '; ') : tracepoint.reason),
    ],
  }));
  await printRows(context, format, 'tracepoints', columns, rows);
  return exitCodes.ok;
}

/** Deletes what is there of `names`; the others are told with the nearest names, and make it exit 1. */
export async function deleteTracepoints(context: Context, names: readonly string[]): Promise<ExitCode> {
  return withAgent(context, async (agent) => {
    const unknown: string[] = [];
    for (const name of names) {
      const { existed } = await agent.call(sondeMethods.deleteTracepoint, { name });
      if (existed) tell(context, `deleted ${name}`);
      else unknown.push(name);
    }
    if (unknown.length === 0) return exitCodes.ok;
    const { tracepoints } = await agent.call(sondeMethods.listTracepoints, {});
    const known = tracepoints.map((tracepoint) => tracepoint.name);
    for (const name of unknown) {
      const near = nearest(name, known);
      const advice = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; `px tracepoint list` lists them';
      tell(context, `no tracepoint ${name}${advice}`);
    }
    return exitCodes.script;
  });
}

function isLive(state: string): boolean {
  return state === 'RUNNING' || state === 'PENDING';
}
