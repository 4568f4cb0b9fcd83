import { nearest, SondeError } from '#base';
import type { PodSelector } from '#model';
import { namesOf, type PodInfo } from './pods.ts';

/** Kinds of objects that somebody may mean, as Kubernetes writes them. */
export const targetKinds = ['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'] as const;
export type TargetKind = (typeof targetKinds)[number];

/** Short forms that kubectl knows too. */
const shortKinds: Readonly<Record<string, TargetKind>> = {
  po: 'Pod',
  deploy: 'Deployment',
  sts: 'StatefulSet',
  ds: 'DaemonSet',
  rs: 'ReplicaSet',
};

/** Pods that somebody names: `pod/cart-1`, `deploy/cart`; without kind and name all of the namespace. */
export interface NamedPods {
  readonly namespace: string;
  readonly kind?: TargetKind;
  readonly name?: string;
  readonly container?: string;
}

/** Nothing is meant by a name, or too much. The message is for its user, the hints in it. */
export class NoSuchTarget extends SondeError {
  readonly code = 'cluster.no-such-target';
}

/** `pod/NAME`, `deploy/NAME`, …, as kubectl takes it; undefined for what is no such word. */
export function parseTarget(word: string): { kind: TargetKind; name: string } | undefined {
  const [, prefix, name] = /^([A-Za-z]+)(?:\.[a-z.]+)?\/([^/]+)$/.exec(word) ?? [];
  if (prefix === undefined || name === undefined) return undefined;
  const lower = prefix.toLowerCase();
  const kind =
    shortKinds[lower] ??
    targetKinds.find((each) => [`${each}`, `${each}s`].some((form) => form.toLowerCase() === lower));
  return kind === undefined ? undefined : { kind, name };
}

/** The pods that are meant, of all pods of the namespace. @throws NoSuchTarget with the nearest names when there are none. */
export function podsNamed({ namespace, kind, name, container }: NamedPods, pods: readonly PodInfo[]): PodInfo[] {
  const named = pods.filter(
    (pod) => kind === undefined || namesOf(pod).some((each) => each.kind === kind && each.name === name),
  );
  if (named.length === 0) throw new NoSuchTarget(noneNamed(namespace, kind, name, pods));
  if (container === undefined) return named;
  const declared = new Set(named.flatMap((pod) => pod.declared));
  if (declared.has(container)) return named;
  throw new NoSuchTarget(
    `${wordOf(kind, name)} in namespace ${namespace} has no container ${container}: it has ${[...declared].join(', ')}`,
  );
}

function noneNamed(
  namespace: string,
  kind: TargetKind | undefined,
  name: string | undefined,
  pods: readonly PodInfo[],
): string {
  if (kind === undefined || name === undefined) return `namespace ${namespace} has no pods`;
  const known = new Set(
    pods.flatMap((pod) => namesOf(pod).filter((each) => each.kind === kind)).map((each) => each.name),
  );
  const near = nearest(name, known);
  const others = pods.flatMap(namesOf).find((each) => each.name === name);
  const hint = others
    ? `; ${name} is a ${others.kind}: ${wordOf(others.kind, name)}`
    : near.length > 0
      ? `; did you mean ${near.join(' or ')}?`
      : known.size > 0
        ? `; there are: ${[...known].sort().slice(0, 10).join(', ')}${known.size > 10 ? ', …' : ''}`
        : pods.length === 0
          ? ': it has no pods'
          : '';
  const what = kind === 'Pod' ? `no pod ${name}` : `no pod of ${wordOf(kind, name)}`;
  return `there is ${what} in namespace ${namespace}${hint}`;
}

/** As it is typed. */
export function wordOf(kind: string | undefined, name: string | undefined): string {
  if (kind === undefined || name === undefined) return 'what is meant';
  const short = Object.entries(shortKinds).find(([, each]) => each === kind && each !== 'Pod')?.[0];
  return `${short ?? kind.toLowerCase()}/${name}`;
}

/**
 * A script's selector with an exact name: what Pixie's scripts call by the beginning of a name (`shop/cart` for the pods
 * `cart-7d9f-x2x1`) becomes the controller of that name. A name that nothing has yet stays as it is: it may come.
 * @throws NoSuchTarget with the candidates for a beginning that several things share, and for a container that no pod has.
 */
export function exactSelector(selector: PodSelector, pods: readonly PodInfo[]): PodSelector {
  const { namespace, pod: name, container } = selector;
  const inNamespace = pods.filter((pod) => pod.namespace === namespace);
  const exact =
    name === undefined ? inNamespace : inNamespace.filter((pod) => namesOf(pod).some((each) => each.name === name));
  const made = name === undefined || exact.length > 0 ? selector : byBeginning(selector, name, inNamespace);
  const meant = inNamespace.filter(
    (pod) => made.pod === undefined || namesOf(pod).some((each) => each.name === made.pod),
  );
  const declared = new Set(meant.flatMap((pod) => pod.declared));
  if (container === undefined || meant.length === 0 || selector.labels !== undefined || declared.has(container))
    return made;
  throw new NoSuchTarget(
    `no pod that is meant has a container ${container}: they have ${[...declared].sort().join(', ')}`,
  );
}

/** Why no pod fits a selector with an exact name now; undefined: one does. */
export function whyNoPod({ namespace, pod: name, labels }: PodSelector, pods: readonly PodInfo[]): string | undefined {
  const there = pods.filter((pod) => pod.namespace === namespace);
  if (there.length === 0) return `namespace ${namespace} has no pods now`;
  const known = new Set(there.flatMap(namesOf).map((each) => each.name));
  if (name !== undefined && !known.has(name)) {
    const near = nearest(name, known).map((each) => `${namespace}/${each}`);
    return `there is no ${namespace}/${name} now${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`;
  }
  const wanted = Object.entries(labels ?? {});
  if (there.some((pod) => wanted.every(([key, value]) => pod.labels[key] === value))) return undefined;
  const text = wanted.map(([key, value]) => `${key}=${value}`).join(',');
  return `no pod in namespace ${namespace} has the labels ${text} now`;
}

function byBeginning(selector: PodSelector, name: string, pods: readonly PodInfo[]): PodSelector {
  const beginning = name.endsWith('-') ? name : `${name}-`;
  const outermost = new Set(pods.filter((pod) => pod.name.startsWith(beginning)).map((pod) => namesOf(pod)[0]!.name));
  const [only, ...others] = [...outermost].sort();
  if (only === undefined) return selector;
  if (others.length === 0) return { ...selector, pod: only };
  throw new NoSuchTarget(
    `${selector.namespace}/${name} is the beginning of several names: ${[only, ...others].map((each) => `${selector.namespace}/${each}`).join(', ')}`,
  );
}
