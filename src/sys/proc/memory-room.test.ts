import { expect, it } from 'vitest';
import { FakeSys } from '../fake.ts';
import { parseCgroupMounts, readMemoryRoom } from './memory-room.ts';

const mib = 2 ** 20;
const none = '9223372036854771712\n';

function machine(mountinfo: string, cgroup: string, files: Record<string, string>): FakeSys {
  const sys = new FakeSys();
  sys.files.set('/proc/self/mountinfo', mountinfo).set('/proc/7/cgroup', cgroup);
  for (const [path, value] of Object.entries(files)) sys.files.set(`/sys/fs/cgroup${path}`, value);
  return sys;
}

const v2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';
const v1 = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:2 - cgroup cgroup rw,memory',
].join('\n');

it('v2: limit and usage of the own cgroup, without idle file pages', () => {
  const sys = machine(v2, '0::/system.slice/web.service\n', {
    '/system.slice/web.service/memory.max': `${64 * mib}\n`,
    '/system.slice/web.service/memory.current': `${60 * mib}\n`,
    '/system.slice/web.service/memory.stat': `anon 1\nfile 2\ninactive_file ${20 * mib}\nactive_file 3\n`,
  });
  expect(readMemoryRoom(sys, 7)).toEqual({
    cgroup: '/sys/fs/cgroup/system.slice/web.service',
    limit: 64 * mib,
    used: 40 * mib,
  });
});

it('v2: the ancestor with the least room counts; `max` and a root without files do not', () => {
  const sys = machine(v2, '0::/kubepods.slice/pod.slice/cri-x.scope\n', {
    '/kubepods.slice/memory.max': 'max\n',
    '/kubepods.slice/memory.current': '5\n',
    '/kubepods.slice/pod.slice/memory.max': `${100 * mib}\n`,
    '/kubepods.slice/pod.slice/memory.current': `${99 * mib}\n`,
    '/kubepods.slice/pod.slice/cri-x.scope/memory.max': `${50 * mib}\n`,
    '/kubepods.slice/pod.slice/cri-x.scope/memory.current': `${30 * mib}\n`,
  });
  expect(readMemoryRoom(sys, 7)).toEqual({
    cgroup: '/sys/fs/cgroup/kubepods.slice/pod.slice',
    limit: 100 * mib,
    used: 99 * mib,
  });
});

it('v1: the hierarchy of the memory controller, beside others', () => {
  const sys = machine(v1, '5:cpu:/a\n4:hugetlb,memory:/docker/abc\n1:name=systemd:/b\n0::/\n', {
    '/memory/memory.limit_in_bytes': none,
    '/memory/memory.usage_in_bytes': '9\n',
    '/memory/docker/memory.limit_in_bytes': none,
    '/memory/docker/memory.usage_in_bytes': '9\n',
    '/memory/docker/abc/memory.limit_in_bytes': `${8 * mib}\n`,
    '/memory/docker/abc/memory.usage_in_bytes': `${8 * mib}\n`,
    '/memory/docker/abc/memory.stat': `inactive_file 5\ntotal_inactive_file ${mib}\n`,
  });
  expect(readMemoryRoom(sys, 7)).toEqual({
    cgroup: '/sys/fs/cgroup/memory/docker/abc',
    limit: 8 * mib,
    used: 7 * mib,
  });
});

it('hybrid: v2 without a memory controller beside v1', () => {
  const hybrid = `${v1}\n38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`;
  const sys = machine(hybrid, '4:memory:/a\n0::/\n', {
    '/memory/a/memory.limit_in_bytes': '100\n',
    '/memory/a/memory.usage_in_bytes': '40\n',
  });
  expect(readMemoryRoom(sys, 7)).toEqual({ cgroup: '/sys/fs/cgroup/memory/a', limit: 100, used: 40 });
});

it('in a container that sees its own cgroup as the mount: paths count from there', () => {
  const inContainer = '35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n';
  const files = { '/memory/memory.limit_in_bytes': '100\n', '/memory/memory.usage_in_bytes': '40\n' };
  const room = { cgroup: '/sys/fs/cgroup/memory', limit: 100, used: 40 };
  expect(readMemoryRoom(machine(inContainer, '4:memory:/docker/abc\n', files), 7)).toEqual(room);
  expect(readMemoryRoom(machine(inContainer, '4:memory:/docker/abcd\n', files), 7)).toBeUndefined();
  expect(readMemoryRoom(machine(inContainer, '4:memory:/\n', files), 7)).toBeUndefined();
});

it('unknown: no limit anywhere, another cgroup namespace, no mount, no permission, no such process, nonsense', () => {
  const files = { '/x/memory.max': 'max\n', '/x/memory.current': '1\n' };
  expect(readMemoryRoom(machine(v2, '0::/x\n', files), 7)).toBeUndefined();
  expect(
    readMemoryRoom(machine(v2, '0::/../y\n', { '/memory.max': '1\n', '/memory.current': '1\n' }), 7),
  ).toBeUndefined();
  expect(readMemoryRoom(machine('', '0::/x\n', files), 7)).toBeUndefined();
  expect(readMemoryRoom(machine(v2, '0::/x\n', files), 8)).toBeUndefined();
  expect(readMemoryRoom(machine(v2, '', files), 7)).toBeUndefined();
  expect(
    readMemoryRoom(machine(v2, '0::/x\n', { '/x/memory.max': 'what\n', '/x/memory.current': '1\n' }), 7),
  ).toBeUndefined();
  const sys = machine(v2, '0::/x\n', { '/x/memory.max': '10\n', '/x/memory.current': '1\n' });
  expect(readMemoryRoom(sys, 7)?.limit).toBe(10);
  sys.refuse = (call, _attr, detail) => (call === 'read' && detail?.includes('memory.max') ? 'EACCES' : undefined);
  expect(readMemoryRoom(sys, 7)).toBeUndefined();
});

it('mount points with spaces', () => {
  const line = String.raw`30 23 0:26 / /mnt/a\040b rw - cgroup2 cgroup2 rw`;
  expect(parseCgroupMounts(line)).toEqual([{ version: 2, root: '/', at: '/mnt/a b' }]);
  expect(parseCgroupMounts('\nnonsense\n1 2\n')).toEqual([]);
});
