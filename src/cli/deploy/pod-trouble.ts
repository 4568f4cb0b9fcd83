import type { ClusterClient, Pod } from '#cluster';

/** With these no waiting helps. `ErrImagePull` is not among them: the kubelet tries again, and says then that it backs off. */
const hopeless: Readonly<Record<string, string>> = {
  ImagePullBackOff: 'is it pushed, and may the nodes pull it?',
  ErrImageNeverPull: 'is it on every node?',
  InvalidImageName: 'that is no reference of an image',
};

/** Why a workload's pods of this image will not run; undefined: nothing speaks against it yet. */
export async function podTrouble(
  client: ClusterClient,
  namespace: string,
  labels: string,
  image: string,
): Promise<string | undefined> {
  const pods = await client.labelledPods(namespace, labels);
  for (const pod of pods.filter(({ spec }) => spec?.containers.some((each) => each.image === image))) {
    for (const { state, lastState } of pod.status?.containerStatuses ?? []) {
      const { reason = '', message = '' } = state?.waiting ?? {};
      const where = `pod ${pod.metadata?.name} on node ${pod.spec?.nodeName}`;
      if (Object.hasOwn(hopeless, reason))
        return `the image ${image} does not come to ${where}: ${reason}${message === '' ? '' : `: ${message}`}\n  ${hopeless[reason]} px deploy --image REF again, with one that is`;
      if (reason !== 'CrashLoopBackOff') continue;
      const code = lastState?.terminated?.exitCode;
      return `${where} ends as often as it is started${code === undefined ? '' : ` (exit code ${code})`}: kubectl -n ${namespace} logs ${pod.metadata?.name} --previous`;
    }
  }
  return undefined;
}

/** What the cluster says of pods that do not come up: where they cannot be placed, what refuses them. */
export async function warnings(client: ClusterClient, namespace: string, labels: string): Promise<string[]> {
  const pods = await client.labelledPods(namespace, labels);
  const unplaced = pods.flatMap(({ metadata, status }: Pod) => {
    const said = status?.conditions?.find(({ type, status: met }) => type === 'PodScheduled' && met === 'False');
    return said?.message === undefined ? [] : [`pod ${metadata?.name}: ${said.message}`];
  });
  const events = await client.warnings(namespace).catch(() => []);
  return [...new Set([...unplaced, ...events])].slice(0, 5);
}
