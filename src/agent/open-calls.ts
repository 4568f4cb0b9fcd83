import type { sonde } from '#api';
import { withoutShapes } from '#gobin';
import type { Sys } from '#sys';
import type { Binaries } from './binaries.ts';
import type { CalledFunction } from './called-functions.ts';
import type { Deployer } from './deployment.ts';
import type { GoProcess } from './processes.ts';
import { callsOnStacks } from './stacks.ts';
import { runningCall, stackedCall } from './traced-calls.ts';

export interface OpenCallsInput {
  readonly sys: Sys;
  readonly binaries: Binaries;
  readonly deployer: Deployer;
}

/** The calls that are in progress: from the stacks of all goroutines, and with arguments and start where a tracepoint has seen them begin. */
export async function openCalls(
  { sys, binaries, deployer }: OpenCallsInput,
  processes: readonly Pick<GoProcess, 'pid' | 'upid'>[],
  fn: string,
): Promise<sonde.TraceEnd> {
  const running: sonde.TraceCall[] = [];
  const reasons: string[] = [];
  for (const process of processes) {
    const { pid, upid } = process;
    const stacked = await callsOnStacks(sys, binaries, pid, fn);
    if (typeof stacked === 'string') {
      reasons.push(`process ${pid}: ${stacked}`);
      continue;
    }
    const seen = (await deployer.runningIn(pid)).filter((call) => stacked.functions.has(call.function));
    running.push(...seen.map((call) => runningCall(call, upid)));
    const known = new Map<string, number>();
    for (const call of seen) known.set(frameOf(call), (known.get(frameOf(call)) ?? 0) + 1);
    for (const call of stacked.calls) {
      const left = known.get(frameOf(call)) ?? 0;
      if (left > 0) known.set(frameOf(call), left - 1);
      else running.push(stackedCall(call, upid));
    }
    if (stacked.running > 0) {
      reasons.push(
        `process ${pid}: ${stacked.running} of ${stacked.goroutines} goroutines were on a CPU, where stacks cannot be read: look again for those`,
      );
    }
    if (stacked.cut > 0)
      reasons.push(`process ${pid}: the stacks of ${stacked.cut} goroutines could not be followed to their bottom`);
  }
  return {
    reason: reasons.join('\n'),
    calls: 0n,
    kept: 0n,
    rows: 0n,
    drops: 0n,
    undecided: 0n,
    notices: [],
    running,
    failed: false,
    node: '',
  };
}

/** What a call that a tracepoint has seen has in common with its frame on a stack. */
function frameOf(call: CalledFunction & { readonly goid?: bigint | undefined }): string {
  return `${call.goid} ${withoutShapes(call.function)} ${call.inlinedInto}`;
}
