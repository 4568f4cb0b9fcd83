import type { sonde } from '#api';
import type { ClusterClient } from '#cluster';
import { parseUpid } from '#model';
import { UsageError } from '../failure.ts';

/** What the command line says of pods. */
export interface PodOptions {
  readonly namespace?: string;
  readonly container?: string;
}

/** What a word of the command line means where it goes: pods, or what an agent knows a process by. */
export type Meant =
  | { readonly kind: 'pods'; readonly pods: sonde.PodTarget }
  | { readonly kind: 'process'; readonly process: string };

/** `pod/NAME` and its like in a cluster, a UPID anywhere, a pid or a name on this machine. `cluster`: where it goes; undefined: this machine. */
export async function meantBy(word: string, options: PodOptions, cluster: ClusterClient | undefined): Promise<Meant> {
  if (cluster === undefined) {
    refusePods(options);
    if (/^[a-z]+\/[^/]+$/i.test(word))
      throw new UsageError(`${word} is in a cluster, and this goes to this machine: --context NAME, or a kubeconfig`);
    return { kind: 'process', process: word };
  }
  const { namespace, container } = options;
  const { parseTarget } = await import('#cluster');
  const target = parseTarget(word);
  if (target !== undefined)
    return {
      kind: 'pods',
      pods: { namespace: namespace ?? cluster.namespace, ...target, container: container ?? '' },
    };
  if (parseUpid(word) === undefined)
    throw new UsageError(
      `${word}: in a cluster a process is pod/NAME, deploy/NAME, sts/NAME, ds/NAME or a UPID; --local goes to this machine`,
    );
  if (namespace !== undefined || container !== undefined)
    throw new UsageError('a UPID is one process: neither a namespace nor a container narrows it');
  return { kind: 'process', process: word };
}

/** All pods of a namespace, if one is given. */
export function podsIn({ namespace, container }: PodOptions): sonde.PodTarget | undefined {
  if (namespace === undefined && container === undefined) return undefined;
  if (namespace === undefined) throw new UsageError('a container is one of a namespace’s: -n NAMESPACE');
  return { namespace, kind: '', name: '', container: container ?? '' };
}

/** @throws UsageError for options that mean something in a cluster only */
export function refusePods({ namespace, container }: PodOptions): void {
  const given = namespace !== undefined ? '-n' : container !== undefined ? '-c' : undefined;
  if (given !== undefined)
    throw new UsageError(`${given} is for a cluster, and this goes to this machine: --context NAME, or a kubeconfig`);
}
