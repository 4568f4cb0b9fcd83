import type {
  V1ContainerState,
  V1Deployment,
  V1EndpointSlice,
  V1Namespace,
  V1ObjectMeta,
  V1Pod,
  V1ReplicaSet,
  V1Service,
} from '@kubernetes/client-node';
import { type PodInfo, podInfo } from './pods.ts';

/** A pod that was seen; `goneAt`: milliseconds of the wall clock, of one that is no more. */
export interface KnownPod {
  readonly pod: V1Pod;
  readonly goneAt: number | undefined;
  /** Services without a selector, by UID, of which EndpointSlices have named it at some time. */
  readonly served: ReadonlySet<string>;
}

/** A process that was seen, whether or not it still runs. */
export interface KnownProcess {
  readonly upid: string;
  readonly podUid: string;
  /** The runtime's id. */
  readonly container: string;
  readonly commandLine: string;
}

export interface KnownObjects {
  readonly node: string;
  readonly pods: readonly KnownPod[];
  readonly processes: readonly KnownProcess[];
  readonly services: readonly V1Service[];
  readonly replicaSets: readonly V1ReplicaSet[];
  readonly deployments: readonly V1Deployment[];
  readonly namespaces: readonly V1Namespace[];
}

/** What one of PxL's functions gives for one key: `upid_to_pod_name`, a UPID, `shop/cart-1`. Times are nanoseconds since 1970. */
export interface MetadataEntry {
  readonly operation: string;
  readonly key: string;
  readonly value: string;
  /** Who may not see this namespace does not get the entry; empty: of none. */
  readonly namespace: string;
}

type Values = Readonly<Record<string, string>>;

