import { openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { openDescriptors } from '../../testing/deployer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { temporaryFolder } from '../../testing/process.ts';
import { Executable } from './executable.ts';
import { executableOf } from './process-executable.ts';
import { GoLibraries, goImageOf } from './shared-objects.ts';

/** This process, which is no Go program, as if it had loaded these files. */
function withLoaded(own: string, ...loaded: string[]): FakeSys {
  const sys = new FakeSys();
  const mapping = (path: string, i: number) => `${i + 1}000-${i + 1}800 r-xp 00000000 08:01 ${i + 7} ${path}`;
  sys.files.set(`/proc/${process.pid}/maps`, [own, ...loaded, '[vdso]'].map(mapping).join('\n'));
  sys.links.set(`/proc/${process.pid}/exe`, own);
  return sys;
}

it('what of a process Go has built: one library that a program of another language has loaded; of several none', async () => {
  const [one, other] = await Promise.all([
    goFixture({ source: 'examples/simple-gotracing' }),
    goFixture({ source: 'examples/simple-gotracing', flags: ['-ldflags=-w'] }),
  ]);
  const link = join(temporaryFolder('sonde-shared-'), 'link');
  symlinkSync(one, link);
  const identity = (of: Executable) => {
    using file = of;
    return file.identity;
  };
  const image = (sys: FakeSys) => identity(goImageOf(sys, process.pid));
  const library = identity(new Executable(openSync(one, 'r')));
  const own = identity(executableOf(process.pid));
  expect(image(withLoaded('/bin/other', process.execPath, one, one))).toBe(library);
  expect(image(withLoaded('/bin/other', one, other))).toBe(own);
  expect(image(withLoaded('/bin/other', '/no/such/file', link))).toBe(own);

  const beside = (...loaded: string[]) => {
    using except = new Executable(openSync(one, 'r'));
    using libraries = new GoLibraries(withLoaded('/bin/other', ...loaded), process.pid, except);
    return libraries.all.map(({ path }) => path);
  };
  expect(beside(one)).toEqual([]);
  expect(beside(one, other, `${other} (deleted)`)).toEqual([other]);
  expect(beside(process.execPath, link)).toEqual([]);
});

it('of the libraries that were opened only the one that is kept stays open', async () => {
  const files = await Promise.all([
    goFixture({ source: 'examples/simple-gotracing' }),
    goFixture({ source: 'examples/simple-gotracing', flags: ['-ldflags=-w'] }),
  ]);
  const before = openDescriptors();
  const libraries = new GoLibraries(withLoaded('/bin/other', ...files, ...files, process.execPath), process.pid);
  expect(libraries.all).toHaveLength(2);
  expect(openDescriptors()).toBe(before + 2);
  const kept = libraries.keep(libraries.all[1]!.image);
  libraries[Symbol.dispose]();
  expect(openDescriptors()).toBe(before + 1);
  kept[Symbol.dispose]();
});
