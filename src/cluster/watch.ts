import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppsV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  type KubernetesListObject,
  type KubernetesObject,
  ListWatch,
  type V1Deployment,
  type V1EndpointSlice,
  type V1Namespace,
  type V1Pod,
  type V1ReplicaSet,
  type V1Secret,
  type V1Service,
  Watch,
} from '@kubernetes/client-node';
import type { ClusterClient } from './client.ts';
import { apiVersion, plural, type TracepointKind, type TracepointObject } from './resource.ts';

export interface WatchEvents<T> {
  /** It is new, or has changed. */
  readonly changed: (object: T) => void;
  readonly gone: (object: T) => void;
  /** The API server does not answer, or refuses; the watch goes on trying. */
  readonly failed?: (error: unknown) => void;
}

/** How long to wait before a watch that failed is tried again. */
const retryMs = 1000;

/**
 * Follows the objects of one kind until it is closed. While the API server is away nothing is told; afterwards everything is
 * listed anew, and what has changed or gone meanwhile is told then.
 */
export class ObjectWatch<T extends KubernetesObject> {
  readonly #watch: ListWatch<T>;
  /** Resolves when the first list is in. */
  readonly ready: Promise<void>;
  #closed = false;

  constructor(
    client: ClusterClient,
    what: { path: string; list: () => Promise<KubernetesListObject<T>>; labels?: string; fields?: string },
    events: WatchEvents<T>,
  ) {
    let first: () => void;
    this.ready = new Promise((resolve) => {
      first = resolve;
    });
    const list = async () => {
      const found = await what.list();
      // The events of the list are told right after this.
      setImmediate(first);
      return found;
    };
    this.#watch = new ListWatch<T>(what.path, new Watch(client.config), list, false, what.labels, what.fields);
    this.#watch.on('add', (object) => void events.changed(object));
    this.#watch.on('update', (object) => void events.changed(object));
    this.#watch.on('error', (error) => {
      if (this.#closed) return;
      events.failed?.(error);
      void this.#again();
    });
    this.#watch.on('delete', (object) => void events.gone(object));
    void this.#watch.start();
  }

  list(): readonly T[] {
    return this.#watch.list();
  }

  close(): void {
    this.#closed = true;
    void this.#watch.stop();
  }

  async #again(): Promise<void> {
    await sleep(retryMs, undefined, { ref: false });
    if (!this.#closed) await this.#watch.start();
  }
}

export function watchTracepoints(
  client: ClusterClient,
  kind: TracepointKind,
  events: WatchEvents<TracepointObject>,
): ObjectWatch<TracepointObject> {
  const path = `/apis/${apiVersion}/${plural[kind]}`;
  return new ObjectWatch(client, { path, list: () => client.listTracepoints(kind) as never }, events);
}

/** Pods of all namespaces on one node, or of one namespace with some label. */
export function watchPods(
  client: ClusterClient,
  which: { readonly node: string } | { readonly namespace: string; readonly labels: string },
  events: WatchEvents<V1Pod>,
): ObjectWatch<V1Pod> {
  const core = client.config.makeApiClient(CoreV1Api);
  if ('node' in which) {
    const fields = `spec.nodeName=${which.node}`;
    const list = () => core.listPodForAllNamespaces({ fieldSelector: fields });
    return new ObjectWatch<V1Pod>(client, { path: '/api/v1/pods', list, fields }, events);
  }
  const { namespace, labels } = which;
  const list = () => core.listNamespacedPod({ namespace, labelSelector: labels });
  return new ObjectWatch<V1Pod>(client, { path: `/api/v1/namespaces/${namespace}/pods`, list, labels }, events);
}

/** What pods belong to: services with their endpoints, replica sets, deployments and namespaces of the whole cluster. */
export interface Surroundings {
  readonly services: ObjectWatch<V1Service>;
  readonly endpointSlices: ObjectWatch<V1EndpointSlice>;
  readonly replicaSets: ObjectWatch<V1ReplicaSet>;
  readonly deployments: ObjectWatch<V1Deployment>;
  readonly namespaces: ObjectWatch<V1Namespace>;
}

export function watchSurroundings(client: ClusterClient, failed: (error: unknown) => void): Surroundings {
  const core = client.config.makeApiClient(CoreV1Api);
  const apps = client.config.makeApiClient(AppsV1Api);
  const discovery = client.config.makeApiClient(DiscoveryV1Api);
  const events = { changed: () => {}, gone: () => {}, failed };
  const watch = <T extends KubernetesObject>(path: string, list: () => Promise<KubernetesListObject<T>>) =>
    new ObjectWatch<T>(client, { path, list }, events);
  return {
    services: watch('/api/v1/services', () => core.listServiceForAllNamespaces()),
    endpointSlices: watch('/apis/discovery.k8s.io/v1/endpointslices', () =>
      discovery.listEndpointSliceForAllNamespaces(),
    ),
    replicaSets: watch('/apis/apps/v1/replicasets', () => apps.listReplicaSetForAllNamespaces()),
    deployments: watch('/apis/apps/v1/deployments', () => apps.listDeploymentForAllNamespaces()),
    namespaces: watch('/api/v1/namespaces', () => core.listNamespace()),
  };
}

/** Secrets of one namespace with some label. */
export function watchSecrets(
  client: ClusterClient,
  { namespace, labels }: { readonly namespace: string; readonly labels: string },
  events: WatchEvents<V1Secret>,
): ObjectWatch<V1Secret> {
  const core = client.config.makeApiClient(CoreV1Api);
  const list = () => core.listNamespacedSecret({ namespace, labelSelector: labels });
  return new ObjectWatch<V1Secret>(client, { path: `/api/v1/namespaces/${namespace}/secrets`, list, labels }, events);
}
