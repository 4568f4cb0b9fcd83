import { setTimeout as sleep } from 'node:timers/promises';
import type { sonde } from '#api';
import { type ClusterClient, type TracepointObject, TracepointTaken, writeTracepoint } from '#cluster';
import { UserError } from '../failure.ts';
import type { Step } from './progress.ts';

/** How long the nodes have to place a tracepoint. */
const patienceMs = 30_000;
/** How long pods that a selector fits are waited for: there may be none yet. */
const selectorPatienceMs = 5_000;
const lookMs = 150;

/**
 * Writes a script's tracepoints into the cluster with the user's own rights, and waits until a node traces, or says why not.
 * @returns why one of them could not be placed; undefined when all are.
 */
export async function placeTracepoints(
  cluster: ClusterClient,
  compiled: sonde.CompileTracepointsReply,
  replace: boolean,
  report: (steps: readonly Step[]) => void,
): Promise<string | undefined> {
  for (const reference of compiled.deletes) await cluster.delete(JSON.parse(reference));
  const wanted = compiled.objects.map((text) => JSON.parse(text) as TracepointObject);
  const owner = wanted.length === 0 ? '' : await cluster.userName();
  const objects = await Promise.all(wanted.map((object) => written(cluster, object, owner, replace)));
  if (objects.length === 0) return undefined;
  const began = performance.now();
  for (;;) {
    const waited = performance.now() - began;
    const news = await Promise.all(objects.map((object) => outcomeOf(cluster, object, waited)));
    const steps = news.map((step, i): Step => ({ label: `Deploying ${objects[i]!.spec.name}`, ...step }));
    report([{ label: 'Preparing schema', state: 'done' }, ...steps]);
    if (steps.every(({ state }) => state !== 'pending')) {
      const failed = steps.filter(({ state }) => state === 'failed');
      return failed.length === 0 ? undefined : failed.map(({ reason }) => reason ?? '').join('\n');
    }
    await sleep(lookMs);
  }
}

/** @throws UserError when the name is somebody else's, with what to type. */
async function written(
  cluster: ClusterClient,
  object: TracepointObject,
  owner: string,
  replace: boolean,
): Promise<TracepointObject> {
  try {
    return await writeTracepoint(cluster, object, owner, replace);
  } catch (error) {
    if (!(error instanceof TracepointTaken)) throw error;
    throw new UserError(
      `${error.message}\n  px run --replace takes it over; another name in the script leaves it alone`,
    );
  }
}

/** A tracepoint is there when some node traces; it has failed when nodes say so and none traces. */
export async function outcomeOf(
  cluster: ClusterClient,
  object: TracepointObject,
  waited: number,
): Promise<Omit<Step, 'label'>> {
  const now = await cluster.read<TracepointObject>(object as never);
  if (now === undefined) return { state: 'failed', reason: 'it was deleted meanwhile' };
  const nodes = (now.status?.nodes ?? []).filter(
    ({ observedGeneration }) => observedGeneration >= (object.metadata.generation ?? 0),
  );
  if (nodes.some(({ state }) => state === 'RUNNING')) return { state: 'done' };
  const over = nodes.filter(({ state }) => state === 'FAILED' || state === 'TERMINATED');
  if (over.length > 0) return { state: 'failed', reason: over.map(({ reason }) => reason).join('\n') };
  const selects = object.spec.target.upid === undefined;
  if (waited < (selects ? selectorPatienceMs : patienceMs)) return { state: 'pending' };
  if (selects)
    return {
      state: 'failed',
      reason: 'no process fits it yet: it traces those that come, until its time to live has passed',
    };
  const waiting = nodes.map(({ node, reason }) => `node ${node}: ${reason}`).join('\n');
  return { state: 'failed', reason: waiting || `no node has taken it up within ${patienceMs / 1000} s` };
}
