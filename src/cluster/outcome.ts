import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterClient } from './client.ts';
import type { TracepointObject } from './resource.ts';

/** How long the nodes have to place a tracepoint. */
const patienceMs = 30_000;
/** How long pods that a selector fits are waited for: there may be none yet. */
const selectorPatienceMs = 5_000;
const lookMs = 150;

/** What has become of a tracepoint that was written. */
export interface Outcome {
  /** `waiting`: no process fits it yet; it traces those that come. */
  readonly state: 'pending' | 'done' | 'failed' | 'waiting';
  /** Of what has failed or waits. */
  readonly reason?: string;
}

/** A tracepoint is there when some node traces; it has failed when nodes say so and none traces. */
export async function outcomeOf(client: ClusterClient, object: TracepointObject, waitedMs: number): Promise<Outcome> {
  const now = await client.read<TracepointObject>(object as never);
  if (now === undefined) return { state: 'failed', reason: 'it was deleted meanwhile' };
  const nodes = (now.status?.nodes ?? []).filter(
    ({ observedGeneration }) => observedGeneration >= (object.metadata.generation ?? 0),
  );
  if (nodes.some(({ state }) => state === 'RUNNING')) return { state: 'done' };
  const over = nodes.filter(({ state }) => state === 'FAILED' || state === 'TERMINATED');
  if (over.length > 0) return { state: 'failed', reason: over.map(({ reason }) => reason).join('\n') };
  const selects = object.spec.target.upid === undefined;
  if (waitedMs < (selects ? selectorPatienceMs : patienceMs)) return { state: 'pending' };
  if (selects)
    return {
      state: 'waiting',
      reason: 'no process fits it yet: it traces those that come, until its time to live has passed',
    };
  const waiting = nodes.map(({ node, reason }) => `node ${node}: ${reason}`).join('\n');
  return { state: 'failed', reason: waiting || `no node has taken it up within ${patienceMs / 1000} s` };
}

/** With the hint that was given for the case that no process fits. */
export function reasonOf({ state, reason }: Outcome, hint: string): string | undefined {
  return state === 'waiting' && hint !== '' ? `${reason}\n  ${hint}` : reason;
}

/** Waits until it is settled. */
export async function settled(client: ClusterClient, object: TracepointObject): Promise<Outcome> {
  const began = performance.now();
  for (;;) {
    const outcome = await outcomeOf(client, object, performance.now() - began);
    if (outcome.state !== 'pending') return outcome;
    await sleep(lookMs);
  }
}
