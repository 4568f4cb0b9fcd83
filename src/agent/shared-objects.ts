import { constants, openSync } from 'node:fs';
import { openElf } from '#elf';
import { readBuildInfo } from '#gobin';
import { readExecutableLink, readMaps, type Sys } from '#sys';
import { Executable } from './executable.ts';
import { inflate } from './inflate.ts';
import { executableOf } from './process-executable.ts';

/**
 * What of a process Go has built: its executable; where that is no Go program (Python, a server in C), the library of `-buildmode=c-shared` that it has
 * loaded, if that is one. Throws as `executableOf`.
 */
export function goImageOf(sys: Sys, pid: number): Executable {
  const own = executableOf(pid);
  const [path, ...others] = isGo(own) ? [] : goLibraries(sys, pid);
  const library = path === undefined || others.length > 0 ? undefined : openLibrary(pid, path);
  if (library === undefined) return own;
  own[Symbol.dispose]();
  return library;
}

/** Paths of what else it has loaded and Go has built. */
export function goPathsBeside(sys: Sys, pid: number): string[] {
  using image = goImageOf(sys, pid);
  return goLibraries(sys, pid).filter((path) => {
    using library = openLibrary(pid, path);
    return library?.identity !== image.identity;
  });
}

/** What a process has loaded and Go has built beside its own image: plugins, and libraries. */
export function goLibrariesBeside(sys: Sys, pid: number, own: Executable): Executable[] {
  const opened = goLibraries(sys, pid).flatMap((path) => openLibrary(pid, path) ?? []);
  return opened.filter((library) => {
    if (library.identity !== own.identity) return true;
    library[Symbol.dispose]();
    return false;
  });
}

/** Paths of what a process has loaded beside its executable and Go has built: plugins and libraries. */
function goLibraries(sys: Sys, pid: number): string[] {
  const own = readExecutableLink(sys, pid)?.path;
  const code = (readMaps(sys, pid) ?? []).filter(({ executable, path }) => executable && path.startsWith('/'));
  const paths = [...new Set(code.map(({ path }) => path))].filter((path) => path !== own);
  return paths.filter((path) => {
    using file = openLibrary(pid, path);
    return file !== undefined && isGo(file);
  });
}

/** As the process has it; undefined: there is no such file (any more). */
function openLibrary(pid: number, path: string): Executable | undefined {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return new Executable(openSync(`/proc/${pid}/root${path}`, flags), pid);
  } catch {
    return undefined;
  }
}

function isGo(file: Executable): boolean {
  try {
    return file.isFile && readBuildInfo(openElf(file, inflate)) !== undefined;
  } catch {
    return false;
  }
}
