import type { V1Pod } from '@kubernetes/client-node';
import type { PodSelector } from '#model';
import type { KnownPod } from './metadata.ts';

/** What is known of a process's pod and container. */
export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Controllers, the nearest first: a ReplicaSet, then its Deployment. */
  readonly workloads: readonly { readonly kind: string; readonly name: string }[];
  /** Runtime's container id to the container's name. */
  readonly containers: ReadonlyMap<string, string>;
  /** Names of all containers that its spec has, also of those that have not started. */
  readonly declared: readonly string[];
  /** Kubernetes' `status.phase`: Pending, Running, Succeeded, Failed, Unknown. */
  readonly phase: string;
  /** Why it does not run (yet), in Kubernetes' words; empty when it does, or nobody says. */
  readonly waiting: string;
}

export function podInfo(pod: V1Pod): PodInfo {
  const { metadata, spec, status } = pod;
  const statuses = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return {
    uid: metadata?.uid ?? '',
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    node: spec?.nodeName ?? '',
    labels: metadata?.labels ?? {},
    workloads: workloadsOf(pod),
    // containerd://<id>
    containers: new Map(statuses.map(({ containerID = '', name }) => [containerID.replace(/^.*:\/\//, ''), name])),
    declared: [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])].map(
      ({ name }) => name,
    ),
    phase: status?.phase ?? 'Unknown',
    waiting: whyNotRunning(pod),
  };
}

function whyNotRunning({ metadata, status }: V1Pod): string {
  if (metadata?.deletionTimestamp !== undefined) return 'it is being deleted';
  const unmet = status?.conditions?.find(({ type, status: met }) => type === 'PodScheduled' && met === 'False');
  const waiting = (status?.containerStatuses ?? []).flatMap(({ name, state }) => {
    const { reason, message } = state?.waiting ?? {};
    return reason === undefined ? [] : [`container ${name}: ${[reason, message].filter(Boolean).join(': ')}`];
  });
  const said = [unmet?.reason, unmet?.message].filter(Boolean).join(': ');
  return [said, ...waiting, status?.reason ?? ''].filter((each) => each !== '').join('; ');
}

/** A Deployment names its ReplicaSets after itself and the hash that their pods carry as a label. */
function workloadsOf({ metadata }: V1Pod): { kind: string; name: string }[] {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller);
  if (owner === undefined) return [];
  const found = [{ kind: owner.kind, name: owner.name }];
  const hash = metadata?.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    found.push({ kind: 'Deployment', name: owner.name.slice(0, -hash.length - 1) });
  }
  return found;
}

/** The controllers of a pod and the pod itself, the outermost first: what people call it by. */
export function namesOf(pod: PodInfo): readonly { readonly kind: string; readonly name: string }[] {
  return [{ kind: 'Pod', name: pod.name }, ...pod.workloads].reverse();
}

/** Whether a selector fits a process in a container of a pod. A process that is in no container by name (the sandbox) never does. */
export function selects(selector: PodSelector, pod: PodInfo, container: string, commandLine: string): boolean {
  const { namespace, pod: name, labels = {}, workload, container: wanted, process } = selector;
  return (
    pod.namespace === namespace &&
    container !== '' &&
    (name === undefined || namesOf(pod).some((each) => each.name === name)) &&
    Object.entries(labels).every(([key, value]) => pod.labels[key] === value) &&
    (workload === undefined ||
      pod.workloads.some((each) => each.kind === workload.kind && each.name === workload.name)) &&
    (wanted === undefined || wanted === container) &&
    (process === undefined || new RegExp(process, 'u').test(commandLine))
  );
}

/** The pods of a node by their UID; one that is gone stays known for as long as `keepMs`, because its rows do. */
export class Pods {
  readonly #byUid = new Map<
    string,
    { info: PodInfo; pod: V1Pod; goneAt: number | undefined; served: ReadonlySet<string> }
  >();
  readonly #keepMs: number;
  readonly #now: () => number;

  constructor(keepMs: number, now: () => number = Date.now) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  set(pod: V1Pod): void {
    const info = podInfo(pod);
    const before = this.#byUid.get(info.uid);
    // A container that was started again has a new id; rows of the old one are still asked for.
    const containers = new Map([...(before?.info.containers ?? []), ...info.containers]);
    const served = before?.served ?? new Set();
    this.#byUid.set(info.uid, { info: { ...info, containers }, pod, goneAt: undefined, served });
  }

  gone(pod: V1Pod): void {
    const known = this.#byUid.get(pod.metadata?.uid ?? '');
    if (known) known.goneAt = this.#now();
    this.#forget();
  }

  /** Services name it: so they do for as long as it is known. */
  serve(pod: V1Pod, services: readonly string[]): void {
    const known = this.#byUid.get(pod.metadata?.uid ?? '');
    if (known) known.served = new Set([...known.served, ...services]);
  }

  byUid(uid: string): PodInfo | undefined {
    return this.#byUid.get(uid)?.info;
  }

  /** Also those that are gone. */
  all(): KnownPod[] {
    return [...this.#byUid.values()].map(({ pod, goneAt, served }) => ({ pod, goneAt, served }));
  }

  #forget(): void {
    for (const [uid, { goneAt }] of this.#byUid)
      if (goneAt !== undefined && this.#now() - goneAt > this.#keepMs) this.#byUid.delete(uid);
  }
}
