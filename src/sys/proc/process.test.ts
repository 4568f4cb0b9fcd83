import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeSys } from '../fake.ts';
import { missingCapabilities } from './capability.ts';
import {
  isFirstPidNamespace,
  listPids,
  parseStat,
  parseStatus,
  readCommandLine,
  readExecutableLink,
  readProcessStat,
  readProcessStatus,
} from './process.ts';

const behind = 'S 41 42 42 0 -1 4194304 99 0 0 0 3 4 0 0 20 0 7 0 148723 3133440 362 18446744073709551615';

it('reads the start time whatever the name is', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 15 }), (comm) => {
      expect(parseStat(`77 (${comm}) ${behind}\n`)).toEqual({
        comm,
        state: 'S',
        parent: 41,
        threads: 7,
        startTicks: 148723n,
      });
    }),
  );
  expect(parseStat('77 (evil) R 1 2) S 41')).toBeUndefined();
  expect(parseStat('')).toBeUndefined();
});

const status = `Name:\tUid:
Tgid:\t1234
TracerPid:\t17
Uid:\t1000\t0\t1000\t1000
NSpid:\t1234\t56\t7
CapEff:\t000001fffeffffff
`;

it('reads ids, namespaces, debugger and capabilities', () => {
  expect(parseStatus(status)).toEqual({
    uid: 1000,
    effectiveUid: 0,
    namespacePids: [1234, 56, 7],
    tracer: 17,
    effectiveCapabilities: 0x1fffeffffffn,
  });
  expect(parseStatus(status.replace(/NSpid.*\n/, ''))?.namespacePids).toEqual([1234]);
  expect(parseStatus('Name:\tx\n')).toBeUndefined();
});

it('gives undefined for a process that is gone, or goes while it is read', () => {
  const sys = new FakeSys();
  expect(readProcessStat(sys, 5)).toBeUndefined();
  sys.files.set('/proc/5/stat', `5 (x) ${behind}`).set('/proc/5/cmdline', 'a\0b c\0');
  expect(readCommandLine(sys, 5)).toEqual(['a', 'b c']);
  sys.refuse = () => 'ESRCH';
  expect(readProcessStat(sys, 5)).toBeUndefined();
  expect(readProcessStatus(sys, 5)).toBeUndefined();
  expect(readCommandLine(sys, 5)).toBeUndefined();
  expect(readExecutableLink(sys, 5)).toBeUndefined();
});

it('throws when it may not look', () => {
  const sys = new FakeSys();
  sys.refuse = () => 'EACCES';
  expect(() => readExecutableLink(sys, 5)).toThrow(/CAP_SYS_PTRACE/);
});

it('knows a deleted executable from one with such a name', () => {
  const sys = new FakeSys();
  sys.links.set('/proc/5/exe', '/bin/x (deleted)').set('/proc/6/exe', '/bin/y');
  sys.statuses.set('/proc/5/exe', { inode: 9n });
  expect(readExecutableLink(sys, 6)).toEqual({ path: '/bin/y', deleted: false });
  expect(readExecutableLink(sys, 5)).toEqual({ path: '/bin/x', deleted: true });
  sys.statuses.set('/proc/5/root/bin/x (deleted)', { inode: 8n });
  expect(readExecutableLink(sys, 5)).toEqual({ path: '/bin/x', deleted: true });
  sys.statuses.set('/proc/5/root/bin/x (deleted)', { inode: 9n });
  expect(readExecutableLink(sys, 5)).toEqual({ path: '/bin/x (deleted)', deleted: false });
});

it('lists processes only', () => {
  const sys = new FakeSys();
  for (const name of ['20', '3', 'self', 'sys/kernel', '100', '0x1']) sys.files.set(`/proc/${name}/stat`, '');
  expect(listPids(sys)).toEqual([3, 20, 100]);
});

it('says which capabilities are missing', () => {
  const sys = new FakeSys();
  const having = (bits: bigint) =>
    sys.files.set('/proc/1000/status', `Uid:\t1\t1\t1\t1\nCapEff:\t${bits.toString(16)}\n`);
  having(0n);
  expect(missingCapabilities(sys)).toEqual(['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_PTRACE']);
  having((1n << 39n) | (1n << 19n));
  expect(missingCapabilities(sys)).toEqual(['CAP_PERFMON']);
  having(1n << 21n);
  expect(missingCapabilities(sys)).toEqual(['CAP_SYS_PTRACE']);
});

it('knows the first pid namespace', () => {
  expect(isFirstPidNamespace({ device: 4n, inode: 4026531836n })).toBe(true);
  expect(isFirstPidNamespace({ device: 4n, inode: 4026532836n })).toBe(false);
});
