/** The native files of what is shipped (image, single executable), the libraries that they need, and those libraries' licences. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * Cuts off what an ELF file has behind its last segment: symbols for debuggers, and the table of sections, of which nothing is needed to run it (System V gABI, chapter 5). A
 * sixth of the image.
 */
export function withoutSections(path: string): void {
  const bytes = readFileSync(path);
  const is64 = bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 2;
  if (!is64) throw new RangeError(`${path} is no 64-bit ELF file`);
  const [at, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  let end = at + size * count;
  for (let i = 0; i < count; i++) {
    const header = at + size * i;
    end = Math.max(end, Number(bytes.readBigUInt64LE(header + 8) + bytes.readBigUInt64LE(header + 32)));
  }
  // e_shoff, e_shnum, e_shstrndx.
  bytes.writeBigUInt64LE(0n, 40);
  bytes.fill(0, 60, 64);
  writeFileSync(path, bytes.subarray(0, end));
}

/** The shared libraries outside the image that these files need, by the paths at which the loader looks for them. */
export function librariesOf(files: readonly string[]): Set<string> {
  const libraries = new Set<string>();
  for (const file of files) {
    const text = execFileSync('ldd', [file], { encoding: 'utf8' });
    for (const [, path] of text.matchAll(/^\s*(?:\S+ => )?(\/(?:usr\/)?lib\S+) \(/gm)) libraries.add(path!);
  }
  return libraries;
}

/**
 * The licences of libraries, a file for each package of Debian or Ubuntu that they come from, named as the package and its version: by these its sources are found. Elsewhere
 * nobody tells a library's package in this way: it is said that whoever passes the result on must add them.
 */
export function copyLicences(libraries: Iterable<string>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const without: string[] = [];
  for (const library of libraries) {
    const owner = packageOf(library);
    const text = owner && `/usr/share/doc/${owner.name}/copyright`;
    if (owner && existsSync(text!)) copyFileSync(text!, join(folder, `${owner.name} ${owner.version}`));
    else without.push(library);
  }
  if (without.length > 0)
    process.stderr.write(`no licence found of ${without.join(', ')}: add it before you pass this on\n`);
}

/** The package of dpkg's that has a library. Its files are known by the paths that they were installed by, with or without `/usr`. */
function packageOf(library: string): { readonly name: string; readonly version: string } | undefined {
  const query = (...args: string[]) => execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const [name] = query('--search', `*/${basename(realpathSync(library))}`).split(':');
    const version = query('--show', name!).split(/[\t\n]/)[1];
    return { name: name!, version: version! };
  } catch {
    return undefined;
  }
}
