import type { sonde } from '#api';
import type { ClusterClient } from '#cluster';
import { NoSuchTarget } from '#cluster';
import { type NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';
import { allProcesses, processesOf } from './targets.ts';

/**
 * The functions of a program in a cluster: of every version of it that runs in the pods that are meant, each asked of one process. A function
 * that not all versions have says which have it.
 */
export async function listFunctions(
  { process: upid, pattern, pods, path }: sonde.ListFunctionsRequest,
  scope: sonde.Scope,
  cluster: { readonly nodes: Nodes; readonly client: ClusterClient },
  { signal, send }: { readonly signal: AbortSignal; readonly send: (info: sonde.FunctionInfo) => Promise<void> },
): Promise<void> {
  const versions = new Map<string, sonde.ProcessInfo>();
  for (const process of await meant(upid, pods, scope, cluster)) {
    const key = process.buildId || process.upid;
    if (!versions.has(key)) versions.set(key, process);
  }
  const found = new Map<string, sonde.FunctionInfo>();
  const only = versions.size === 1;
  for (const process of versions.values()) {
    const request = { process: process.upid, pattern, pods: undefined, path };
    const { silent } = await cluster.nodes.all(async (link) => {
      if (link.node !== process.node) return;
      for await (const info of link.stream(nodeMethods.listFunctions, request, signal)) {
        if (only) {
          await send(info);
          continue;
        }
        // Its place in the source is that of the first version.
        const key = `${info.name} ${info.signature}`;
        const same = found.get(key);
        if (same) same.pods.push(process.pod);
        else found.set(key, { ...info, pods: [process.pod] });
      }
    });
    const lacking = silent.find(({ node }) => node === process.node);
    if (lacking !== undefined) throw lacking satisfies NodeSilent;
  }
  for (const info of [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
    await send({ ...info, pods: info.pods.length === versions.size ? [] : info.pods });
}

async function meant(
  upid: string,
  pods: sonde.PodTarget | undefined,
  scope: sonde.Scope,
  cluster: { readonly nodes: Nodes; readonly client: ClusterClient },
): Promise<readonly sonde.ProcessInfo[]> {
  if (pods !== undefined) return (await processesOf(pods, true, scope, cluster)).processes;
  const { processes } = await allProcesses(cluster.nodes, scope);
  const named = processes.filter((process) => process.upid === upid);
  if (named.length === 0) throw new NoSuchTarget(`no process that you may see has the UPID ${upid}; px ps lists them`);
  return named;
}
