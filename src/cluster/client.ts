import {
  ApiException,
  AuthenticationV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ClusterRoleBinding,
  type V1Pod,
  type V1RoleBinding,
  type V1Secret,
  VersionApi,
} from '@kubernetes/client-node';
import { SondeError } from '#base';
import { type PodInfo, podInfo } from './pods.ts';
import { apiVersion, group, type NodeStatus, plural, type TracepointKind, type TracepointObject } from './resource.ts';

const version = apiVersion.slice(group.length + 1);

/** The API server refused or did not answer. `status` is HTTP's; undefined when there was no answer. */
export class ClusterError extends SondeError {
  readonly code = 'cluster.api';
  readonly status: number | undefined;

  constructor(doing: string, cause: unknown) {
    super(`${doing}: ${reasonOf(cause)}`, { cause });
    this.status = cause instanceof ApiException ? cause.code : undefined;
  }
}

/** What the API server says for people; its answer is a Status object, as text or parsed. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof ApiException)) {
    if (!(cause instanceof Error)) return String(cause);
    // `fetch failed`: why, is a level below.
    return cause.cause instanceof Error && cause.cause.message !== '' ? cause.cause.message : cause.message;
  }
  const body: unknown = typeof cause.body === 'string' ? parsed(cause.body) : cause.body;
  const message = (body as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' ? message : `HTTP ${cause.code}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface ClientOptions {
  /** Name of a context; default: the kubeconfig's current one. */
  readonly context?: string;
  /** Path of a kubeconfig; default: KUBECONFIG, then ~/.kube/config, then the pod's own service account. */
  readonly kubeconfig?: string;
  /** All of it, in the place of both. */
  readonly config?: KubeConfig;
}

export type Binding = V1RoleBinding | V1ClusterRoleBinding;

/** Who a token belongs to. `extra`: what else the API server knows, such as the pod for which it was made. */
export interface TokenHolder {
  readonly user: string;
  readonly groups: string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

function readKubeconfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    throw new ClusterError('reading the kubeconfig', error);
  }
  return config;
}

/** One cluster, as one user. Every failure is a ClusterError. */
export class ClusterClient {
  readonly config: KubeConfig;
  readonly #objects: KubernetesObjectApi;
  readonly #custom: CustomObjectsApi;

  /** @throws ClusterError for a kubeconfig that cannot be read or has no such context. */
  constructor(options: ClientOptions = {}) {
    this.config = options.config ?? readKubeconfig(options.kubeconfig);
    if (options.context !== undefined) {
      const names = this.config.getContexts().map(({ name }) => name);
      if (!names.includes(options.context))
        throw new ClusterError(
          'reading the kubeconfig',
          `it has no context ${options.context}, but ${names.join(', ') || 'none'}`,
        );
      this.config.setCurrentContext(options.context);
    }
    if (!this.config.getCurrentCluster()) throw new ClusterError('reading the kubeconfig', 'it names no cluster');
    this.#objects = KubernetesObjectApi.makeApiClient(this.config);
    this.#custom = this.config.makeApiClient(CustomObjectsApi);
  }

  /** The same cluster as another user, as far as this one may impersonate it: rights and the audit log are that one's. */
  impersonating(user: string): ClusterClient {
    const { clusters, contexts, currentContext } = this.config;
    const own = this.config.getCurrentUser();
    const users = this.config.users.map((each) => (each === own ? { ...each, impersonateUser: user } : each));
    const config = new KubeConfig();
    config.loadFromOptions({ clusters, contexts, users, currentContext });
    return new ClusterClient({ config });
  }

  get contextName(): string {
    return this.config.getCurrentContext();
  }

  /** Of the current context, as kubectl takes it where none is given. */
  get namespace(): string {
    return this.config.getContextObject(this.contextName)?.namespace ?? 'default';
  }

