import { expect, it } from 'vitest';
import { fileOffset } from '#base';
import { FakeSys } from '../fake.ts';
import { addressOfOffset, mappingsOf, parseMaps, readMaps } from './maps.ts';

const text = `00400000-004a0000 r-xp 00000000 103:05 247278                     /srv/my app
004a0000-0057c000 r--p 000a0000 103:05 247278                     /srv/my app
0057c000-00587000 rw-p 0017c000 103:05 247278                     /srv/my app
c000000000-c000400000 rw-p 00000000 00:00 0
7f0000000000-7f0000001000 r-xs 00001000 00:2b 9 /dev/shm/line\\012break (deleted)
7ffd1c9f0000-7ffd1ca11000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
7f00000020
`;

it('reads every whole line', () => {
  const maps = parseMaps(text);
  expect(maps).toHaveLength(6);
  expect(maps[0]).toEqual({
    start: 0x400000,
    end: 0x4a0000,
    executable: true,
    writable: false,
    private: true,
    offset: 0,
    device: (0x103n << 8n) | 5n,
    inode: 247278n,
    path: '/srv/my app',
  });
  expect(maps[4]).toMatchObject({ start: 0x7f0000000000, private: false, path: '/dev/shm/line\nbreak (deleted)' });
  expect(maps[5]!.path).toBe('[stack]');
});

it('maps file offsets to addresses where code can be probed, and nowhere else', () => {
  const maps = parseMaps(text);
  expect(addressOfOffset(maps, fileOffset(0x9fce0))).toBe(0x49fce0);
  expect(addressOfOffset(maps, fileOffset(0x9ffff))).toBe(0x49ffff);
  expect(addressOfOffset(maps, fileOffset(0xa0000))).toBeUndefined();
  // Shared, not private.
  expect(addressOfOffset(maps.slice(4), fileOffset(0x1000))).toBeUndefined();
});

it('finds the mappings of a file by inode, else by path, else by the mapped file itself', () => {
  const sys = new FakeSys();
  sys.files.set('/proc/5/maps', text);
  const maps = readMaps(sys, 5)!;
  const status = { size: 0, changedNs: 0n, uid: 0, mode: 0 };
  const found = (device: bigint, inode: bigint) => mappingsOf(sys, 5, maps, { ...status, device, inode });
  expect(found(0x10305n, 247278n)).toEqual(maps.slice(0, 3));
  expect(found(0x2bn, 247278n)).toEqual([]);
  // An overlay mount: other numbers in maps than in stat.
  sys.links.set('/proc/5/exe', '/srv/my app');
  sys.statuses.set('/proc/5/exe', { device: 0x2bn, inode: 247278n });
  expect(found(0x2bn, 247278n)).toEqual(maps.slice(0, 3));
  // A library there, or a plugin: the executable's name says nothing of it.
  expect(found(0x2bn, 33n)).toEqual([]);
  sys.statuses.set('/proc/5/map_files/400000-4a0000', { device: 0x2bn, inode: 33n });
  expect(found(0x2bn, 33n)).toEqual([maps[0]]);
});

it('is undefined for a process that is gone', () => {
  expect(readMaps(new FakeSys(), 5)).toBeUndefined();
});
