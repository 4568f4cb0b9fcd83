import { expect, it } from 'vitest';
import { FakeSys } from '../fake.ts';
import { inFirstUserNamespace, readSecurityProfile } from './confinement.ts';

it('knows the first user namespace', () => {
  const sys = new FakeSys();
  expect(inFirstUserNamespace(sys)).toBeUndefined();
  const mapped = (map: string) => {
    sys.files.set('/proc/self/uid_map', map);
    return inFirstUserNamespace(sys);
  };
  expect(mapped('         0          0 4294967295\n')).toBe(true);
  expect(mapped('         0       1000          1\n')).toBe(false);
  expect(mapped('         0       1000          1\n         1     100000      65536\n')).toBe(false);
});

it('knows what confines this process', () => {
  const sys = new FakeSys();
  expect(readSecurityProfile(sys)).toBeUndefined();
  const labelled = (label: string) => {
    sys.files.set('/proc/self/attr/current', label);
    return readSecurityProfile(sys);
  };
  expect(labelled('unconfined\n')).toBeUndefined();
  expect(labelled('unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\0')).toBeUndefined();
  expect(labelled('docker-default (enforce)\n')).toBe('docker-default (enforce)');
  expect(labelled('system_u:system_r:container_t:s0:c1,c2\0')).toBe('system_u:system_r:container_t:s0:c1,c2');
});
