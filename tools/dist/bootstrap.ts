/**
 * What the single executable `px` runs: it unpacks the tree that it carries, once for each build, into a folder that only its user may
 * write, and goes on there. The agent is the same file, called with the path of the agent's program first.
 */
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { getAsset, getAssetKeys, getRawAsset } from 'node:sea';
import { pathToFileURL } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';

/** Folder of all builds: XDG_CACHE_HOME, else below HOME, else /tmp. */
const cache = join(process.env.XDG_CACHE_HOME || join(process.env.HOME || '/tmp', '.cache'), 'sonde');
/** The build's id: a hash of the tree. */
const id = getAsset('id', 'utf8');
const tree = join(cache, `px-${id}`);

/** Is it there, and may nobody else have written into it? */
function unpacked(): boolean {
  let owner: { uid: number; mode: number };
  try {
    owner = lstatSync(tree);
  } catch {
    return false;
  }
  if (owner.uid !== process.getuid!() || (owner.mode & 0o022) !== 0)
    throw new Error(
      `${tree} is not a folder that only this user may write: remove it, or set XDG_CACHE_HOME to a folder of your own`,
    );
  return true;
}

/** Beside its place first: of several px at once each finds a whole tree or none. */
function unpack(): void {
  process.stderr.write(`px: unpacking into ${tree} (once) …\n`);
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const fresh = mkdtempSync(join(cache, '.new-'));
  try {
    for (const key of getAssetKeys()) {
      if (!key.startsWith('tree/')) continue;
      const file = join(fresh, key.slice('tree/'.length));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, zstdDecompressSync(new Uint8Array(getRawAsset(key))));
    }
    renameSync(fresh, tree);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!unpacked()) throw error;
  }
}

try {
  if (!unpacked()) unpack();
} catch (error) {
  process.stderr.write(`px: cannot unpack itself: ${(error as Error).message}\n`);
  process.exit(3);
}
// For the agent too, which inherits it.
process.env.NODE_COMPILE_CACHE ||= join(tree, '.compiled');
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const main = join(tree, 'src', 'cli', 'main.ts');
const given = process.argv[2] ?? '';
const program = given.startsWith(join(tree, 'src')) ? given : main;
// As `node PROGRAM ARGUMENTS` would have it: the program's own path is its argument 1.
process.argv.splice(1, program === given ? 2 : 1, program);
// An embedded script cannot import files; one that lies in a file can.
const load = createRequire(main)(join(tree, 'load.cjs')) as (url: string) => Promise<void>;
await load(pathToFileURL(program).href);
