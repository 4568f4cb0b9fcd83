import { UserError } from '#door';
import { type CaptureColumn, linePlaceOf, type ProcessTracepoint } from '#model';
import type { Deployer, Deployment, DeploymentSink } from './deployment.ts';

/** The columns without what is of these kinds: nothing is captured in its stead. */
const without = (columns: readonly CaptureColumn[], kinds: readonly CaptureColumn['capture']['kind'][]) =>
  columns.map((column) => (kinds.includes(column.capture.kind) ? { ...column, capture: noCapture } : column));
const noCapture = { kind: 'nothing' } as const;

/** What a function whose returns cannot be probed does not have, nor a line. */
const ofReturns = ['results', 'latency', 'outcome', 'panic', 'call-id', 'parent-call-id', 'own-time'] as const;

/** A function whose returns cannot be probed is traced at its entry alone, and the client is told. */
export async function deployCalls(
  deployer: Deployer,
  logical: ProcessTracepoint,
  sink: DeploymentSink,
): Promise<Deployment> {
  const probes = logical.probes.map((probe) => ({ ...probe, columns: without(probe.columns, ofReturns) }));
  // A line is no call: there is nothing to it but what can be named there.
  const line = logical.probes.find((probe) => linePlaceOf(probe.function) !== undefined);
  if (line?.columns.some(({ capture }) => capture.kind === 'call-id'))
    throw new UserError(`'${line.function}' is a line: it is no call, so it has no place in a tree of calls`);
  if (line !== undefined) return deployer.deploy({ ...logical, probes }, sink);
  try {
    return await deployer.deploy(logical, sink);
  } catch (error) {
    const has = (id: string) => error instanceof UserError && error.diagnostics.some((each) => each.id === id);
    if (has('probe.too-many-values')) {
      const bare = logical.probes.map((probe) => ({
        ...probe,
        columns: without(probe.columns, ['arguments', 'results']),
      }));
      const deployment = await deployer.deploy({ ...logical, probes: bare }, sink);
      deployment.warnings.push(`without arguments and results: ${(error as Error).message}`);
      return deployment;
    }
    if (!has('probe.no-return-site')) throw error;
    const deployment = await deployer.deploy({ ...logical, probes }, sink);
    deployment.warnings.push(`only entries are traced: ${(error as Error).message}`);
    return deployment;
  }
}
