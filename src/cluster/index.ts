export type { KubernetesObject as ClusterObject, V1Pod as Pod, V1Secret as Secret } from '@kubernetes/client-node';
export { BrokerConnection, type BrokerPlace } from './broker-connection.ts';
export { type Binding, type ClientOptions, ClusterClient, ClusterError } from './client.ts';
export { ClusterClock } from './clock.ts';
export { Forward } from './forward.ts';
export { counter, Durations, gauge, type Metric, processMetrics, serveHealth } from './health.ts';
export { readManifests } from './manifests.ts';
export { type KnownProcess, type MetadataEntry, metadataEntries, servicesOf } from './metadata.ts';
export { type Outcome, outcomeOf, reasonOf, settled } from './outcome.ts';
export { type PodInfo, Pods, podInfo, selects } from './pods.ts';

export {
  apiVersion,
  expiry,
  type NodeStatus,
  objectName,
  type TracepointKind,
  type TracepointObject,
  type TracepointSpec,
  toLogical,
  toObject,
  tracepointReference,
  UnusableTracepoint,
} from './resource.ts';
export {
  exactSelector,
  type NamedPods,
  NoSuchTarget,
  parseTarget,
  podsNamed,
  type TargetKind,
  targetKinds,
  whyNoPod,
  wordOf,
} from './target.ts';
export {
  ObjectWatch,
  type Surroundings,
  type WatchEvents,
  watchPods,
  watchSecrets,
  watchSurroundings,
  watchTracepoints,
} from './watch.ts';
export { ownerOf, TracepointTaken, writeTracepoint } from './write.ts';
