import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterClient, ClusterError, Pod } from '#cluster';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';

/** Where Sonde lives in a cluster. */
export const sondeNamespace = 'sonde';
export const brokerLabels = 'app=sonde-broker';
/** So long a broker may take to start: its image may have to come first. */
const startMs = 60_000;
/** So long there may be no pod of it at all, or a ready one that nobody gets through to: a Deployment's next pod comes within that, and the kubelet notices within that. */
const absentMs = 3_000;
const lookMs = 250;

/** There is no broker to ask. */
export class NoBroker extends Failure {
  readonly code = 'cli.no-broker';
  readonly exitCode: ExitCode = exitCodes.agent;
}

/** How it is with a broker, by its pods. */
export type BrokerState =
  | { readonly kind: 'ready'; readonly pod: string }
  /** `why`: what the kubelet says, if it says anything. */
  | { readonly kind: 'starting'; readonly why: string }
  /** It does not come up by itself. */
  | { readonly kind: 'stuck'; readonly why: string }
  | { readonly kind: 'absent' };

/** Reasons of a waiting container (k8s.io/kubernetes/pkg/kubelet/images/types.go, kubelet.go) with which waiting is no use, or is for minutes. */
const stuck = /BackOff$|^ErrImageNeverPull$|^InvalidImageName$|^CreateContainerConfigError$/;

/** What the pods with a broker's labels say. */
export function brokerState(pods: readonly Pod[]): BrokerState {
  const kept = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const ready = kept.find(({ status }) =>
    status?.conditions?.some(({ type, status: met }) => type === 'Ready' && met === 'True'),
  );
  if (ready !== undefined) return { kind: 'ready', pod: ready.metadata?.name ?? '' };
  const [pod] = kept;
  if (pod === undefined) return { kind: 'absent' };
  const name = `pod ${pod.metadata?.name}`;
  const unplaced = pod.status?.conditions?.find(({ type, status: met }) => type === 'PodScheduled' && met === 'False');
  if (unplaced !== undefined) return { kind: 'starting', why: `${name}: ${unplaced.message ?? unplaced.reason}` };
  const { reason, message } = pod.status?.containerStatuses?.find(({ ready }) => !ready)?.state?.waiting ?? {};
  if (reason === undefined) return { kind: 'starting', why: name };
  const why = `${name}: ${reason}${message === undefined ? '' : `: ${message}`}`;
  return { kind: stuck.test(reason) ? 'stuck' : 'starting', why };
}

/** A cluster's broker, as a client waits for it. */
export class BrokerPods {
  readonly #client: ClusterClient;
  readonly #tell: (message: string) => void;
  /** Nothing could be done with a ready one since. */
  #refusedAt: number | undefined;

  constructor(client: ClusterClient, tell: (message: string) => void) {
    this.#client = client;
    this.#tell = tell;
  }

  async look(): Promise<BrokerState> {
    return brokerState(await this.#client.labelledPods(sondeNamespace, brokerLabels));
  }

  /**
   * Resolves when a broker is ready; one that starts is waited for, and that is said. `absent`: how long there may be none at all.
   * @throws NoBroker when none comes
   */
  async ready(absent = absentMs): Promise<void> {
    const began = performance.now();
    let told = false;
    for (;;) {
      const state = await this.look();
      if (state.kind === 'ready') return;
      const waited = performance.now() - began;
      const over = state.kind === 'stuck' || waited >= (state.kind === 'absent' ? absent : startMs);
      if (over) throw this.none(state);
      if (state.kind === 'starting' && !told) {
        this.#tell(`the broker is not ready yet (${state.why}): waiting for it`);
        told = true;
      }
      await sleep(lookMs);
    }
  }

  /** A connection to it was made. */
  reached(): void {
    this.#refusedAt = undefined;
  }

  /** A ready one could not be reached. @throws NoBroker when that is so for too long, or is not for time to mend */
  refused(why: ClusterError): void {
    this.#refusedAt ??= performance.now();
    const denied = why.status === 401 || why.status === 403;
    if (denied || performance.now() - this.#refusedAt > absentMs)
      throw new NoBroker(`the broker cannot be reached: ${why.message}`);
  }

  none(state: BrokerState): NoBroker {
    const why = 'why' in state ? ` (${state.why})` : '';
    return new NoBroker(
      `no broker is ready in the cluster ${this.#client.contextName}${why}: try again, or see \`kubectl -n ${sondeNamespace} get pods\``,
    );
  }
}
