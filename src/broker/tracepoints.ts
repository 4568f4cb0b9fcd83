import type { sonde } from '#api';
import {
  type ClusterClient,
  type ClusterClock,
  exactSelector,
  expiry,
  NoSuchTarget,
  objectName,
  ownerOf,
  type TracepointKind,
  type TracepointObject,
  toObject,
  whyNoPod,
} from '#cluster';
import { formatUpid, type LogicalTracepoint, type Target } from '#model';
import { compileMutations } from '#planner';
import { mayDo } from './access.ts';
import { clusterTables } from './catalog.ts';
import { ScriptFault, statusOf } from './faults.ts';
import type { Nodes } from './nodes.ts';
import { allProcesses } from './targets.ts';

const none = { code: 0, message: '', errorDetails: [] };

/** What a script wants placed and deleted, as objects for the asker to write with rights of its own. */
export async function compileTracepoints(
  { script, execFuncs }: sonde.CompileTracepointsRequest,
  scope: sonde.Scope,
  { nodes, client, clock }: { readonly nodes: Nodes; readonly client: ClusterClient; readonly clock: ClusterClock },
): Promise<sonde.CompileTracepointsReply> {
  try {
    const { catalog } = await clusterTables(nodes, scope);
    const calls = execFuncs.map(({ funcName, outputTablePrefix, argValues }) => ({
      name: funcName,
      outputName: outputTablePrefix,
      arguments: argValues,
    }));
    const compiled = compileMutations(script, { calls, now: BigInt(Date.now()) * 1_000_000n, catalog });
    if (!compiled.ok) throw new ScriptFault(compiled.diagnostics);
    const { upserts, deletes } = compiled.value;
    const objects: string[] = [];
    const hints: string[] = [];
    const now = new Date(clock.now());
    const processes = upserts.some(({ target }) => target.kind === 'upid')
      ? (await allProcesses(nodes, scope)).processes
      : [];
    for (const upsert of upserts) {
      const { target, hint } = await exactTarget(upsert.target, client, scope);
      const logical = { ...upsert, target };
      hints.push(hint);
      objects.push(JSON.stringify(toObject(logical, namespaceOf(logical, processes), now)));
    }
    const held = deletes.length > 0 ? await heldTracepoints(client, scope) : [];
    const doomed = deletes.flatMap(({ name, span }) => {
      const named = held.filter(({ spec }) => spec.name === name);
      if (named.length > 0 || upserts.some((each) => each.name === name)) return named;
      const names = [...new Set(held.map(({ spec }) => spec.name))];
      const hints = [names.length > 0 ? `there are: ${names.join(', ')}` : 'there are none'];
      throw new ScriptFault([
        { id: 'broker.no-such-tracepoint', message: `Could not find tracepoint for given name: ${name}`, span, hints },
      ]);
    });
    const references = doomed.map(({ apiVersion, kind, metadata: { name, namespace } }) =>
      JSON.stringify({ apiVersion, kind, metadata: { name, namespace } }),
    );
    return { status: none, objects, deletes: references, hints };
  } catch (error) {
    return { status: statusOf(error), objects: [], deletes: [], hints: [] };
  }
}

/** The object of one tracepoint, for somebody of this scope, and what is to be said if no process fits it. @throws ScriptFault */
export async function placedObject(
  logical: LogicalTracepoint,
  scope: sonde.Scope,
  { nodes, client, clock }: { readonly nodes: Nodes; readonly client: ClusterClient; readonly clock: ClusterClock },
): Promise<{ readonly object: TracepointObject; readonly hint: string }> {
  const { processes } = logical.target.kind === 'upid' ? await allProcesses(nodes, scope) : { processes: [] };
  const { target, hint } = await exactTarget(logical.target, client, scope);
  const exact = { ...logical, target };
  return { object: toObject(exact, namespaceOf(exact, processes), new Date(clock.now())), hint };
}

