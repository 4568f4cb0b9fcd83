import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileOffset } from '#base';
import { addressOfOffset, executableStatus, Fd, mappingsOf, openProcessMemory, openSys, readMaps } from '#sys';
import { counters, countingProgram, type KernelTarget, startKernelTarget } from '../../testing/kernel-target.ts';
import { attachUprobes } from './attach.ts';
import { AllSitesRefused, TooManySites } from './attachment.ts';
import { type BpfMap, makeMap } from './map.ts';
import { type BpfProgram, loadProgram } from './program.ts';
import { checkSites, unarmedSites } from './verify.ts';

const sys = openSys();
let target: KernelTarget;
let executable: Fd;

beforeAll(async () => {
  target = await startKernelTarget();
  executable = new Fd(sys, sys.open(`/proc/${target.pid}/exe`, 0));
});
afterAll(async () => {
  executable.close();
  await target[Symbol.asyncDispose]();
});

function view() {
  const mappings = mappingsOf(sys, target.pid, readMaps(sys, target.pid)!, executableStatus(sys, target.pid)!);
  return { mappings, memory: openProcessMemory(sys, target.pid)! };
}

describe.each([
  ['uprobe_multi', true],
  ['perf events', false],
])('attached by %s', (_name, multi) => {
  let map: BpfMap;
  let program: BpfProgram;

  beforeAll(() => {
    map = makeMap(sys, counters);
    program = loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi });
  });
  afterAll(() => {
    program.close();
    map.close();
  });

  const count = () => Number(Atomics.load(map.words, 0));
  const attach = (offsets: readonly number[]) =>
    attachUprobes(sys, program, {
      executable,
      pid: target.pid,
      sites: offsets.map((offset, cookie) => ({ offset, cookie })),
    });

  it('counts every call, on every thread, and none after it is closed', async () => {
    using attachment = attach([target.pushSite('main.hit')!]);
    const before = count();
    await target.call(20_001);
    expect(count() - before).toBe(20_001);
    attachment.close();
    const after = count();
    await target.call(1_000);
    expect(count()).toBe(after);
  });

  it('shows its breakpoints in the process while it is attached, and restores the bytes', async () => {
    const offsets = target.pushSites().slice(0, 5);
    const sites = offsets.map((offset) => ({ offset: fileOffset(offset), bytes: target.bytes(offset, 4) }));
    const { mappings, memory } = view();
    using _memory = memory;
    const own = new Set<number>();
    expect(checkSites(sys, { mappings, memory, own }, sites).map(({ state }) => state)).toEqual(
      sites.map(() => 'as-in-file'),
    );
    expect(unarmedSites(sys, { mappings, memory }, sites)).toHaveLength(5);
    using attachment = attach(offsets.slice(1));
    expect(unarmedSites(sys, { mappings, memory }, sites).map(({ site }) => site)).toEqual([sites[0]]);
    for (const { offset } of sites.slice(2)) own.add(addressOfOffset(mappings, offset)!);
    expect(checkSites(sys, { mappings, memory, own }, sites).map(({ state }) => state)).toEqual([
      'as-in-file',
      'foreign-breakpoint',
      'own-breakpoint',
      'own-breakpoint',
      'own-breakpoint',
    ]);
    await attachment.closeInBackground();
    expect(unarmedSites(sys, { mappings, memory }, sites)).toHaveLength(5);
  });

  it('names the site that the kernel refuses and arms the rest', async () => {
    const good = target.pushSites().slice(0, 9);
    const refused = target.functions.get('runtime.abort.abi0')!;
    using attachment = attach([...good.slice(0, 6), refused, ...good.slice(6)]);
    expect(attachment.attached).toBe(9);
    expect(attachment.refused.map(({ site }) => site)).toEqual([{ offset: refused, cookie: 6 }]);
    expect(attachment.refused[0]!.error.message).toMatch(/no probe on this instruction|EINVAL/);
    const before = count();
    await target.call(10);
    expect(count() - before).toBeGreaterThanOrEqual(10);
    await attachment.closeInBackground();
  });

  it('says so when no site can be probed', () => {
    expect(() => attach([target.functions.get('runtime.abort.abi0')!])).toThrow(AllSitesRefused);
  });

  it('does not fire in another process of the same file', async () => {
    await using other = await startKernelTarget();
    using attachment = attach([target.pushSite('main.hit')!]);
    const before = count();
    await other.call(1_000);
    expect(count()).toBe(before);
    await target.call(7);
    expect(count() - before).toBe(7);
    await attachment.closeInBackground();
  });
});

it('attaches to 1,000 sites by one link', async () => {
  using map = makeMap(sys, counters);
  using program = loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi: true });
  const offsets = target.pushSites();
  expect(offsets.length).toBeGreaterThan(1_000);
  const sites = offsets.slice(0, 1_000).map((offset, cookie) => ({ offset, cookie }));
  using attachment = attachUprobes(sys, program, { executable, pid: target.pid, sites });
  expect(attachment.attached + attachment.refused.length).toBe(1_000);
  expect(attachment.refused).toEqual([]);
  await target.call(10);
  expect(Number(map.words[0])).toBeGreaterThan(10);
  await attachment.closeInBackground();
});

it('attaches to a deleted executable through its descriptor', async () => {
  const { copyFileSync, mkdtempSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { KernelTarget } = await import('../../testing/kernel-target.ts');
  const { startProcess } = await import('../../testing/process.ts');
  const folder = mkdtempSync(`${tmpdir()}/sonde-deleted-`);
  copyFileSync(target.path, `${folder}/copy`);
  await using started = await startProcess(`${folder}/copy`, { ready: /ready\n/ });
  rmSync(folder, { recursive: true });
  const deleted = new KernelTarget(target.path, started, target.functions);
  using link = new Fd(sys, sys.open(`/proc/${started.pid}/exe`, 0));
  using map = makeMap(sys, counters);
  using program = loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi: true });
  const sites = [{ offset: target.pushSite('main.hit')!, cookie: 0 }];
  using _attachment = attachUprobes(sys, program, { executable: link, pid: started.pid, sites });
  await deleted.call(100);
  expect(Number(map.words[0])).toBe(100);
});

it('caps the sites where there is no uprobe_multi', () => {
  using map = makeMap(sys, counters);
  using program = loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi: false });
  const sites = target
    .pushSites()
    .slice(0, 26)
    .map((offset, cookie) => ({ offset, cookie }));
  expect(() => attachUprobes(sys, program, { executable, pid: target.pid, sites })).toThrow(TooManySites);
});
