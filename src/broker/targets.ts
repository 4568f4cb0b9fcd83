import type { sonde } from '#api';
import { SondeError } from '#base';
import {
  type ClusterClient,
  type NamedPods,
  NoSuchTarget,
  type PodInfo,
  podsNamed,
  targetKinds,
  wordOf,
} from '#cluster';
import { mayDo } from './access.ts';
import { type NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';

/** RBAC does not let the asker see this namespace. */
export class NamespaceHidden extends SondeError {
  readonly code = 'broker.namespace-hidden';

  constructor(namespace: string) {
    super(`you may not see namespace ${namespace}: that takes the right to get tracepoints there`);
  }
}

/** What somebody named, as it is now. */
export interface Found {
  readonly processes: readonly sonde.ProcessInfo[];
  /** Nodes that did not answer. */
  readonly silent: readonly NodeSilent[];
  /** Pods that are meant and in which nothing runs that could be seen, and why. */
  readonly notes: readonly string[];
}

interface Cluster {
  readonly nodes: Nodes;
  readonly client: ClusterClient;
}

/** The processes that somebody may see, of all nodes that answer. */
export async function allProcesses(
  nodes: Nodes,
  scope: sonde.Scope,
): Promise<Found & { readonly answered: Set<string> }> {
  const { answers, silent } = await nodes.all((link) =>
    link.call(nodeMethods.listProcesses, { pods: undefined, one: false }),
  );
  return {
    // In the same order each time, whichever node answers first.
    processes: [...answers]
      .sort((a, b) => (a.node < b.node ? -1 : 1))
      .flatMap(({ answer }) => answer.processes)
      .filter(({ namespace }) => mayDo(scope, namespace)),
    silent,
    notes: [],
    answered: new Set([...answers.map(({ node }) => node), ...silent.map(({ node }) => node)]),
  };
}

/**
 * The Go processes of the pods that somebody names.
 * @throws NamespaceHidden, NoSuchTarget
 */
export async function processesOf(
  wire: sonde.PodTarget,
  one: boolean,
  scope: sonde.Scope,
  { nodes, client }: Cluster,
): Promise<Found> {
  const target = namedPods(wire);
  const { namespace, container } = target;
  if (!mayDo(scope, namespace)) throw new NamespaceHidden(namespace);
  const [pods, all] = await Promise.all([podsThere(client, target), allProcesses(nodes, scope)]);
  const named = new Map(pods.map((pod) => [pod.name, pod]));
  const there = all.processes.filter(
    (process) => process.namespace === namespace && named.has(process.pod) && process.containerName !== '',
  );
  const processes = there.filter(({ containerName }) => container === undefined || containerName === container);
  const notes = pods
    .filter((pod) => !processes.some((process) => process.pod === pod.name))
    .map((pod) => whyEmpty(pod, there, container, all.answered));
  if (one) requireOne(target, processes, notes);
  return { processes, silent: all.silent, notes };
}

async function podsThere(client: ClusterClient, target: NamedPods): Promise<PodInfo[]> {
  const pods = await client.pods(target.namespace);
  if (pods.length === 0 && !(await client.namespaces()).includes(target.namespace))
    throw new NoSuchTarget(`there is no namespace ${target.namespace}`);
  return podsNamed(target, pods);
}

/** Why no process of a pod is among those that are meant. */
function whyEmpty(
  pod: PodInfo,
  there: readonly sonde.ProcessInfo[],
  container: string | undefined,
  answered: ReadonlySet<string>,
): string {
  if (pod.phase !== 'Running') {
    const ended = pod.phase === 'Succeeded' || pod.phase === 'Failed';
    return `pod ${pod.name} ${ended ? 'has ended' : 'does not run yet'}: it is ${pod.phase}${pod.waiting === '' ? '' : ` (${pod.waiting})`}`;
  }
  if (!answered.has(pod.node)) return `pod ${pod.name}: its node ${pod.node} has no agent of Sonde`;
  const waiting = pod.waiting === '' ? '' : ` (${pod.waiting})`;
  const others = [...new Set(there.filter((each) => each.pod === pod.name).map((each) => each.containerName))];
  if (others.length > 0)
    return `container ${container} of pod ${pod.name} runs no Go program; ${others.join(', ')} does${waiting}`;
  return `pod ${pod.name} runs no Go program in ${container ?? pod.declared.join(', ')}${waiting}`;
}

function requireOne(target: NamedPods, processes: readonly sonde.ProcessInfo[], notes: readonly string[]): void {
  if (processes.length === 0) throw new NoSuchTarget(notes.slice(0, 10).join('\n'));
  const containers = [...new Set(processes.map(({ containerName }) => containerName))].sort();
  if (containers.length > 1)
    throw new NoSuchTarget(
      `${wordOf(target.kind, target.name)} runs Go programs in ${containers.length} containers: choose with -c ${containers.join(' or -c ')}`,
    );
}

function namedPods({ namespace, kind, name, container }: sonde.PodTarget): NamedPods {
  const known = targetKinds.find((each) => each === kind);
  return {
    namespace,
    ...(known === undefined ? {} : { kind: known, name }),
    ...(container === '' ? {} : { container }),
  };
}
