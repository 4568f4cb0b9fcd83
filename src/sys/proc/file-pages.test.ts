import { expect, it } from 'vitest';
import { FakeSys } from '../fake.ts';
import { parseFilePages, releaseFilePages } from './file-pages.ts';

const mapping = (head: string, anonymousKb: number) => `${head}
Size:                640 kB
Rss:                 128 kB
Anonymous:      ${String(anonymousKb).padStart(8)} kB
Locked:                0 kB
VmFlags: rd ex mr mw me
`;

it('takes only pages that are those of a file', () => {
  const smaps = [
    mapping('00400000-004a0000 r-xp 00000000 103:05 247278                     /srv/my app', 0),
    mapping('004a0000-0057c000 r--p 000a0000 103:05 247278                     /srv/my app', 0),
    mapping('0057c000-00587000 rw-p 0017c000 103:05 247278                     /srv/my app', 0),
    mapping('7f0000000000-7f0000001000 r--p 00001000 00:2b 9                   /lib/relocated.so', 4),
    mapping('7f0000002000-7f0000003000 r--s 00001000 00:2b 9                   /dev/shm/shared', 0),
    mapping('7f0000004000-7f0000005000 r-xp 00000000 00:00 0 ', 0),
    mapping('7ffd1c9f0000-7ffd1ca11000 r-xp 00000000 00:00 0                   [vdso]', 0),
  ].join('');
  expect(parseFilePages(smaps)).toEqual([
    { start: 0x400000, bytes: 0xa0000 },
    { start: 0x4a0000, bytes: 0xdc000 },
  ]);
});

it('goes on where it is not let look', () => {
  expect(() => releaseFilePages(new FakeSys())).not.toThrow();
});
