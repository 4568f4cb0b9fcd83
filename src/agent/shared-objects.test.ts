import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { goFixture } from '../../testing/go-fixtures.ts';
import { temporaryFolder } from '../../testing/process.ts';
import { sharedObjectHints } from './shared-objects.ts';

it('names what a process has loaded and Go has built, beside its executable', async () => {
  const go = await goFixture({ source: 'examples/simple-gotracing' });
  const link = join(temporaryFolder('sonde-shared-'), 'link');
  symlinkSync(go, link);
  const hints = (own: string, ...loaded: string[]) => {
    const sys = new FakeSys();
    const mapping = (path: string, i: number) => `${i + 1}000-${i + 1}800 r-xp 00000000 08:01 ${i + 7} ${path}`;
    sys.files.set(`/proc/${process.pid}/maps`, [own, ...loaded, '[vdso]'].map(mapping).join('\n'));
    sys.links.set(`/proc/${process.pid}/exe`, own);
    return sharedObjectHints(sys, process.pid);
  };
  expect(hints('/bin/other', go, go)).toEqual([
    `the process has loaded Go code from ${go}: plugins and shared libraries are not traced`,
  ]);
  expect(hints(go)).toEqual([]);
  expect(hints('/bin/other', process.execPath, '/no/such/file', link)).toEqual([]);
});
