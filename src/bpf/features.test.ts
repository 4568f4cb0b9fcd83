import { expect, it, vi } from 'vitest';
import { FakeSys } from '#sys';
import { kernelFeatures } from './features.ts';

it('gives one reason for everything when nothing may be loaded', () => {
  const sys = new FakeSys();
  sys.refuse = (call) => (call.startsWith('bpf(') ? 'EPERM' : undefined);
  const features = kernelFeatures(sys);
  expect(Object.values(features).every(({ present }) => !present)).toBe(true);
  expect(features.uprobeMulti.reason).toMatch(/CAP_BPF and CAP_PERFMON/);
  expect(sys.openDescriptors).toEqual([]);
});

it('believes only a probe that fired', async () => {
  const sys = new FakeSys();
  sys.files.set('/sys/bus/event_source/devices/uprobe/type', '7\n');
  const features = kernelFeatures(sys);
  expect(features.ringBuffer).toEqual({ present: true });
  expect(features.perfLink.reason).toMatch(/did not fire/);
  expect(features.btf.present).toBe(false);
  await new Promise(setImmediate);
  expect(sys.openDescriptors).toEqual([]);
});

it('says what a kernel without uprobe_multi answered', () => {
  const sys = new FakeSys();
  sys.refuse = (call, attr) => (call === 'bpf(BPF_PROG_LOAD)' && attr!.getU32(68) === 48 ? 'EINVAL' : undefined);
  expect(kernelFeatures(sys).uprobeMulti.reason).toMatch(/does not know it .*EINVAL/);
});

/** A kernel whose probes fire: it counts in word 0 of every mapped array and leaves the cookie in word 1. */
function firing(threads: readonly string[]): FakeSys {
  const sys = new FakeSys();
  sys.files.set('/sys/bus/event_source/devices/uprobe/type', '7\n');
  sys.onNativeCall = (thread) => {
    if (!threads.includes(thread)) return;
    for (const opened of sys.descriptors.values()) {
      const page = opened.kind === 'map' && opened.pages.get(0);
      if (!page) continue;
      const words = new BigUint64Array(page);
      words[0]! += 1n;
      words[1] = 0x5en;
    }
  };
  return sys;
}

it('takes a uprobe_multi that fires on every thread', () => {
  expect(kernelFeatures(firing(['this', 'other'])).uprobeMulti).toEqual({ present: true });
});

it('does not take one whose process filter knows one thread only', () => {
  expect(kernelFeatures(firing(['this'])).uprobeMulti.reason).toMatch(/one thread of the process only/);
});

it('can be told to do without uprobe_multi', () => {
  vi.stubEnv('SONDE_NO_UPROBE_MULTI', '1');
  const features = kernelFeatures(firing(['this', 'other']));
  vi.unstubAllEnvs();
  expect(features.perfLink).toEqual({ present: true });
  expect(features.uprobeMulti.reason).toMatch(/SONDE_NO_UPROBE_MULTI/);
});
