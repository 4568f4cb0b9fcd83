import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { vizier } from '#api';
import type { LogicalTracepoint } from '#model';
import { type Caller, OpenCalls } from './access.ts';
import { CallRefused, MachineError, UserError } from './errors.ts';
import { type Placed, Rollouts } from './rollout.ts';

/** Tracepoints whose arming takes as long as the test says, and ends as it says. */
class SlowTracepoints {
  readonly upserts: { name: string; arm: () => void; fail: (error: Error) => void }[] = [];
  readonly #live = new Set<string>();

  async delete() {}

  place({ name }: LogicalTracepoint): Promise<Placed> {
    if (this.#live.has(name)) return Promise.resolve({ id: name, changed: false });
    return new Promise<Placed>((resolve, reject) => {
      const arm = () => {
        this.#live.add(name);
        resolve({ id: name, changed: true });
      };
      this.upserts.push({ name, arm, fail: reject });
    });
  }
}

let tracepoints: SlowTracepoints;
let rollouts: Rollouts;
beforeEach(() => {
  vi.useFakeTimers();
  tracepoints = new SlowTracepoints();
  rollouts = new Rollouts(tracepoints);
});
afterEach(() => {
  vi.useRealTimers();
});

const caller = (name = 'token ci'): Caller => ({
  name,
  role: 'tracer',
  audience: 'pixie',
  open: new OpenCalls('', 1),
  ahead: 1,
});

function placement(names: readonly string[], by = caller()) {
  const told: vizier.MutationInfo[] = [];
  const upserts = names.map(
    (name): LogicalTracepoint => ({
      name,
      table: name,
      target: { kind: 'upid', upid: { agentId: 1, pid: 2, startTicks: 3n } },
      ttlNs: 1n,
      probes: [],
    }),
  );
  const send = async ({ mutationInfo }: Partial<vizier.ExecuteScriptResponse>) => {
    told.push(mutationInfo!);
  };
  return { told, script: names.join(), upserts, caller: by, send };
}

/** One question of Pixie's px: the states it is told, the code beside them, and how the call ends. */
async function ask(names: readonly string[], by = caller(), waitMs = 0): Promise<unknown> {
  const question = placement(names, by);
  const end = rollouts.inSteps(question).then(
    () => 'ready',
    (error) => (error instanceof CallRefused ? error.status : error),
  );
  await vi.advanceTimersByTimeAsync(waitMs);
  const result = await end;
  const info = question.told.at(-1)!;
  return [info.states.map(({ state }) => state), info.status!.code, result];
}

const pending = vizier.LifeCycleState.PENDING_STATE;
const running = vizier.LifeCycleState.RUNNING_STATE;
const failed = vizier.LifeCycleState.FAILED_STATE;

test('slow probes: not ready every five seconds, then RUNNING and not ready, then ready', async () => {
  expect(await ask(['a', 'b'], caller(), 5_000)).toEqual([[pending, pending], 14, status.CANCELLED]);
  tracepoints.upserts[0]!.arm();
  expect(await ask(['a', 'b'], caller(), 5_000)).toEqual([[pending, pending], 14, status.CANCELLED]);
  tracepoints.upserts[1]!.arm();
  expect(await ask(['a', 'b'])).toEqual([[running, running], 14, status.CANCELLED]);
  expect(await ask(['a', 'b'])).toEqual([[running, running], 0, 'ready']);
  expect(tracepoints.upserts).toHaveLength(2);
  // It was in place before.
  expect(await ask(['a', 'b'])).toEqual([[running, running], 0, 'ready']);
});

test('what fails late is told at the next question, and the one after that begins anew', async () => {
  await ask(['a'], caller(), 5_000);
  tracepoints.upserts[0]!.fail(new UserError('no such function'));
  const [states, code, error] = (await ask(['a'])) as [number[], number, Error];
  expect([states, code]).toEqual([[failed], 13]);
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe('no such function');
  await ask(['a'], caller(), 5_000);
  expect(tracepoints.upserts).toHaveLength(2);
});

test('two callers are told one script each for itself; after a minute nothing of it is known', async () => {
  await ask(['a'], caller('one'), 5_000);
  await ask(['a'], caller('two'), 5_000);
  expect(rollouts.underWay(placement(['a'], caller('one')))).toBe(true);
  expect(rollouts.underWay(placement(['b'], caller('one')))).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rollouts.underWay(placement(['a'], caller('one')))).toBe(false);
});

test('a client that knows nothing of mutations waits for 30 seconds, and is told what goes on', async () => {
  const question = placement(['a']);
  const late = rollouts.inSilence(question).catch((error) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await late).toBeInstanceOf(MachineError);
  expect((await late).message).toMatch(/^the probes of a are not in place after 30 s/);
  expect(question.told).toEqual([]);
  const inTime = rollouts.inSilence(placement(['b']));
  await vi.advanceTimersByTimeAsync(29_000);
  tracepoints.upserts[1]!.arm();
  expect(await inTime).toBeUndefined();
});