/** Where the object belongs: the namespace of the target's pod; undefined for a process outside any pod. */
function namespaceOf({ target }: LogicalTracepoint, processes: readonly sonde.ProcessInfo[]): string | undefined {
  if (target.kind === 'pods') return target.pods.namespace;
  if (target.kind === 'processes') {
    throw new ScriptFault([
      {
        id: 'broker.processes',
        message: 'pxtrace.Process() selects processes of one machine; in a cluster they are selected by their pods',
        hints: ["pxtrace.PodProcess('namespace/pod', process_name='…') or pxtrace.LabelSelector({'app': '…'})"],
        ...(target.span === undefined ? {} : { span: target.span }),
      },
    ]);
  }
  const process = processes.find(({ upid }) => upid === formatUpid(target.upid));
  if (process === undefined) throw new ScriptFault([noSuchProcess(target)]);
  return process.namespace === '' ? undefined : process.namespace;
}

/** With whole names in the place of beginnings. What the asker may not see is left as it is: writing the object takes rights of its own. */
async function exactTarget(
  target: Target,
  client: ClusterClient,
  scope: sonde.Scope,
): Promise<{ readonly target: Target; readonly hint: string }> {
  if (target.kind !== 'pods' || !mayDo(scope, target.pods.namespace)) return { target, hint: '' };
  try {
    const there = await client.pods(target.pods.namespace);
    const pods = exactSelector(target.pods, there);
    return { target: { ...target, pods }, hint: whyNoPod(pods, there) ?? '' };
  } catch (error) {
    if (!(error instanceof NoSuchTarget)) throw error;
    const { span } = target;
    throw new ScriptFault([{ id: error.code, message: error.message, ...(span === undefined ? {} : { span }) }]);
  }
}

function noSuchProcess(target: Extract<Target, { kind: 'upid' }>) {
  return {
    id: 'broker.no-such-process',
    message: `no process that you may see has the UPID ${formatUpid(target.upid)}`,
    hints: ['px run px/upids lists the Go processes with their UPIDs'],
    ...(target.span === undefined ? {} : { span: target.span }),
  };
}

/** The tracepoints that somebody may see, by the names that scripts know. */
export async function heldTracepoints(client: ClusterClient, scope: sonde.Scope): Promise<TracepointObject[]> {
  return (await allObjects(client, scope)).filter(({ metadata, spec }) => objectName(spec.name) === metadata.name);
}

/** Those that are of no use too: their status says why. */
async function allObjects(client: ClusterClient, scope: sonde.Scope): Promise<TracepointObject[]> {
  const kinds: readonly TracepointKind[] = ['Tracepoint', 'ClusterTracepoint'];
  const lists = await Promise.all(kinds.map((kind) => client.listTracepoints(kind)));
  return lists.flatMap(({ items }) => items).filter(({ metadata }) => mayDo(scope, metadata.namespace ?? ''));
}

/** The tracepoints that somebody may see, each with what its nodes say of it. */
export async function listTracepoints(
  client: ClusterClient,
  clock: ClusterClock,
  scope: sonde.Scope,
): Promise<sonde.TracepointInfo[]> {
  const objects = await allObjects(client, scope);
  return objects
    .map((object) => infoOf(object, clock.now()))
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function infoOf(object: TracepointObject, now: number): sonde.TracepointInfo {
  const { metadata, spec, status } = object;
  const nodes = status?.nodes ?? [];
  const leftMs = expiry(object) - now;
  const states = new Set(nodes.map(({ state }) => state));
  const state = (['RUNNING', 'PENDING', 'FAILED', 'TERMINATED'] as const).find((each) => states.has(each));
  const sum = (count: 'hits' | 'kept' | 'rows' | 'drops' | 'undecided') =>
    BigInt(nodes.reduce((total, node) => total + (node[count] ?? 0), 0));
  const reasons = nodes.flatMap(({ node, reason }) => (reason ? [`node ${node}: ${reason}`] : []));
  return {
    id: metadata.uid ?? '',
    name: spec.name,
    state: leftMs <= 0 ? 'TERMINATED' : (state ?? 'PENDING'),
    target: spec.target.upid ?? JSON.stringify(spec.target),
    table: spec.table ?? '',
    ttlLeftNs: BigInt(Math.max(0, Math.round(leftMs))) * 1_000_000n,
    hits: sum('hits'),
    kept: sum('kept'),
    rows: sum('rows'),
    drops: sum('drops'),
    undecided: sum('undecided'),
    reason: reasons.length > 0 ? reasons.join('\n') : state === undefined && leftMs > 0 ? 'no process fits it yet' : '',
    owner: ownerOf(object),
    functions: spec.probes.map((probe) => probe.function),
    namespace: metadata.namespace ?? '',
    object: metadata.name ?? '',
  };
}
