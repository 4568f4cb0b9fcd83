import { constants, openSync } from 'node:fs';
import { openElf } from '#elf';
import { readBuildInfo } from '#gobin';
import { type ProcessMapping, readExecutableLink, readMaps, type Sys } from '#sys';
import { Executable } from './executable.ts';
import { inflate } from './inflate.ts';
import { executableOf } from './process-executable.ts';

/** A plugin, or a library of `-buildmode=c-shared`. */
export interface GoLibrary {
  /** As the process has loaded it. */
  readonly path: string;
  readonly image: Executable;
}

/** What a process has loaded beside its executable and Go has built, opened. */
export class GoLibraries implements Disposable {
  readonly all: readonly GoLibrary[];
  /** Why something that was loaded could not be looked into: of each what and what to do. */
  readonly unread: readonly string[];
  #kept: Executable | undefined;

  /** @param except an image that is open already: none of these */
  constructor(sys: Sys, pid: number, except?: Executable) {
    const own = readExecutableLink(sys, pid)?.path;
    const all = new Map<string, GoLibrary>();
    const unread: string[] = [];
    for (const mapping of loadedFiles(readMaps(sys, pid) ?? [])) {
      const path = mapping.path.replace(deleted, '');
      if (path === own) continue;
      const image = openMapped(pid, mapping);
      if (typeof image === 'string') unread.push(image);
      if (!(image instanceof Executable)) continue;
      if (image.identity === except?.identity || all.has(image.identity) || !isGo(image)) image[Symbol.dispose]();
      else all.set(image.identity, { path, image });
    }
    this.all = [...all.values()];
    this.unread = unread;
  }

  /** One that stays open; whoever has it closes it. */
  keep(image: Executable): Executable {
    this.#kept = image;
    return image;
  }

  [Symbol.dispose](): void {
    for (const { image } of this.all) if (image !== this.#kept) image[Symbol.dispose]();
  }
}

/**
 * What of a process Go has built: its executable; where that is no Go program (Python, a server in C), the library of `-buildmode=c-shared` that it has
 * loaded, if that is one. Throws as `executableOf`.
 */
export function goImageOf(sys: Sys, pid: number): Executable {
  const own = executableOf(pid);
  if (isGo(own)) return own;
  using libraries = new GoLibraries(sys, pid);
  const [library, ...others] = libraries.all;
  if (library === undefined || others.length > 0) return own;
  own[Symbol.dispose]();
  return libraries.keep(library.image);
}

/** proc_pid_maps(5): what the path of a removed file ends in, also where another has its name now. */
const deleted = / \(deleted\)$/;

/** Of each file that has code in the process one mapping. */
function loadedFiles(mappings: readonly ProcessMapping[]): ProcessMapping[] {
  const code = mappings.filter(({ executable, path }) => executable && path.startsWith('/'));
  return [...new Map(code.map((mapping) => [`${mapping.device}:${mapping.inode}:${mapping.path}`, mapping])).values()];
}

/** The file as the process has it; undefined: it is not there (any more); a text: why it may not be read, and what to do. */
function openMapped(pid: number, { path, start, end }: ProcessMapping): Executable | string | undefined {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  if (!deleted.test(path)) {
    try {
      return new Executable(openSync(`/proc/${pid}/root${path}`, flags | constants.O_NOFOLLOW), pid);
    } catch {
      return undefined;
    }
  }
  try {
    return new Executable(openSync(`/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`, flags), pid);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'EACCES') return undefined;
    return `${path.replace(deleted, '')} was removed or replaced after the process had loaded it: to look into it, the agent needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (run it as root), or restart the process`;
  }
}

function isGo(file: Executable): boolean {
  try {
    return file.isFile && readBuildInfo(openElf(file, inflate)) !== undefined;
  } catch {
    return false;
  }
}
