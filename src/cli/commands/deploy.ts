import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterClient, type ClusterObject, readManifests } from '#cluster';
import { sondeNamespace } from '../connect/cluster.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { version } from '../version.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'k8s');
const patienceMs = 120_000;

/** What was asked of the cluster is not done in time. */
class NotInTime extends Failure {
  readonly code = 'cli.deploy';
  readonly exitCode: ExitCode = exitCodes.agent;
}

/** `px deploy`: applies the manifests with this image, and waits until agents and broker run. */
export async function deploy(context: Context, options: { image: string; context?: string }): Promise<ExitCode> {
  const client = new ClusterClient(options.context === undefined ? {} : { context: options.context });
  const objects = readManifests(folder, { [`sonde:${version()}`]: options.image });
  tell(context, `cluster ${client.contextName}`);
  for (const object of objects) await client.apply(object, 'px');
  const workloads = objects.filter(({ kind }) => kind === 'DaemonSet' || kind === 'Deployment');
  for (const workload of workloads) {
    await until(
      () => rolledOut(client, workload),
      `${workload.metadata!.name} does not run: kubectl -n ${sondeNamespace} get pods`,
    );
    tell(context, ` ✔    ${workload.kind} ${sondeNamespace}/${workload.metadata!.name}`);
  }
  return exitCodes.ok;
}

/** `px delete`: removes all that `px deploy` has made, and with it every tracepoint. */
export async function deleteSonde(context: Context, options: { context?: string }): Promise<ExitCode> {
  const client = new ClusterClient(options.context === undefined ? {} : { context: options.context });
  tell(context, `cluster ${client.contextName}`);
  const objects = readManifests(folder).reverse();
  for (const object of objects) await client.delete(object);
  const there = async () =>
    (await Promise.all(objects.map((object) => client.read(object as never)))).every((each) => !each);
  await until(there, 'something of Sonde is still there: kubectl get namespaces,crd');
  tell(context, ' ✔    nothing of Sonde is left');
  return exitCodes.ok;
}

/** The newest state of a workload has been taken up, and all its pods are of it and available. */
async function rolledOut(client: ClusterClient, workload: ClusterObject): Promise<boolean> {
  const found = await client.read<ClusterObject & { status?: Record<string, number> }>(workload as never);
  const { status = {}, metadata } = found ?? {};
  if (metadata === undefined || (status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return false;
  if (workload.kind === 'DaemonSet') {
    const wanted = status.desiredNumberScheduled ?? 0;
    return wanted > 0 && status.updatedNumberScheduled === wanted && status.numberAvailable === wanted;
  }
  return (
    (status.updatedReplicas ?? 0) > 0 &&
    status.availableReplicas === status.updatedReplicas &&
    !status.unavailableReplicas
  );
}

async function until(look: () => Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await look())) {
    if (performance.now() > end) throw new NotInTime(`${otherwise} (waited ${patienceMs / 1000} s)`);
    await sleep(300);
  }
}
