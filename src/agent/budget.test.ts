import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Budget } from './budget.ts';
import type { Deployment } from './deployment.ts';
import type { Kernel } from './kernel.ts';

/** One hit costs a microsecond here, program included. */
const kernel = { hitCost: async () => ({ emulatedNs: 400, steppedNs: 400 }) } as unknown as Kernel;

class FakeDeployment {
  hits = 0;
  closed = false;
  ended: string | undefined;
  cost = (emulatedNs: number) => this.hits * emulatedNs;
  fail = async (_: string, reason: string) => {
    this.closed = true;
    this.ended = reason;
  };
}

let budget: Budget;
let deployment: FakeDeployment;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
  budget = new Budget(kernel);
  deployment = new FakeDeployment();
  budget.watch(deployment as unknown as Deployment);
});
afterEach(() => {
  budget.close();
  vi.useRealTimers();
});

/** `cpus`: share of one CPU that the hits of this time cost. */
async function run(milliseconds: number, cpus: number): Promise<void> {
  for (let ms = 0; ms < milliseconds && !deployment.closed; ms += 50) {
    deployment.hits += cpus * 50_000;
    await vi.advanceTimersByTimeAsync(50);
  }
}

it('takes a tracepoint off within a second above half a CPU, with the numbers', async () => {
  await run(950, 0.6);
  expect(deployment.ended).toMatch(/600000 calls a second, 0\.60 CPUs/);
});

it('lets a tracepoint below half a CPU live', async () => {
  await run(10_000, 0.45);
  expect(deployment.ended).toBeUndefined();
});

it('lets short bursts through, again and again', async () => {
  for (let i = 0; i < 5; i++) {
    await run(250, 1.5);
    await run(1000, 0);
  }
  expect(deployment.ended).toBeUndefined();
});

it('looks at the average: dips do not save what costs too much', async () => {
  for (let i = 0; i < 5; i++) {
    await run(200, 0.9);
    await run(100, 0.1);
  }
  expect(deployment.ended).toMatch(/0\.6\d CPUs/);
});
