import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StoreInUse } from './errors.ts';

/** The one set of this thread, however often the module was loaded. */
const key = Symbol.for('sonde.store.files');
const claims = ((globalThis as Record<symbol, unknown>)[key] ??= new Set<string>()) as Set<string>;

/** Where the engine puts what does not fit in memory. */
export function spillFolder(file: string): string {
  return `${file}.spill`;
}

/**
 * Takes `file` for this process and removes what a dead owner left. DuckDB's own lock is not enough: it is per process, so a
 * second instance in one process gets in, and its closing lets others in. The owner's pid and start time stand in `<file>.owner`.
 * @throws StoreInUse when a live process, this one included, has it.
 */
export function claimFile(path: string): { file: string; release: () => void } {
  const file = resolve(path);
  const owner = `${file}.owner`;
  if (claims.has(file)) throw new StoreInUse(file, process.pid);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(owner, `${process.pid} ${startTicks(process.pid)}\n`, { flag: 'wx', mode: 0o600 });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error;
      const alive = liveOwner(owner);
      if (alive !== undefined) throw new StoreInUse(file, alive);
      rmSync(owner, { force: true });
    }
  }
  claims.add(file);
  removeRows(file);
  removeOrphans(dirname(file));
  return {
    file,
    release: () => {
      removeRows(file);
      rmSync(owner, { force: true });
      claims.delete(file);
    },
  };
}

function removeRows(file: string): void {
  for (const name of [file, `${file}.new`, `${file}.wal`]) rmSync(name, { force: true });
  rmSync(spillFolder(file), { recursive: true, force: true });
}

/** The files of every other store of this folder whose owner was killed: nobody else would come for them. */
function removeOrphans(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.duckdb.owner')) continue;
    const owner = join(folder, name);
    // An empty one is being written just now.
    if (readOwner(owner) === '' || liveOwner(owner) !== undefined) continue;
    removeRows(owner.slice(0, -'.owner'.length));
    rmSync(owner, { force: true });
  }
}

/** The process that has it; undefined when that is gone. */
function liveOwner(owner: string): number | undefined {
  const [pid = '', ticks] = readOwner(owner).split(' ');
  return ticks !== undefined && startTicks(Number(pid)) === ticks ? Number(pid) : undefined;
}

function readOwner(owner: string): string {
  try {
    return readFileSync(owner, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Start of a process in clock ticks since boot, as text; empty when there is no such process, or only what its parent has not fetched yet. */
function startTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 'ZX'.includes(state) ? '' : (fields[18] ?? '');
  } catch {
    return '';
  }
}
