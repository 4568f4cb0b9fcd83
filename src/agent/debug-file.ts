import { constants, openSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeUtf8, SondeError } from '#base';
import { UserError } from '#door';
import type { Elf } from '#elf';
import { type GoBinary, OtherDebugFile } from '#gobin';
import { Executable } from './executable.ts';

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
  elf: Elf,
  executable: Executable,
  given: string | undefined,
  read: (debugFile: Executable) => GoBinary,
): Found | undefined {
  const roots = executable.pid === 0 ? [''] : [`/proc/${executable.pid}/root`, ''];
  if (given !== undefined) return givenFile(given, roots, read);
  const id = elf.gnuBuildId;
  if (id !== undefined && id.length > 2) {
    const path = join(system, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
    const found = first(
      roots.map((root) => root + path),
      read,
    );
    if (found !== undefined) return found;
  }
  const link = debugLink(elf);
  const folder = link && folderOf(executable.pid);
  if (link === undefined || folder === undefined) return undefined;
  const paths = [join(folder, link.name), join(folder, '.debug', link.name), join(system, folder, link.name)];
  const candidates = paths.flatMap((path) => roots.map((root) => root + path));
  return first(candidates, (file) => {
    if (checksum(file) !== link.crc) throw new OtherDebugFile('', '');
    return read(file);
  });
}

function givenFile(path: string, roots: readonly string[], read: (debugFile: Executable) => GoBinary): Found {
  let failure: unknown;
  // Its path is one of the agent's machine; of a process in a container perhaps one of that.
  for (const root of roots.toReversed()) {
    const file = open(root + path);
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
function first(paths: readonly string[], read: (debugFile: Executable) => GoBinary): Found | undefined {
  for (const path of paths) {
    const file = open(path);
    if (file === undefined) continue;
    try {
      const binary = read(file);
      if (binary.hasDebugInfo) return { binary, file };
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
    file[Symbol.dispose]();
  }
  return undefined;
}

/** A plain file; undefined for anything else. A pipe would never open. */
function open(path: string): Executable | undefined {
  try {
    const file = new Executable(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    if (file.isFile) return file;
    file[Symbol.dispose]();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
  return undefined;
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

/** Of the executable, in its own mount namespace. */
function folderOf(pid: number): string | undefined {
  try {
    return dirname(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return undefined;
  }
}
