import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Versions of what the cluster is made of; `build.ts` builds them from the Go module proxy. */
export const versions = { kubernetes: '1.37.2', etcd: '3.7.3', cni: '1.9.1' } as const;

/** Where the binaries are kept, outside the tree: SONDE_CLUSTER_CACHE, else in the user's cache. */
export const cacheFolder: string =
  process.env.SONDE_CLUSTER_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sonde-cluster');

/** A Go module that is built, and the commands in it. */
export interface Recipe {
  readonly module: string;
  readonly version: string;
  /** Folder in the cache. */
  readonly folder: string;
  /** Binary to package path. */
  readonly packages: Readonly<Record<string, string>>;
}

const kubernetes = (name: string) => [name, `k8s.io/kubernetes/cmd/${name}`] as const;
const cni = (kind: string, name: string) =>
  [name, `github.com/containernetworking/plugins/plugins/${kind}/${name}`] as const;

/** In the order in which they are built: the fast tests need only etcd and the API server. */
export const recipes: readonly Recipe[] = [
  {
    module: 'go.etcd.io/etcd/server/v3',
    version: versions.etcd,
    folder: `etcd-${versions.etcd}`,
    packages: { etcd: 'go.etcd.io/etcd/server/v3' },
  },
  {
    module: 'k8s.io/kubernetes',
    version: versions.kubernetes,
    folder: `kubernetes-${versions.kubernetes}`,
    packages: Object.fromEntries(
      ['kube-apiserver', 'kubectl', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'].map(
        kubernetes,
      ),
    ),
  },
  {
    module: 'github.com/containernetworking/plugins',
    version: versions.cni,
    folder: `cni-${versions.cni}`,
    packages: Object.fromEntries([
      cni('main', 'bridge'),
      cni('main', 'loopback'),
      cni('ipam', 'host-local'),
      cni('meta', 'portmap'),
    ]),
  },
];

/** Where a binary is, or will be once it is built. */
export function binary(name: string): string {
  const recipe = recipes.find(({ packages }) => Object.hasOwn(packages, name));
  if (recipe === undefined) throw new RangeError(`no recipe makes ${name}`);
  return join(cacheFolder, recipe.folder, name);
}

export const cniFolder: string = join(cacheFolder, `cni-${versions.cni}`);

/** Which of these are not in the cache. */
export function missingBinaries(names: readonly string[]): string[] {
  return names.filter((name) => !existsSync(binary(name)));
}

/** What an API server alone needs. */
export const apiServerBinaries: readonly string[] = ['etcd', 'kube-apiserver'];

/** What a cluster with pods needs, beside Debian's containerd and runc. */
export const clusterBinaries: readonly string[] = recipes.flatMap(({ packages }) => Object.keys(packages));