/** All that is known, by function and key. Names are `namespace/name`, as Pixie's; several of one thing are a JSON array. */
export function metadataEntries(known: KnownObjects): MetadataEntry[] {
  const entries: MetadataEntry[] = [];
  const add = (keyed: string, key: string, namespace: string, values: Values) => {
    if (key === '') return;
    for (const [name, value] of Object.entries(values))
      if (value !== '') entries.push({ operation: `${keyed}_to_${name}`, key, value, namespace });
  };
  const byUid = new Map<string, { info: PodInfo; values: Values }>();
  for (const { pod, goneAt, served } of known.pods) {
    const info = podInfo(pod);
    const values = valuesOfPod(pod, info, goneAt, served, known);
    byUid.set(info.uid, { info, values });
    add('pod_id', info.uid, info.namespace, values);
    add('pod_name', `${info.namespace}/${info.name}`, info.namespace, values);
    // An address is another pod's once this one has gone.
    if (goneAt === undefined)
      add('ip', pod.status?.podIP ?? '', info.namespace, pick(values, ['pod_id', 'service_id']));
    const ip = pod.status?.podIP ?? '';
    if (ip !== '' && values.start_time !== '') {
      const value = `${values.start_time}:${values.stop_time}:${info.uid}`;
      entries.push({ operation: 'ip_at', key: ip, value, namespace: info.namespace });
    }
    for (const status of pod.status?.containerStatuses ?? []) {
      const id = (status.containerID ?? '').replace(/^.*:\/\//, '');
      const state = status.state ?? {};
      const times = {
        status: containerStatus(state),
        start_time: nanoseconds(state.running?.startedAt ?? state.terminated?.startedAt),
        stop_time: nanoseconds(state.terminated?.finishedAt),
      };
      add('container_id', id, info.namespace, times);
      add('container_name', status.name, info.namespace, { ...times, container_id: id });
    }
  }
  for (const { upid, podUid, container, commandLine } of known.processes) {
    const found = byUid.get(podUid);
    const namespace = found?.info.namespace ?? '';
    add('upid', upid, namespace, {
      cmdline: commandLine,
      container_id: container,
      hostname: known.node,
      node_name: known.node,
      container_name: found?.info.containers.get(container) ?? '',
      pod_status: found?.values.status ?? '',
      ...pick(found?.values ?? {}, perProcess),
    });
  }
  for (const { metadata, spec } of known.services) {
    const [id, name, namespace] = namesOf(metadata);
    const addresses = { cluster_ip: spec?.clusterIP ?? '', external_ips: JSON.stringify(spec?.externalIPs ?? []) };
    add('service_id', id, namespace, { service_name: name, ...addresses });
    add('service_name', name, namespace, { service_id: id });
    if (spec?.clusterIP !== 'None') add('ip', spec?.clusterIP ?? '', namespace, { service_id: id });
  }
  for (const { metadata, spec, status } of known.replicaSets) {
    const [id, name, namespace] = namesOf(metadata);
    const counts = {
      replicas: status?.replicas ?? 0,
      fully_labeled_replicas: status?.fullyLabeledReplicas ?? 0,
      ready_replicas: status?.readyReplicas ?? 0,
      available_replicas: status?.availableReplicas ?? 0,
      requested_replicas: spec?.replicas ?? 0,
      observed_generation: status?.observedGeneration ?? 0,
      conditions: conditionsText(status?.conditions),
    };
    const values = { ...lifeOf(metadata), namespace, status: JSON.stringify(counts), ...deploymentOf(metadata, known) };
    add('replicaset_id', id, namespace, { replicaset_name: name, ...values });
    add('replicaset_name', name, namespace, { replicaset_id: id, ...values });
  }
  for (const { metadata, spec, status } of known.deployments) {
    const [id, name, namespace] = namesOf(metadata);
    const counts = {
      replicas: status?.replicas ?? 0,
      updated_replicas: status?.updatedReplicas ?? 0,
      ready_replicas: status?.readyReplicas ?? 0,
      available_replicas: status?.availableReplicas ?? 0,
      unavailable_replicas: status?.unavailableReplicas ?? 0,
      requested_replicas: spec?.replicas ?? 0,
      observed_generation: status?.observedGeneration ?? 0,
      conditions: conditionsText(status?.conditions),
    };
    const { owner_references: _owners, ...life } = lifeOf(metadata);
    const values = { ...life, namespace, status: JSON.stringify(counts) };
    add('deployment_id', id, namespace, { deployment_name: name, ...values });
    add('deployment_name', name, namespace, { deployment_id: id, ...values });
  }
  for (const { metadata } of known.namespaces)
    add('namespace_name', metadata?.name ?? '', metadata?.name ?? '', { namespace_id: metadata?.uid ?? '' });
  return entries;
}

/** What functions of a UPID tell of its pod. */
const perProcess = [
  'pod_id',
  'pod_name',
  'pod_qos',
  'namespace',
  'service_id',
  'service_name',
  'replicaset_id',
  'replicaset_name',
  'deployment_id',
  'deployment_name',
] as const;

function valuesOfPod(
  pod: V1Pod,
  info: PodInfo,
  goneAt: number | undefined,
  served: ReadonlySet<string>,
  known: KnownObjects,
): Values {
  const { status, metadata } = pod;
  const { namespace } = info;
  const within = ({ metadata: other }: { metadata?: V1ObjectMeta }) => other?.namespace === namespace;
  const services = known.services.filter(
    (service) => within(service) && (selects(service, info) || served.has(service.metadata?.uid ?? '')),
  );
  const owner = metadata?.ownerReferences?.find(({ kind, controller }) => controller && kind === 'ReplicaSet');
  const replicaSet = known.replicaSets.find((each) => within(each) && each.metadata?.uid === owner?.uid);
  // A deployment that is no more is still in the name of its replica set.
  const named = info.workloads.find(({ kind }) => kind === 'Deployment')?.name;
  const deployment = {
    deployment_name: named === undefined ? '' : `${namespace}/${named}`,
    deployment_id: '',
    ...deploymentOf(replicaSet?.metadata, known),
  };
  const phase = goneAt === undefined ? info.phase : 'Terminated';
  const ready = goneAt === undefined && isMet(status?.conditions, 'Ready');
  return {
    pod_id: info.uid,
    pod_name: `${namespace}/${info.name}`,
    pod_labels: JSON.stringify(info.labels),
    pod_ip: status?.podIP ?? '',
    // Pixie's names of the classes.
    pod_qos: status?.qosClass === undefined ? '' : `k${status.qosClass}`,
    namespace,
    node_name: info.node,
    start_time: nanoseconds(status?.startTime ?? metadata?.creationTimestamp),
    stop_time: goneAt === undefined ? '' : `${BigInt(goneAt) * 1_000_000n}`,
    status: JSON.stringify({ phase, message: status?.message ?? info.waiting, reason: status?.reason ?? '', ready }),
    owner_references: ownersText(metadata),
    service_id: listText(services.map((each) => each.metadata?.uid ?? '')),
    service_name: listText(services.map((each) => `${namespace}/${each.metadata?.name}`)),
    replicaset_id: owner?.uid ?? '',
    replicaset_name: owner === undefined ? '' : `${namespace}/${owner.name}`,
    ...deployment,
  };
}

/** By the selector of a service: that holds for pods that have gone, too, which are in no EndpointSlice any more. */
function selects({ spec }: V1Service, { labels }: PodInfo): boolean {
  const wanted = Object.entries(spec?.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** UIDs of the services without a selector whose EndpointSlices, somebody else's work, name a pod now: itself, or its address. */
export function servicesOf(
  { metadata, spec, status }: V1Pod,
  services: readonly V1Service[],
  slices: readonly V1EndpointSlice[],
): string[] {
  const addresses = spec?.hostNetwork ? [] : (status?.podIPs ?? []).map(({ ip }) => ip);
  const named = slices.filter(
    (slice) =>
      slice.metadata?.namespace === metadata?.namespace &&
      (slice.endpoints ?? []).some(({ targetRef, addresses: own }) =>
        targetRef === undefined
          ? own.some((address) => addresses.includes(address))
          : targetRef.kind === 'Pod' &&
            (targetRef.uid === undefined ? targetRef.name === metadata?.name : targetRef.uid === metadata?.uid),
      ),
  );
  const names = new Set(named.map((slice) => slice.metadata?.labels?.['kubernetes.io/service-name']));
  return services
    .filter(
      (service) =>
        service.metadata?.namespace === metadata?.namespace &&
        names.has(service.metadata?.name) &&
        Object.keys(service.spec?.selector ?? {}).length === 0,
    )
    .map((service) => service.metadata?.uid ?? '');
}

function deploymentOf(metadata: V1ObjectMeta | undefined, { deployments }: KnownObjects): Values {
  const owner = metadata?.ownerReferences?.find(({ kind, controller }) => controller && kind === 'Deployment');
  if (owner === undefined) return {};
  const there = deployments.find((each) => each.metadata?.uid === owner.uid);
  return {
    deployment_id: owner.uid,
    deployment_name: `${metadata?.namespace}/${there?.metadata?.name ?? owner.name}`,
  };
}

/** UID, `namespace/name`, namespace. */
function namesOf(metadata: V1ObjectMeta | undefined): [string, string, string] {
  const namespace = metadata?.namespace ?? '';
  return [metadata?.uid ?? '', `${namespace}/${metadata?.name ?? ''}`, namespace];
}

function lifeOf(metadata: V1ObjectMeta | undefined): Values {
  return {
    start_time: nanoseconds(metadata?.creationTimestamp),
    stop_time: nanoseconds(metadata?.deletionTimestamp),
    owner_references: ownersText(metadata),
  };
}

function ownersText(metadata: V1ObjectMeta | undefined): string {
  const owners = metadata?.ownerReferences ?? [];
  return owners.length === 0
    ? ''
    : JSON.stringify(owners.map(({ uid, kind, name }) => JSON.stringify({ uid, kind, name })));
}

/** Kubernetes' state of a container in Pixie's words: Running, Waiting, Terminated, Unknown. */
function containerStatus({ running, waiting, terminated }: V1ContainerState): string {
  const state = running ? 'Running' : waiting ? 'Waiting' : terminated ? 'Terminated' : 'Unknown';
  const { message = '', reason = '' } = waiting ?? terminated ?? {};
  return JSON.stringify({ state, message, reason });
}

interface Condition {
  readonly type: string;
  readonly status: string;
}

function isMet(conditions: readonly Condition[] | undefined, wanted: string): boolean {
  return conditions?.some(({ type, status }) => type === wanted && status === 'True') ?? false;
}

/** Pixie's text of them, which no JSON is: the last first, a comma behind each. */
function conditionsText(conditions: readonly Condition[] | undefined): string {
  return (conditions ?? [])
    .map(({ type, status }) => `"${type}": "${status}", `)
    .reverse()
    .join('');
}

/** One thing is itself, several are a JSON array in a fixed order. */
function listText(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : JSON.stringify([...texts].sort());
}

function nanoseconds(time: Date | undefined): string {
  return time === undefined ? '' : `${BigInt(new Date(time).getTime()) * 1_000_000n}`;
}

function pick(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}
