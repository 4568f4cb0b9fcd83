import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSys } from '#sys';
import {
  counters,
  eventProgram,
  eventSize,
  type KernelTarget,
  ringSpec,
  startKernelTarget,
} from '../../testing/kernel-target.ts';
import { attachUprobes } from './attach.ts';
import { makeMap } from './map.ts';
import { loadProgram } from './program.ts';
import { type OnRecord, openRingBuffer } from './ring.ts';

const sys = openSys();
let target: KernelTarget;
beforeAll(async () => {
  target = await startKernelTarget();
});
afterAll(() => target[Symbol.asyncDispose]());

const cookie = 0x1234_5678_9abc;

function traced(size: number) {
  const stack = new DisposableStack();
  const counter = stack.use(makeMap(sys, counters));
  const ringMap = stack.use(makeMap(sys, ringSpec(size)));
  const maps = new Map([counter, ringMap].map((map) => [map.spec.name, map]));
  const program = stack.use(loadProgram(sys, eventProgram(), maps, { multi: true }));
  const sites = [{ offset: target.pushSite('main.hit')!, cookie }];
  stack.use(attachUprobes(sys, program, { executable: target.path, pid: target.pid, sites }));
  return { counter, ringMap, [Symbol.dispose]: () => stack.dispose() };
}

/** Checks each record and that no argument comes twice. */
function checker(most: number) {
  const seen = new Uint8Array(most);
  const state = { records: 0, wrong: 0 };
  const onRecord: OnRecord = (_bytes, view, offset, length) => {
    state.records++;
    if (length !== eventSize || view.getBigUint64(offset + 8, true) !== BigInt(cookie)) state.wrong++;
    const argument = Number(view.getBigUint64(offset, true));
    if (seen[argument] !== 0) state.wrong++;
    seen[argument] = 1;
  };
  return { state, onRecord, forget: () => seen.fill(0) };
}

it('reads 200,000 records, nine times around the ring, each exactly once', async () => {
  using parts = traced(1 << 20);
  using ring = openRingBuffer(sys, parts.ringMap.fd, 1 << 20);
  const { state, onRecord, forget } = checker(10_000);
  using _readiness = ring.onReadable(() => ring.drain(onRecord, 100));
  for (let batch = 1; batch <= 20; batch++) {
    await target.call(10_000);
    ring.drain(onRecord);
    expect(state).toEqual({ records: batch * 10_000, wrong: 0 });
    forget();
  }
  expect(Number(parts.counter.words[1])).toBe(0);
  expect(ring.pending).toBe(0);
});

it('accounts for every record that did not fit', async () => {
  using parts = traced(1 << 13);
  using ring = openRingBuffer(sys, parts.ringMap.fd, 1 << 13);
  const { state, onRecord, forget } = checker(100_000);
  // More than the ring holds, and nobody reads; then again, while somebody does.
  const unread = 1_000;
  await target.call(unread);
  ring.drain(onRecord);
  const dropped = () => Number(parts.counter.words[1]);
  expect(dropped()).toBeGreaterThan(0);
  expect(state).toEqual({ records: unread - dropped(), wrong: 0 });
  forget();
  using _readiness = ring.onReadable(() => ring.drain(onRecord));
  await target.call(100_000);
  ring.drain(onRecord);
  expect(state).toEqual({ records: unread + 100_000 - dropped(), wrong: 0 });
});

it('costs a fraction of the wake-ups when the reader waits before it drains', async () => {
  using parts = traced(1 << 22);
  using ring = openRingBuffer(sys, parts.ringMap.fd, 1 << 22);
  let wakes = 0;
  let records = 0;
  const readiness = ring.onReadable(() => {
    wakes++;
    readiness.pause();
    setTimeout(() => {
      records += ring.drain(() => {});
      readiness.resume();
    }, 5);
  });
  await target.call(50_000);
  await expect.poll(() => records).toBe(50_000);
  readiness.close();
  expect(wakes).toBeLessThan(records / 10);
});

it('is read in a worker thread that gets nothing but the descriptor', async () => {
  using parts = traced(1 << 20);
  const script = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { openSys } from '#sys';
    import { openRingBuffer } from '#bpf';
    const ring = openRingBuffer(openSys(), workerData.fd, workerData.size);
    let count = 0;
    const readiness = ring.onReadable(() => {
      count += ring.drain(() => {});
      if (count === 10_000) { readiness.close(); ring.close(); parentPort.postMessage(count); }
    });
    parentPort.postMessage('ready');
  `;
  const worker = new Worker(script, {
    eval: true,
    execArgv: ['--input-type=module'],
    workerData: { fd: parts.ringMap.fd.number, size: 1 << 20 },
  });
  const next = () =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  expect(await next()).toBe('ready');
  const counted = next();
  await target.call(10_000);
  expect(await counted).toBe(10_000);
  await worker.terminate();
});
