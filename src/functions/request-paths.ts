import type { RowFunction } from './row-function.ts';

/** Stands for any component of a path. */
const any = '*';
/** Clusters with fewer different paths than this tell each path by itself. */
const fewMembers = 5;
/** Paths that agree in fewer of their components are not of one cluster. */
const likeness = 0.5;

type Path = readonly string[];

/** Paths of one depth; `members` is empty once there were more than a few. */
interface Cluster {
  centroid: Path;
  members: Map<string, Path>;
}

function split(text: string): Path {
  return text.split('?', 1)[0]!.replace(/^\//, '').split('/');
}

function joined(path: Path): string {
  return `/${path.join('/')}`;
}

function similarity(a: Path, b: Path): number {
  return a.filter((part, i) => part !== any && part === b[i]).length / a.length;
}

function closest(clusters: readonly Cluster[], path: Path): { cluster?: Cluster; likeness: number } {
  let best: { cluster?: Cluster; likeness: number } = { likeness: 0 };
  for (const cluster of clusters) {
    if (cluster.centroid.length !== path.length) continue;
    const value = similarity(cluster.centroid, path);
    if (value > best.likeness) best = { cluster, likeness: value };
  }
  return best;
}

/** Clusters of the paths in a JSON array of strings, as JSON: `c` is the cluster's pattern, `m` its few members. */
function build(json: string): string {
  const clusters: Cluster[] = [];
  for (const text of JSON.parse(json) as readonly (string | null)[]) {
    if (text === null) continue;
    const path = split(text);
    const { cluster, likeness: found } = closest(clusters, path);
    if (cluster === undefined || found < likeness) {
      clusters.push({ centroid: path, members: new Map([[joined(path), path]]) });
      continue;
    }
    cluster.centroid = cluster.centroid.map((part, i) => (part === path[i] ? part : any));
    if (cluster.members.size === 0) continue;
    cluster.members.set(joined(path), path);
    if (cluster.members.size > fewMembers) cluster.members.clear();
  }
  return JSON.stringify(clusters.map(({ centroid, members }) => ({ c: centroid, m: [...members.values()] })));
}

function clustersOf(json: string): readonly Cluster[] | undefined {
  try {
    const parsed = JSON.parse(json) as readonly { readonly c: Path; readonly m: readonly Path[] }[];
    return parsed.map(({ c, m }) => ({ centroid: c, members: new Map(m.map((path) => [joined(path), path])) }));
  } catch {
    return undefined;
  }
}

/** The clusters of the last call: all rows of a query have the same. */
let last: { readonly json: string; readonly clusters: readonly Cluster[] | undefined } = { json: '', clusters: [] };

function predict(text: string, json: string): string {
  if (last.json !== json) last = { json, clusters: clustersOf(json) };
  if (last.clusters === undefined) return 'RequestPathClustering::FromJSON: invalid json';
  const path = split(text);
  const { cluster } = closest(last.clusters, path);
  return joined(cluster === undefined || cluster.members.has(joined(path)) ? path : cluster.centroid);
}

function matches(text: string, template: string): boolean {
  const path = split(text);
  const wanted = split(template);
  return path.length === wanted.length && wanted.every((part, i) => part === any || part === path[i]);
}

export const requestPaths: readonly RowFunction[] = [
  { name: '_build_request_path_clusters', parameters: ['text'], result: 'text', call: build },
  { name: '_predict_request_path_cluster', parameters: ['text', 'text'], result: 'text', call: predict },
  { name: '_match_endpoint', parameters: ['text', 'text'], result: 'bool', call: matches },
];
