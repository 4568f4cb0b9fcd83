import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileOffset } from '#base';
import { addressOfOffset, executableStatus, mappingsOf, openSys, readMaps, readProcessBytes } from '#sys';
import { type KernelTarget, startKernelTarget } from '../../testing/kernel-target.ts';
import { startProcess } from '../../testing/process.ts';
import { root } from '../../testing/root.ts';

const sys = openSys();
let target: KernelTarget;
beforeAll(async () => {
  target = await startKernelTarget();
});
afterAll(() => target[Symbol.asyncDispose]());

/** An owner of probes in a process of its own, that stays until it is killed. */
const owner = `
  import { openSys } from '#sys';
  import { attachUprobes, loadProgram, makeMap } from '#bpf';
  import { counters, countingProgram } from './testing/kernel-target.ts';
  const [pid, path, multi, ...offsets] = process.argv.slice(1);
  const sys = openSys();
  const map = makeMap(sys, counters);
  const program = loadProgram(sys, countingProgram(), new Map([['counters', map]]), { multi: multi === 'true' });
  const sites = offsets.map((offset) => ({ offset: Number(offset), cookie: 0 }));
  globalThis.kept = attachUprobes(sys, program, { executable: path, pid: Number(pid), sites });
  console.log('armed');
  setInterval(() => {}, 1000);
`;

it.each([
  ['uprobe_multi', true, 1_000, 2_000],
  ['perf events', false, 5, 20_000],
])('%s: SIGKILL of the owner takes the probes away', async (_name, multi, count, withinMs) => {
  const offsets = target.pushSites().slice(0, count);
  const mappings = mappingsOf(sys, target.pid, readMaps(sys, target.pid)!, executableStatus(sys, target.pid)!);
  const armed = () =>
    offsets.filter((offset) => {
      const address = addressOfOffset(mappings, fileOffset(offset))!;
      return readProcessBytes(sys, target.pid, address, 1)![0] === 0xcc;
    }).length;
  const args = ['--input-type=module', '-e', owner, '--', `${target.pid}`, target.path, `${multi}`];
  const started = await startProcess(process.execPath, {
    args: [...args, ...offsets.map(String)],
    cwd: root,
    ready: /armed/,
  });
  expect(armed()).toBe(count);
  await target.call(100);
  await started.kill('SIGKILL');
  await expect.poll(armed, { timeout: withinMs, interval: 5 }).toBe(0);
  await target.call(100);
});