  /** Who asks, as RBAC knows them. */
  async userName(): Promise<string> {
    const { status } = await this.#asked('asking who this is', () =>
      this.config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} }),
    );
    return status?.userInfo?.username ?? '';
  }

  /** Server-side apply of any object. `force`: takes over fields that another manager has set, else that is a ClusterError of status 409. */
  apply<T extends KubernetesObject>(object: T, manager: string, force = true): Promise<T> {
    return this.#asked(`applying ${describe(object)}`, () =>
      this.#objects.patch(object, undefined, undefined, manager, force, PatchStrategy.ServerSideApply),
    );
  }

  /** Writes over an object that is there, if it is still the version that `metadata.resourceVersion` says. */
  replace<T extends KubernetesObject>(object: T): Promise<T> {
    return this.#asked(`replacing ${describe(object)}`, () => this.#objects.replace(object));
  }

  /** @throws ClusterError of status 409 when it is there already */
  create<T extends KubernetesObject>(object: T): Promise<T> {
    return this.#asked(`creating ${describe(object)}`, () => this.#objects.create(object));
  }

  /** False when there is none. */
  async delete(object: KubernetesObject): Promise<boolean> {
    try {
      await this.#asked(`deleting ${describe(object)}`, () =>
        this.#objects.delete(object, undefined, undefined, undefined, undefined, 'Background'),
      );
      return true;
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return false;
      throw error;
    }
  }

  /** Undefined when there is none. */
  async read<T extends KubernetesObject>(object: {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace?: string };
  }): Promise<T | undefined> {
    try {
      return await this.#asked(`reading ${describe(object)}`, () => this.#objects.read<T>(object as never));
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return undefined;
      throw error;
    }
  }

  async listTracepoints(
    kind: TracepointKind,
  ): Promise<{ items: TracepointObject[]; metadata: { resourceVersion?: string } }> {
    return this.#asked(`listing ${plural[kind]}`, () =>
      this.#custom.listClusterCustomObject({ group, version, plural: plural[kind] }),
    );
  }

  /** Writes one node's entry of an object's status and leaves those of other nodes; an entry is owned by its agent. */
  async applyStatus(object: TracepointObject, status: NodeStatus): Promise<void> {
    const { kind, metadata } = object;
    const { name, namespace } = metadata as { name: string; namespace?: string };
    const body = {
      apiVersion,
      kind,
      metadata: { name, ...(namespace ? { namespace } : {}) },
      status: { nodes: [status] },
    };
    const common = {
      group,
      version,
      plural: plural[kind],
      name,
      body,
      fieldManager: `sonde-agent-${status.node}`,
      force: true,
    };
    const options = setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply);
    await this.#asked(`writing the status of ${describe(object)}`, () =>
      namespace === undefined
        ? this.#custom.patchClusterCustomObjectStatus(common, options)
        : this.#custom.patchNamespacedCustomObjectStatus({ ...common, namespace }, options),
    );
  }

  /** A token of ten minutes of a service account, good for one audience only. */
  async requestToken(namespace: string, serviceAccount: string, audience: string): Promise<string> {
    const body = { spec: { audiences: [audience], expirationSeconds: 600 } };
    const answer = await this.#asked(`requesting a token of the service account ${namespace}/${serviceAccount}`, () =>
      this.config
        .makeApiClient(CoreV1Api)
        .createNamespacedServiceAccountToken({ name: serviceAccount, namespace, body: body as never }),
    );
    return answer.status?.token ?? '';
  }

  /** Names of the service accounts of a namespace whose tokens this user may request, as far as rules name them. */
  async requestableAccounts(namespace: string): Promise<string[]> {
    const { status } = await this.#asked('asking for one’s own rights', () =>
      this.config.makeApiClient(AuthorizationV1Api).createSelfSubjectRulesReview({ body: { spec: { namespace } } }),
    );
    const rules = (status?.resourceRules ?? []).filter(
      ({ verbs, resources }) => verbs.includes('create') && resources?.includes('serviceaccounts/token'),
    );
    return [...new Set(rules.flatMap(({ resourceNames }) => resourceNames ?? []))].sort();
  }

  /** Who holds a token; undefined for one that is not good for this audience. */
  async reviewToken(token: string, audience: string): Promise<TokenHolder | undefined> {
    const body = { spec: { token, audiences: [audience] } };
    const { status } = await this.#asked('reviewing a token', () =>
      this.config.makeApiClient(AuthenticationV1Api).createTokenReview({ body }),
    );
    if (!status?.authenticated || !status.audiences?.includes(audience)) return undefined;
    const { username = '', groups = [], extra = {} } = status.user ?? {};
    return { user: username, groups, extra };
  }

  /** Whether a user may do something with tracepoints, in one namespace or (undefined) in all. */
  async mayTracepoints(who: { user: string; groups: string[] }, verb: string, namespace?: string): Promise<boolean> {
    const resourceAttributes = {
      group,
      resource: plural.Tracepoint,
      verb,
      ...(namespace === undefined ? {} : { namespace }),
    };
    const { status } = await this.#asked('asking for a user’s rights', () =>
      this.config
        .makeApiClient(AuthorizationV1Api)
        .createSubjectAccessReview({ body: { spec: { user: who.user, groups: who.groups, resourceAttributes } } }),
    );
    return status?.allowed === true;
  }

  /** Pods of a namespace with these labels. */
  async labelledPods(namespace: string, labelSelector: string): Promise<V1Pod[]> {
    const { items } = await this.#asked(`looking for pods in namespace ${namespace}`, () =>
      this.config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace, labelSelector }),
    );
    return items;
  }

  /** Whether there are pods with these labels, ready or not. */
  async hasPods(namespace: string, labelSelector: string): Promise<boolean> {
    return (await this.labelledPods(namespace, labelSelector)).length > 0;
  }

  /** What has gone wrong in a namespace lately, as Kubernetes' events say. */
  async warnings(namespace: string): Promise<string[]> {
    const { items } = await this.#asked(`listing the events of namespace ${namespace}`, () =>
      this.config.makeApiClient(CoreV1Api).listNamespacedEvent({ namespace, fieldSelector: 'type=Warning' }),
    );
    return items.map(({ involvedObject: { kind, name }, message }) => `${kind} ${name}: ${message}`);
  }

  /** Whether this user may do something with a resource, in one namespace or (undefined) in all. */
  async may(verb: string, ofGroup: string, resource: string, namespace?: string): Promise<boolean> {
    const resourceAttributes = { verb, group: ofGroup, resource, ...(namespace === undefined ? {} : { namespace }) };
    const { status } = await this.#asked('asking for one’s own rights', () =>
      this.config
        .makeApiClient(AuthorizationV1Api)
        .createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } }),
    );
    return status?.allowed === true;
  }

  /** Who has which role, in all namespaces. */
  async bindings(): Promise<Binding[]> {
    const rbac = this.config.makeApiClient(RbacAuthorizationV1Api);
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    // Lists do not say of each object what it is.
    const [some, all] = await this.#asked('listing role bindings', () =>
      Promise.all([rbac.listRoleBindingForAllNamespaces(), rbac.listClusterRoleBinding()]),
    );
    return [
      ...some.items.map((each) => ({ ...each, apiVersion, kind: 'RoleBinding' })),
      ...all.items.map((each) => ({ ...each, apiVersion, kind: 'ClusterRoleBinding' })),
    ];
  }

  /** Of the API server, milliseconds since 1970, to half a second. */
  async time(): Promise<number> {
    const { headers } = await this.#asked('asking for the time', () =>
      this.config.makeApiClient(VersionApi).getCodeWithHttpInfo(),
    );
    return Date.parse(headers.date ?? '') + 500;
  }

  /** All pods of a namespace. */
  async pods(namespace: string): Promise<PodInfo[]> {
    const { items } = await this.#asked(`listing the pods of namespace ${namespace}`, () =>
      this.config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace }),
    );
    return items.map(podInfo);
  }

  async secrets(namespace: string, labelSelector: string): Promise<V1Secret[]> {
    const { items } = await this.#asked(`listing the secrets of namespace ${namespace}`, () =>
      this.config.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace, labelSelector }),
    );
    return items;
  }

  /** Names of all namespaces. */
  async namespaces(): Promise<string[]> {
    const { items } = await this.#asked('listing namespaces', () =>
      this.config.makeApiClient(CoreV1Api).listNamespace(),
    );
    return items.map(({ metadata }) => metadata?.name ?? '');
  }

  /** What tells this cluster from others: the UID of its namespace kube-system, as a UUID text. */
  async clusterId(): Promise<string> {
    const name = 'kube-system';
    const found = await this.#asked(`reading the namespace ${name}`, () =>
      this.config.makeApiClient(CoreV1Api).readNamespace({ name }),
    );
    return found.metadata?.uid ?? '';
  }

  async #asked<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new ClusterError(doing, error);
    }
  }
}

function describe({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name}`;
}
