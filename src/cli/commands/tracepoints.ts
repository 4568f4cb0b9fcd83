import type { sonde } from '#api';
import { nearest } from '#base';
import type { ClusterClient } from '#cluster';
import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { type PodOptions, refusePods } from '../connect/pods.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, UserError } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';

interface ListOptions extends Where, PodOptions {
  readonly output: OutputFormat;
}

export async function listTracepoints(context: Context, { output: format, ...where }: ListOptions): Promise<ExitCode> {
  const person = format === 'table';
  let inCluster = false;
  const tracepoints = await withAgent(
    context,
    (agent) => {
      inCluster = agent.endpoint.cluster !== undefined;
      return tracepointsOf(agent, where);
    },
    { where },
  );
  const columns = [
    ...(inCluster ? [column('namespace')] : []),
    column('name'),
    column('state'),
    column('target'),
    column('functions'),
    column('table'),
    column('ttl_left', 'INT64', 'ST_DURATION_NS'),
    column('hits', 'INT64'),
    column('kept', 'INT64'),
    column('rows', 'INT64'),
    column('drops', 'INT64'),
    column('owner'),
    ...(person ? [] : [column('id')]),
    column('reason'),
  ];
  const rows = tracepoints.map((tracepoint) => ({
    cells: [
      ...(inCluster ? [orMissing(tracepoint.namespace)] : []),
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
      tracepoint.kept,
      tracepoint.rows,
      tracepoint.drops,
      orMissing(tracepoint.owner),
      ...(person ? [] : [tracepoint.id]),
      orMissing(person ? reasonOf(tracepoint).replace(/\s*\n\s*/g, '; ') : reasonOf(tracepoint)),
    ],
  }));
  await printRows(context, format, 'tracepoints', columns, rows);
  return exitCodes.ok;
}

/** Deletes what is there of `names`; the others are told with the nearest names, and make it exit 1. */
export async function deleteTracepoints(
  context: Context,
  names: readonly string[],
  where: Where & PodOptions,
): Promise<ExitCode> {
  const work = async (agent: Agent) => {
    const { cluster } = agent.endpoint;
    const there = cluster === undefined ? [] : await tracepointsOf(agent, where);
    if (cluster === undefined) refusePods(where);
    const unknown: string[] = [];
    for (const name of names) {
      const existed =
        cluster === undefined
          ? (await agent.call(sondeMethods.deleteTracepoint, { name })).existed
          : await deleteObject(cluster, name, there);
      if (existed) tell(context, `deleted ${name}`);
      else unknown.push(name);
    }
    if (unknown.length === 0) return exitCodes.ok;
    const known = (await tracepointsOf(agent, where)).map((tracepoint) => tracepoint.name);
    for (const name of unknown) {
      const near = nearest(name, known);
      const advice = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; `px tracepoint list` lists them';
      tell(context, `no tracepoint ${name}${advice}`);
    }
    return exitCodes.script;
  };
  return withAgent(context, work, { where });
}

async function tracepointsOf(agent: Agent, where: PodOptions): Promise<sonde.TracepointInfo[]> {
  if (agent.endpoint.cluster === undefined) refusePods(where);
  const { tracepoints } = await agent.call(sondeMethods.listTracepoints, {});
  return tracepoints.filter(({ namespace }) => where.namespace === undefined || namespace === where.namespace);
}

/** With the user's own rights. False when there is none of that name. @throws UserError when several namespaces have one */
async function deleteObject(
  cluster: ClusterClient,
  name: string,
  there: readonly sonde.TracepointInfo[],
): Promise<boolean> {
  const named = there.filter((each) => each.name === name || each.object === name);
  const [first, ...others] = named;
  if (first === undefined) return false;
  if (others.length > 0)
    throw new UserError(
      `${name} is a tracepoint in several namespaces: choose with -n ${named.map(({ namespace }) => namespace).join(' or -n ')}`,
    );
  const { tracepointReference } = await import('#cluster');
  return cluster.delete(tracepointReference(first.object, first.namespace));
}

function reasonOf({ reason, undecided }: sonde.TracepointInfo): string {
  if (undecided === 0n) return reason;
  const told = `the condition could not be decided for ${undecided} ${undecided === 1n ? 'call' : 'calls'}`;
  return reason === '' ? told : `${reason}; ${told}`;
}

function isLive(state: string): boolean {
  return state === 'RUNNING' || state === 'PENDING';
}
