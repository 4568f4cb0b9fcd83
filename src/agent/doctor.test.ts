import { expect, it } from 'vitest';
import type { sonde } from '#api';
import type { Feature, KernelFeatures } from '#bpf';
import { FakeSys } from '#sys';
import { runChecks } from './doctor.ts';
import type { FloatsReport } from './floats.ts';
import type { Kernel } from './kernel.ts';

const present: Feature = { present: true };
const all: KernelFeatures = {
  bpf: present,
  ringBuffer: present,
  attachCookie: present,
  mayGoto: present,
  sleepable: present,
  namespacePid: present,
  perfLink: present,
  uprobeMulti: present,
  btf: present,
};
const refusedBpf: Feature = { present: false, reason: 'bpf(BPF_MAP_CREATE): EPERM' };
const nothing: KernelFeatures = {
  ...all,
  bpf: refusedBpf,
  ringBuffer: refusedBpf,
  attachCookie: refusedBpf,
  mayGoto: refusedBpf,
  sleepable: refusedBpf,
  namespacePid: refusedBpf,
  perfLink: refusedBpf,
  uprobeMulti: refusedBpf,
};

const found = { state: { flags: 0, fpstate: 3280, area: 64, savedBit: 14 }, saveNs: 9400 };
const everyCpu: FloatsReport = { found, cpus: [0, 1], lacking: new Map() };

interface Machine {
  readonly features?: KernelFeatures;
  readonly floats?: FloatsReport;
  readonly capabilities?: bigint;
  readonly files?: Readonly<Record<string, string>>;
}

/** What doctor says of a machine: name → check. */
async function examine(machine: Machine): Promise<Map<string, sonde.DoctorCheck>> {
  const sys = new FakeSys();
  const bits = (machine.capabilities ?? 0x1ff_ffff_ffffn).toString(16);
  sys.files
    .set('/proc/sys/kernel/osrelease', '6.18.0\n')
    .set('/proc/self/uid_map', '0 0 4294967295\n')
    .set('/proc/1000/status', `Uid:\t0\t0\t0\t0\nCapEff:\t${bits}\n`);
  for (const [path, text] of Object.entries(machine.files ?? {})) sys.files.set(path, text);
  sys.statuses.set('/proc/self/ns/pid', { inode: 0xef_ff_ff_fcn });
  const features = machine.features ?? all;
  const cost = { emulatedNs: 870, steppedNs: 13_300, latencyFloor: { emulatedNs: 700, steppedNs: 12_345 } };
  const floats = { report: () => machine.floats ?? everyCpu };
  const kernel = { features, floats, hitCost: async () => cost } as unknown as Kernel;
  const checks = new Map<string, sonde.DoctorCheck>();
  await runChecks(sys, kernel, async (check) => {
    expect(checks.has(check.name)).toBe(false);
    checks.set(check.name, check);
  });
  expect(sys.openDescriptors).toEqual([]);
  return checks;
}

const states = (checks: Map<string, sonde.DoctorCheck>, state: string) =>
  [...checks.values()].filter((check) => check.state === state).map(({ name }) => name);

it('a machine that has everything: all is well, with numbers', async () => {
  const checks = await examine({});
  expect(states(checks, 'missing')).toEqual([]);
  expect(states(checks, 'warning')).toEqual([]);
  expect(checks.get('cost of one hit')?.detail).toMatch(/870 ns .*13300 ns/);
  expect(checks.get('latency floor')?.detail).toMatch(/0\.7 µs .*12 µs/);
  expect([...checks.values()].every(({ advice }) => advice === '')).toBe(true);
});

it('no rights: each capability with how to get it; what was not tried is not blamed on the kernel', async () => {
  const checks = await examine({ features: nothing, capabilities: 0n });
  expect(states(checks, 'missing')).toEqual([
    'CAP_BPF',
    'CAP_PERFMON',
    'CAP_SYS_PTRACE',
    'eBPF',
    'BPF ring buffer',
    'uprobes by perf link',
    'cost of one hit',
  ]);
  expect(checks.get('CAP_BPF')?.advice).toMatch(/sudo.*--cap-add BPF/);
  expect(checks.get('eBPF')?.detail).toMatch(/EPERM/);
  expect(checks.get('BPF ring buffer')).toMatchObject({
    detail: 'not tried: eBPF does not work',
    advice: 'see the rights above',
  });
  expect(checks.has('latency floor')).toBe(false);
});

it('without uprobe_multi: what that costs; perf links need CAP_SYS_ADMIN', async () => {
  const uprobeMulti: Feature = { present: false, reason: 'this kernel does not know it' };
  const older = await examine({ features: { ...all, uprobeMulti } });
  expect(older.get('uprobe_multi links')).toMatchObject({ state: 'warning' });
  expect(older.get('uprobe_multi links')?.advice).toMatch(/25 sites.*0\.1 s.*CAP_SYS_ADMIN/);
  expect(states(older, 'missing')).toEqual([]);

  const perfLink: Feature = { present: false, reason: 'perf_event_open: EACCES: … need CAP_SYS_ADMIN' };
  const neither = await examine({ features: { ...all, uprobeMulti, perfLink } });
  expect(states(neither, 'missing')).toEqual(['uprobes by perf link', 'cost of one hit']);
  const capable = await examine({ features: { ...all, perfLink } });
  expect(capable.get('uprobes by perf link')).toMatchObject({ state: 'ok' });
  expect(capable.get('uprobes by perf link')?.detail).toMatch(/not needed.*CAP_SYS_ADMIN/);
});

it('lockdown, a user namespace, a security profile', async () => {
  const checks = await examine({
    files: {
      '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n',
      '/proc/self/uid_map': '0 1000 1\n',
      '/proc/self/attr/current': 'docker-default (enforce)\n',
    },
  });
  expect(checks.get('lockdown')).toMatchObject({ state: 'warning' });
  expect(checks.get('user namespace')).toMatchObject({ state: 'missing' });
  expect(checks.get('security profile')?.detail).toMatch(/docker-default/);
});

it('floats in registers: on how many CPUs, at what cost; what is lacking, per CPU', async () => {
  expect((await examine({})).get('floats in registers')).toMatchObject({
    state: 'ok',
    detail: 'can be read: a kicker on 2 of 2 CPUs; a hit waits 9.4 µs for them',
  });
  const lacking = new Map([[1, 'sched_setaffinity to CPU 1: EINVAL']]);
  expect((await examine({ floats: { found, cpus: [0], lacking } })).get('floats in registers')).toMatchObject({
    state: 'warning',
    detail: expect.stringMatching(/on 1 of 2 CPUs; .*; CPU 1: no kicker: sched_setaffinity to CPU 1: EINVAL$/),
    advice: expect.stringContaining('cpuset'),
  });
  const none = { found: 'the bit is not there', cpus: [], lacking: new Map() };
  expect((await examine({ floats: none })).get('floats in registers')).toMatchObject({
    state: 'warning',
    detail: 'the bit is not there',
    advice: expect.stringContaining('not captured'),
  });
});
