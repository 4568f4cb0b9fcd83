import { constants, openSync } from 'node:fs';
import { openElf } from '#elf';
import { readBuildInfo } from '#gobin';
import { readExecutableLink, readMaps, type Sys } from '#sys';
import { Executable } from './executable.ts';
import { inflate } from './inflate.ts';

/**
 * What to tell who looks in vain for a function of a process: it may be in what the process has loaded beside its executable and Go has built, a plugin or a
 * library of `-buildmode=c-shared`.
 */
export function sharedObjectHints(sys: Sys, pid: number): string[] {
  const own = readExecutableLink(sys, pid)?.path;
  const code = (readMaps(sys, pid) ?? []).filter(({ executable, path }) => executable && path.startsWith('/'));
  const paths = [...new Set(code.map(({ path }) => path))].filter((path) => path !== own);
  return paths
    .filter((path) => isGo(`/proc/${pid}/root${path}`))
    .map((path) => `the process has loaded Go code from ${path}: plugins and shared libraries are not traced`);
}

function isGo(path: string): boolean {
  try {
    using file = new Executable(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    return file.isFile && readBuildInfo(openElf(file, inflate)) !== undefined;
  } catch {
    return false;
  }
}
