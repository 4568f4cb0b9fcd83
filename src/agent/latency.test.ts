import { expect, it } from 'vitest';
import type { CaptureColumn } from '#model';
import type { Compilation } from '#probe';
import type { Kernel } from './kernel.ts';
import { latencyWarning, microseconds } from './latency.ts';

const cost = { emulatedNs: 900, steppedNs: 13_300, latencyFloor: { emulatedNs: 700, steppedNs: 950 } };
const kernel = { hitCost: async () => cost } as unknown as Kernel;

type Class = 'emulated' | 'stepped';
function warned(kind: 'latency' | 'arguments', entry: Class, ...returns: Class[]): Promise<string[]> {
  const columns: CaptureColumn[] = [{ name: 'c', capture: { kind } }];
  const sites = [{ entry: { class: entry }, returns: returns.map((each) => ({ class: each })) }];
  const probes = [{ function: 'main.f', columns }];
  const tracepoint = {
    name: 't',
    table: 't',
    ttlNs: 0n,
    probes,
    target: { kind: 'upid', upid: { agentId: 1, pid: 1, startTicks: 1n } },
  } as const;
  return latencyWarning(tracepoint, sites as unknown as Compilation['sites'], kernel);
}

it('tells the floor by how entry and return are seen', async () => {
  const floor = async (...classes: [Class, ...Class[]]) =>
    /about (.*) are/.exec((await warned('latency', ...classes))[0]!)?.[1];
  expect(await floor('emulated', 'emulated')).toBe('0.7 µs');
  expect(await floor('emulated', 'emulated', 'stepped')).toBe('0.9 µs');
  // The step over the entry's instruction is in the latency.
  expect(await floor('stepped', 'stepped')).toBe('13 µs');
});

it('says nothing where no latency is captured', async () => {
  expect(await warned('arguments', 'emulated')).toEqual([]);
});

it('microseconds', () => {
  expect([999, 9_949, 9_960, 15_400].map(microseconds)).toEqual(['1.0 µs', '9.9 µs', '10.0 µs', '15 µs']);
});
