import { join } from 'node:path';
import { type RunningProcess, startProcess } from '../process.ts';
import { root } from '../root.ts';
import type { Cluster } from './cluster.ts';

export interface ClusterPxResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `./px` as somebody runs it who has a kubeconfig of the cluster and reaches its API server; everything else is this machine's. */
export async function clusterPx(
  cluster: Cluster,
  args: readonly string[],
  kubeconfig: string = cluster.kubeconfig,
): Promise<ClusterPxResult> {
  const env = {
    ...process.env,
    TZ: 'UTC',
    NO_COLOR: '1',
    KUBECONFIG: kubeconfig,
    SONDE_DIR: join(cluster.folder, 'px'),
  };
  const px: RunningProcess = await startProcess('nsenter', {
    args: [...cluster.namespaces.entering('n'), join(root, 'px'), ...args],
    env,
  });
  px.endInput();
  const timer = setTimeout(() => void px.kill(), 100_000);
  const { code } = await px.exited;
  clearTimeout(timer);
  return { code, stdout: px.stdout, stderr: px.stderr };
}
