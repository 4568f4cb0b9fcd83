import type { LogicalTracepoint } from '#model';
import type { Compilation } from '#probe';
import type { Kernel } from './kernel.ts';

/** Says which latencies are the probe's own time (FACTS, rule 23). Empty where none is captured. */
export async function latencyWarning(
  { probes }: LogicalTracepoint,
  sites: Compilation['sites'],
  kernel: Kernel,
): Promise<string[]> {
  if (!probes.some(({ columns }) => columns.some(({ capture }) => capture.kind === 'latency'))) return [];
  const { emulatedNs, steppedNs, latencyFloor } = await kernel.hitCost();
  const floors = sites.map(({ entry, returns }) => {
    const stepped = returns.some((site) => site.class === 'stepped');
    // The time of a call is taken before its entry's instruction is stepped over.
    const step = entry?.class === 'stepped' ? Math.max(0, steppedNs - emulatedNs) : 0;
    return step + (stepped ? latencyFloor.steppedNs : latencyFloor.emulatedNs);
  });
  return floors.length === 0
    ? []
    : [`latencies under about ${microseconds(Math.max(...floors))} are the probe's own time`];
}

/** Nanoseconds as microseconds, as exact as a measurement of this kind is: one digit below ten. */
export function microseconds(ns: number): string {
  const us = ns / 1000;
  return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
}
