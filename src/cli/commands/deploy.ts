import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterClient, ClusterError, type ClusterObject, readManifests } from '#cluster';
import { tokenNamespace } from '#door';
import { sondeNamespace } from '../connect/broker.ts';
import { type Context, tell } from '../context.ts';
import { deleteBindings, there } from '../deploy/leftovers.ts';
import { podTrouble, warnings } from '../deploy/pod-trouble.ts';
import { missingRights } from '../deploy/rights.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { version } from '../version.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'k8s');
const defaultPatienceMs = 120_000;

/** What was asked of the cluster cannot be done there now. */
class Prevented extends Failure {
  readonly code = 'cli.deploy';
  readonly exitCode: ExitCode = exitCodes.agent;
}

type Workload = ClusterObject & {
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly { image?: string }[] } } };
  readonly status?: Readonly<Record<string, number>>;
};

/** `px deploy`: applies the manifests with this image, and waits until agents and broker run. */
export async function deploy(
  context: Context,
  options: { image: string; context?: string },
  patienceMs = defaultPatienceMs,
): Promise<ExitCode> {
  const client = new ClusterClient(options.context === undefined ? {} : { context: options.context });
  const objects = readManifests(folder, { [`sonde:${version()}`]: options.image });
  tell(context, `cluster ${client.contextName}`);
  await requireRights(client, objects, 'deploy', ['get', 'create', 'patch']);
  await untilGone(client, context, objects, { ending: true, patienceMs });
  const workloads = objects.filter(({ kind }) => kind === 'DaemonSet' || kind === 'Deployment');
  const before = new Set<string>();
  for (const workload of workloads) before.add(imageOf(await client.read<Workload>(workload as never)));
  const others = [...before].filter((image) => image !== '' && image !== options.image);
  if (others.length > 0) tell(context, `${others.join(', ')} is deployed there; ${options.image} takes its place`);
  for (const object of objects) await applied(client, object);
  for (const workload of workloads) {
    const name = workload.metadata!.name!;
    await rolledOut(client, workload, options.image, patienceMs);
    tell(context, ` ✔    ${workload.kind} ${sondeNamespace}/${name}`);
  }
  return exitCodes.ok;
}

/** `px delete`: removes all that `px deploy` has made, and with it every tracepoint. */
export async function deleteSonde(
  context: Context,
  options: { context?: string },
  patienceMs = defaultPatienceMs,
): Promise<ExitCode> {
  const client = new ClusterClient(options.context === undefined ? {} : { context: options.context });
  tell(context, `cluster ${client.contextName}`);
  const objects = readManifests(folder).reverse();
  await requireRights(client, objects, 'delete', ['get', 'delete']);
  const roles = objects.filter(({ kind }) => kind === 'ClusterRole').map(({ metadata }) => metadata!.name!);
  for (const object of objects) await client.delete(object);
  try {
    for (const line of await deleteBindings(client, roles, tokenNamespace)) tell(context, line);
  } catch (error) {
    if (!(error instanceof ClusterError && error.status === 403)) throw error;
    tell(context, `whether somebody has bound roles of Sonde’s is not known: ${error.message}`);
  }
  await untilGone(client, context, objects, { ending: false, patienceMs });
  tell(context, ' ✔    nothing of Sonde is left');
  return exitCodes.ok;
}

async function requireRights(
  client: ClusterClient,
  objects: readonly ClusterObject[],
  doing: string,
  verbs: readonly string[],
): Promise<void> {
  const missing = await missingRights(client, objects, verbs);
  if (missing.length === 0) return;
  const user = await client.userName();
  const lines = missing.map((line) => `  ${line}`).join('\n');
  throw new Prevented(
    `to ${doing} Sonde takes rights that ${user} does not have; nothing was changed:\n${lines}\n` +
      `  whoever administers the cluster has them, or gives them: kubectl create clusterrolebinding sonde-deployer --clusterrole=cluster-admin --user=${user}`,
  );
}

/** Waits until none of the objects is there, or (`ending`) is being deleted: what is made into an ending namespace is refused, or goes with it. */
async function untilGone(
  client: ClusterClient,
  context: Context,
  objects: readonly ClusterObject[],
  { ending, patienceMs }: { readonly ending: boolean; readonly patienceMs: number },
): Promise<void> {
  const end = performance.now() + patienceMs;
  for (let told = false; ; ) {
    const left = await there(client, objects, { ending });
    if (left.length === 0) return;
    if (ending && !told) tell(context, `still being deleted: ${left.join(', ')}; waiting for that`);
    told = true;
    if (performance.now() > end)
      throw new Prevented(
        `after ${patienceMs / 1000} s still ${ending ? 'being deleted' : 'there'}: ${left.join(', ')}\n  run it again when that is gone`,
      );
    await sleep(300);
  }
}

async function applied(client: ClusterClient, object: ClusterObject): Promise<void> {
  try {
    await client.apply(object, 'px');
  } catch (error) {
    // Fields that can never change (selectors, roles of bindings) are others there.
    if (!(error instanceof ClusterError && error.status === 422)) throw error;
    throw new Prevented(
      `${error.message}\n  what is there is of another version, and cannot become this one: px delete removes it, with all tracepoints; then deploy again`,
    );
  }
}

async function rolledOut(
  client: ClusterClient,
  workload: ClusterObject,
  image: string,
  patienceMs: number,
): Promise<void> {
  const labels = `app=${workload.metadata?.labels?.app}`;
  const end = performance.now() + patienceMs;
  while (!(await runs(client, workload))) {
    const trouble = await podTrouble(client, sondeNamespace, labels, image);
    if (trouble !== undefined) throw new Prevented(trouble);
    if (performance.now() > end) {
      const said = (await warnings(client, sondeNamespace, labels)).map((line) => `\n  ${line}`).join('');
      throw new Prevented(
        `${workload.kind} ${sondeNamespace}/${workload.metadata!.name} does not run (waited ${patienceMs / 1000} s): kubectl -n ${sondeNamespace} describe pods${said}`,
      );
    }
    await sleep(300);
  }
}

/** The newest state of a workload has been taken up, and all its pods are of it and available. */
async function runs(client: ClusterClient, workload: ClusterObject): Promise<boolean> {
  const found = await client.read<Workload>(workload as never);
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

function imageOf(workload: Workload | undefined): string {
  return workload?.spec?.template?.spec?.containers?.[0]?.image ?? '';
}
