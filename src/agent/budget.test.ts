import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Budget } from './budget.ts';
import type { Deployment } from './deployment.ts';
import type { Kernel } from './kernel.ts';

/** One hit costs a microsecond here, program included. */
const kernel = { hitCost: async () => ({ emulatedNs: 400, steppedNs: 400 }) } as unknown as Kernel;

class FakeDeployment {
  readonly upid = { agentId: 1, pid: 7, startTicks: 1n };
  hits = 0;
  closed = false;
  ended: string | undefined;
  /** Of programs, for each hit, once the kernel measures it. */
  programNs = 0;
  cost = (emulatedNs: number) => this.hits * emulatedNs;
  entryCost = (emulatedNs: number) => (this.hits * emulatedNs) / 4;
  runTimes = () => ({ runNs: this.hits * this.programNs, waitedNs: 0 });
  fail = async (_: string, reason: string) => {
    this.closed = true;
    this.ended = reason;
  };
}

let budget: Budget;
let deployment: FakeDeployment;
let measured: boolean;

function watched(): FakeDeployment {
  const made = new FakeDeployment();
  budget.watch(made as unknown as Deployment);
  return made;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime', 'performance'] });
  measured = false;
  budget = new Budget(kernel, () => (measured ? ({ close() {} } as never) : undefined), 0.05);
  deployment = watched();
});
afterEach(() => {
  budget.close();
  vi.useRealTimers();
});

/** `cpus`: shares of one CPU that the hits of this time cost, by deployment. */
async function run(milliseconds: number, ...cpus: readonly [number, FakeDeployment?][]): Promise<void> {
  for (let ms = 0; ms < milliseconds; ms += 50) {
    for (const [share, of = deployment] of cpus) if (!of.closed) of.hits += Math.round(share * 50_000);
    await vi.advanceTimersByTimeAsync(50);
  }
}

it('takes a tracepoint off within a second above half a CPU, with the numbers and what would fit', async () => {
  await run(950, [0.6]);
  expect(deployment.ended).toMatch(
    /600000 calls a second, 1\.0 µs each, are 60 % of one CPU \(budget 5 %\).*What would fit: 50000 such calls a second.*--no-budget, or no_budget=True/,
  );
  expect(deployment.ended).not.toContain('arguments alone');
});

it('takes a tracepoint off after two seconds above the budget', async () => {
  await run(1_900, [0.08]);
  expect(deployment.ended).toBeUndefined();
  await run(600, [0.08]);
  expect(deployment.ended).toMatch(
    /80000 calls a second, 1\.0 µs each, are 8 % of one CPU \(budget 5 %\).*What would fit: arguments alone, .* or 50000 such calls/,
  );
});

it('looks at a period when it ends', async () => {
  await run(450, [0]);
  // The look at 750 ms begins it: looks that are 150 ms apart would end it 2.1 s later.
  await run(2_300, [0.08]);
  expect(deployment.ended).toBeDefined();
});

it('lets a tracepoint below the budget live', async () => {
  await run(20_000, [0.045]);
  expect(deployment.ended).toBeUndefined();
});

it('lets short bursts through, again and again', async () => {
  for (let i = 0; i < 5; i++) {
    await run(250, [1.5]);
    await run(2_750, [0]);
  }
  expect(deployment.ended).toBeUndefined();
});

it('lets through what is over within a second, whenever it begins', async () => {
  for (let i = 0; i < 10; i++) {
    await run(1_000, [0.45]);
    await run(1_550 + 50 * (i % 7), [0.01]);
  }
  expect(deployment.ended).toBeUndefined();
});

it('looks at the average: dips do not save what costs too much', async () => {
  for (let i = 0; i < 5; i++) {
    await run(200, [0.9]);
    await run(100, [0.1]);
  }
  expect(deployment.ended).toMatch(/6\d % of one CPU/);
});

it('adds up the tracepoints of a process, and the costliest goes', async () => {
  const other = watched();
  await run(2_500, [0.03], [0.04, other]);
  expect(other.ended).toMatch(
    /are 4 % of one CPU, and other tracepoints of this process cost 3 % \(budget 5 %\).*What would fit beside them: arguments alone, .* or (?:19999|20000) such calls a second;/,
  );
  await run(2_500, [0.03], [0.04, other]);
  expect(deployment.ended).toBeUndefined();
});

it('of two that cost about as much the one goes that came last, and is told of no one who costs nothing', async () => {
  const [quiet, late] = [watched(), watched()];
  await run(2_500, [0.045], [0.04, late], [0, quiet]);
  expect(late.ended).toMatch(/other tracepoints of this process cost 4\.5 % .*beside them: (?:4999|5000) such calls/);
  await run(2_500, [0.08], [0, quiet]);
  expect(deployment.ended).toMatch(/are 8 % of one CPU \(budget 5 %\)/);
  expect(quiet.ended).toBeUndefined();
});

it('says that nothing fits beside others that are above the budget by themselves', async () => {
  const other = watched();
  await run(2_500, [0.06], [0.09, other]);
  expect(other.ended).toMatch(/What would fit beside them: nothing;/);
});

it('counts what programs take as the kernel measures it', async () => {
  measured = true;
  deployment.programNs = 2_600;
  await run(2_500, [0.02]);
  // 0.4 µs of trap and 2.6 µs of program.
  expect(deployment.ended).toMatch(/20000 calls a second, 3\.0 µs each, are 6 % of one CPU/);
});
