import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { Floats } from './floats.ts';

it('says in one line why floats in registers cannot be had', () => {
  const locked = new FakeSys();
  locked.files.set('/sys/kernel/security/lockdown', 'none integrity [confidentiality]\n');
  expect(new Floats(locked, () => true).find()).toMatch(/^kernel lockdown forbids/);
  expect(locked.openDescriptors).toEqual([]);

  const noThreads = new FakeSys();
  noThreads.files.set('/sys/devices/system/cpu/online', '0,2-3\n');
  noThreads.refuse = (call) => (call === 'pthread_create' ? 'EPERM' : undefined);
  const { found, cpus } = new Floats(noThreads, () => true).report();
  expect(found).toMatch(/^pthread_create: EPERM/);
  expect(cpus).toEqual([]);
  // Each CPU was tried, and nothing of it is left.
  expect(noThreads.calls.filter(({ call }) => call === 'pthread_create')).toHaveLength(3);
  expect(noThreads.openDescriptors).toEqual([]);
});
