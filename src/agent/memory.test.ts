import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { requireMemory } from './memory.ts';

function limited(limit: string, used: number): FakeSys {
  const sys = new FakeSys();
  sys.files
    .set('/proc/self/mountinfo', '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n')
    .set('/proc/7/cgroup', '0::/web\n')
    .set('/sys/fs/cgroup/web/memory.max', `${limit}\n`)
    .set('/sys/fs/cgroup/web/memory.current', `${used}\n`);
  return sys;
}

const mib = 2 ** 20;

it('refuses what would leave less than the reserve, with the numbers', () => {
  const used = 64 * mib - mib - 2 * 4096;
  requireMemory(limited(String(64 * mib), used), 7, 2);
  expect(() => requireMemory(limited(String(64 * mib), used), 7, 3)).toThrow(
    /process 7 would need 12 KiB .*\(3 private copies.*limit of 65536 KiB it has used 64504 KiB.*\/sys\/fs\/cgroup\/web/,
  );
});

it('asks nobody for nothing; goes on where no limit is known', () => {
  requireMemory(limited('4096', 4096), 7, 0);
  requireMemory(limited('max', 4096), 7, 1000);
  requireMemory(new FakeSys(), 7, 1000);
});
