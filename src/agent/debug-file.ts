import { fstatSync, openSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeUtf8, SondeError } from '#base';
import { UserError } from '#door';
import type { Elf } from '#elf';
import { type GoBinary, OtherDebugFile } from '#gobin';
import { Fd, openFlag, resolveFlag, type Sys, SyscallFailed } from '#sys';
import { Executable } from './executable.ts';

/** Opens a plain file of one root file system, the agent's or a process's; undefined for anything else. */
type Opener = (path: string) => Executable | undefined;

interface Found {
  readonly binary: GoBinary;
  readonly file: Executable;
}

/** Where distributions keep debug info. */
const system = '/usr/lib/debug';

/** Bytes that are read at once for a checksum. */
const checkedPart = 1 << 20;

/**
 * The debug info of an executable that has none: at the path that somebody gives, else by build id and by `.gnu_debuglink`, as gdb looks for it ("Debugging
 * Information in Separate Files"), in the process's own files and in ours. What is found by itself and will not do is passed over.
 * @param read opens both together: throws OtherDebugFile where they do not belong together
 * @throws UserError for a given path that will not do
 */
export function findDebugFile(
  sys: Sys,
  elf: Elf,
  executable: Executable,
  given: string | undefined,
  read: (debugFile: Executable) => GoBinary,
): Found | undefined {
  const { pid } = executable;
  const own: Opener = (path) => open(sys, () => sys.open(path, openFlag.path));
  const roots = pid === 0 ? [own] : [inRootOf(sys, pid), own];
  if (given !== undefined) return givenFile(given, roots, read);
  const id = elf.gnuBuildId;
  if (id !== undefined && id.length > 2) {
    const path = join(system, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
    const found = first(roots, [path], read);
    if (found !== undefined) return found;
  }
  const link = debugLink(elf);
  const folder = link && folderOf(pid);
  if (link === undefined || folder === undefined) return undefined;
  const checked = (file: Executable) => {
    if (checksum(file) !== link.crc) throw new OtherDebugFile('', '');
    return read(file);
  };
  // Beside the executable is where its process sees that: the same path of ours has nothing to do with it.
  const beside = [join(folder, link.name), join(folder, '.debug', link.name)];
  return first([inRootOf(sys, pid)], beside, checked) ?? first(roots, [join(system, folder, link.name)], checked);
}

function givenFile(path: string, roots: readonly Opener[], read: (debugFile: Executable) => GoBinary): Found {
  let failure: unknown;
  // Its path is one of the agent's machine; of a process in a container perhaps one of that.
  for (const root of roots.toReversed()) {
    const file = root(path);
    if (file === undefined) continue;
    try {
      const binary = read(file);
      if (binary.hasDebugInfo) return { binary, file };
      failure = new UserError(`the debug file ${path} has no debug info itself`);
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      failure = new UserError(`the debug file ${path} cannot be used: ${error.message}`);
    }
    file[Symbol.dispose]();
  }
  throw (
    failure ?? new UserError(`there is no debug file ${path} on the agent's machine, nor in the process's own files`)
  );
}

/** The first file that is there and belongs to the executable. */
function first(
  roots: readonly Opener[],
  paths: readonly string[],
  read: (debugFile: Executable) => GoBinary,
): Found | undefined {
  for (const path of paths) {
    for (const root of roots) {
      const file = root(path);
      if (file === undefined) continue;
      try {
        const binary = read(file);
        if (binary.hasDebugInfo) return { binary, file };
      } catch (error) {
        if (!(error instanceof SondeError)) throw error;
      }
      file[Symbol.dispose]();
    }
  }
  return undefined;
}

/** In the root of a process, for links too: what lies in a container has no say in what the agent reads outside of it. */
function inRootOf(sys: Sys, pid: number): Opener {
  return (path) =>
    open(sys, () => {
      using root = new Fd(sys, sys.open(`/proc/${pid}/root`, openFlag.path | openFlag.directory));
      return sys.openat2(root.number, path, openFlag.path, resolveFlag.inRoot | resolveFlag.noMagicLinks);
    });
}

/** `find` gives a descriptor (O_PATH) of a file that is opened only once it is known to be a plain one: opening a pipe waits, opening a device may do anything. */
function open(sys: Sys, find: () => number): Executable | undefined {
  try {
    using found = new Fd(sys, find());
    return fstatSync(found.number).isFile()
      ? new Executable(openSync(`/proc/self/fd/${found.number}`, 'r'))
      : undefined;
  } catch (error) {
    if (error instanceof SyscallFailed || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/** `.gnu_debuglink`: a name, zeros to the next word, the checksum of the whole file. */
function debugLink(elf: Elf): { readonly name: string; readonly crc: number } | undefined {
  const bytes = elf.section('.gnu_debuglink');
  if (bytes === undefined || bytes.length < 8) return undefined;
  const name = decodeUtf8(bytes.subarray(0, bytes.indexOf(0)));
  if (name === '' || name !== basename(name)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name, crc: view.getUint32(bytes.length - 4, true) };
}

function checksum(file: Executable): number {
  let sum = 0;
  for (let at = 0; at < file.size; at += checkedPart) sum = crc32(file.read(at, checkedPart), sum);
  return sum;
}

/** Of the executable, in its own root. */
function folderOf(pid: number): string | undefined {
  try {
    const [root, path] = [readlinkSync(`/proc/${pid}/root`), readlinkSync(`/proc/${pid}/exe`)];
    // After chroot, unlike in a mount namespace of its own, the path is told from our root.
    return dirname(root !== '/' && path.startsWith(`${root}/`) ? path.slice(root.length) : path);
  } catch {
    return undefined;
  }
}
