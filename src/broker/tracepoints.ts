import type { sonde } from '#api';
import {
  type ClusterClient,
  type ClusterClock,
  objectName,
  type TracepointKind,
  type TracepointObject,
  toObject,
} from '#cluster';
import { formatUpid, type LogicalTracepoint, type Target } from '#model';
import { compileMutations } from '#planner';
import { mayDo } from './access.ts';
import { clusterTables } from './catalog.ts';
import { ScriptFault, statusOf } from './faults.ts';
import { type Nodes, nodeMethods } from './nodes.ts';

const none = { code: 0, message: '', errorDetails: [] };

/** What a script wants placed and deleted, as objects for the asker to write with rights of its own. */
export async function compileTracepoints(
  { script, execFuncs }: sonde.CompileTracepointsRequest,
  scope: sonde.Scope,
  { nodes, client, clock }: { readonly nodes: Nodes; readonly client: ClusterClient; readonly clock: ClusterClock },
): Promise<sonde.CompileTracepointsReply> {
  try {
    const { catalog } = await clusterTables(nodes);
    const calls = execFuncs.map(({ funcName, outputTablePrefix, argValues }) => ({
      name: funcName,
      outputName: outputTablePrefix,
      arguments: argValues,
    }));
    const compiled = compileMutations(script, { calls, now: BigInt(Date.now()) * 1_000_000n, catalog });
    if (!compiled.ok) throw new ScriptFault(compiled.diagnostics);
    const { upserts, deletes } = compiled.value;
    const objects: string[] = [];
    const now = new Date(clock.now());
    const processes = upserts.some(({ target }) => target.kind === 'upid') ? await allProcesses(nodes, scope) : [];
    for (const logical of upserts)
      objects.push(JSON.stringify(toObject(logical, namespaceOf(logical, processes), now)));
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
    return { status: none, objects, deletes: references };
  } catch (error) {
    return { status: statusOf(error), objects: [], deletes: [] };
  }
}

/** The processes that somebody may see, of all nodes that answer. */
export async function allProcesses(nodes: Nodes, scope: sonde.Scope): Promise<sonde.ProcessInfo[]> {
  const { answers } = await nodes.all((link) => link.call(nodeMethods.listProcesses, {}));
  return answers.flatMap(({ answer }) => answer.processes).filter(({ namespace }) => mayDo(scope, namespace));
}

/** Where the object belongs: the namespace of the target's pod; undefined for a process outside any pod. */
function namespaceOf({ target }: LogicalTracepoint, processes: readonly sonde.ProcessInfo[]): string | undefined {
  if (target.kind === 'pods') return target.pods.namespace;
  const process = processes.find(({ upid }) => upid === formatUpid(target.upid));
  if (process === undefined) throw new ScriptFault([noSuchProcess(target)]);
  return process.namespace === '' ? undefined : process.namespace;
}

function noSuchProcess(target: Extract<Target, { kind: 'upid' }>) {
  return {
    id: 'broker.no-such-process',
    message: `no process that you may see has the UPID ${formatUpid(target.upid)}`,
    hints: ['px run px/upids lists the Go processes with their UPIDs'],
    ...(target.span === undefined ? {} : { span: target.span }),
  };
}

async function heldTracepoints(client: ClusterClient, scope: sonde.Scope): Promise<TracepointObject[]> {
  const kinds: readonly TracepointKind[] = ['Tracepoint', 'ClusterTracepoint'];
  const lists = await Promise.all(kinds.map((kind) => client.listTracepoints(kind)));
  return lists
    .flatMap(({ items }) => items)
    .filter(({ metadata, spec }) => mayDo(scope, metadata.namespace ?? '') && objectName(spec.name) === metadata.name);
}
