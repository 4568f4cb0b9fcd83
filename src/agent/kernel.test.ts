import { describe, expect, it } from 'vitest';
import { VerifierRejected } from '#bpf';
import { errno, FakeSys, SyscallFailed } from '#sys';
import { Kernel } from './kernel.ts';

const statusOf = (capabilities: bigint) =>
  `Name:\tnode\nTgid:\t1000\nUid:\t0\t0\t0\t0\nNSpid:\t1000\nTracerPid:\t0\nCapEff:\t${capabilities.toString(16)}\n`;
const all = (1n << 41n) - 1n;

function machine(capabilities: bigint): FakeSys {
  const sys = new FakeSys();
  sys.files.set('/proc/1000/status', statusOf(capabilities));
  return sys;
}

describe('what is missing is said, with what to do', () => {
  it('names every capability that is not there', () => {
    const kernel = new Kernel(machine(all & ~(1n << 39n) & ~(1n << 38n) & ~(1n << 21n)));
    expect(() => kernel.requirePrivileges()).toThrow(/CAP_BPF \(to .*CAP_PERFMON \(to .*sudo/);
    expect(() => kernel.requirePrivileges()).not.toThrow(/CAP_SYS_PTRACE/);
  });

  it('names a kernel without eBPF', () => {
    const sys = machine(all);
    sys.refuse = (call) => (call.startsWith('bpf') ? 'ENOSYS' : undefined);
    expect(() => new Kernel(sys).requirePrivileges()).toThrow(/this kernel does not offer eBPF: .*ENOSYS.*px doctor/s);
  });

  it('only where it is asked for: nothing is lost by looking early', () => {
    const sys = machine(all);
    sys.refuse = (call) => (call.startsWith('bpf') ? 'ENOSYS' : undefined);
    expect(() => new Kernel(sys).prepare()).not.toThrow();
    expect(() => new Kernel(new FakeSys()).prepare()).not.toThrow();
  });

  it('names a kernel without uprobes', () => {
    const sys = machine(all);
    // No uprobe PMU in /sys, and no link of that kind.
    sys.refuse = (call) => (call.includes('LINK_CREATE') || call === 'perf_event_open' ? 'EINVAL' : undefined);
    expect(() => new Kernel(sys).requirePrivileges()).toThrow(/this kernel places no uprobes: /);
  });
});

describe('the process filter', () => {
  it('is the plain pid in the first pid namespace, and pid and namespace below it', () => {
    const sys = machine(all);
    sys.files.set('/proc/7/status', statusOf(all).replace('NSpid:\t1000', 'NSpid:\t7\t3'));
    sys.statuses.set('/proc/7/ns/pid', { device: 4n, inode: 0xf000_0001n });
    expect(new Kernel(sys).filter(7)).toEqual({ tgid: 3, namespace: { device: 4n, inode: 0xf000_0001n } });
    sys.files.set('/proc/8/status', statusOf(all).replace('NSpid:\t1000', 'NSpid:\t8'));
    sys.statuses.set('/proc/8/ns/pid', { device: 4n, inode: 0xeffffffcn });
    expect(new Kernel(sys).filter(8)).toEqual({ tgid: 8 });
    expect(() => new Kernel(sys).filter(9)).toThrow(/process 9 has ended/);
  });
});

describe('a program that is too long for the verifier', () => {
  const refused = (name: 'E2BIG' | 'EACCES') =>
    new VerifierRejected('entry_0', 'BPF program is too large', new SyscallFailed('bpf(BPF_PROG_LOAD)', errno[name]));

  it('is made again, to follow less, as long as that is something; later ones begin there', () => {
    const sys = machine(all);
    // Where `may_goto` is not known.
    sys.refuse = (call, attr) =>
      call === 'bpf(BPF_PROG_LOAD)' && new TextDecoder().decode(attr!.bytes.subarray(48, 56)) === 'try_loop'
        ? 'EINVAL'
        : undefined;
    const kernel = new Kernel(sys);
    expect(kernel.emitFeatures).toMatchObject({ mayGoto: false, checkedSteps: 64 });
    expect(kernel.followLess(refused('EACCES'))).toBe(false);
    const steps = [];
    while (kernel.followLess(refused('E2BIG'))) steps.push(kernel.emitFeatures.checkedSteps);
    expect(steps).toEqual([32, 16, 8]);
  });

  it('with may_goto is a fault of ours', () => {
    expect(new Kernel(machine(all)).followLess(refused('E2BIG'))).toBe(false);
  });
});
