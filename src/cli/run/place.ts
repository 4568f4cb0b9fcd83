import { setTimeout as sleep } from 'node:timers/promises';
import type { sonde } from '#api';
import {
  type ClusterClient,
  outcomeOf,
  reasonOf,
  type TracepointObject,
  TracepointTaken,
  writeTracepoint,
} from '#cluster';
import { UserError } from '../failure.ts';
import type { Step } from './progress.ts';

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
    const steps = news.map((outcome, i): Step => {
      const { state } = outcome;
      const label = `Deploying ${objects[i]!.spec.name}`;
      const reason = reasonOf(outcome, compiled.hints[i] ?? '');
      return { label, state: state === 'waiting' ? 'failed' : state, ...(reason === undefined ? {} : { reason }) };
    });
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
