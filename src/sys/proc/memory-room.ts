import { failedWith } from '../failed.ts';
import type { Sys } from '../sys.ts';
import { text } from './gone.ts';

/** The cgroup that leaves a process the least memory. Bytes. */
export interface MemoryRoom {
  /** Folder of the cgroup, as this process sees it. */
  readonly cgroup: string;
  readonly limit: number;
  /** What the kernel could take back by itself without harm, file pages that nobody used of late, is not counted: a container that has read a large file would seem full. */
  readonly used: number;
}

interface CgroupMount {
  readonly version: 1 | 2;
  /** The cgroup that is mounted there. */
  readonly root: string;
  readonly at: string;
}

/** A limit in a v1 file from here on means none: PAGE_COUNTER_MAX pages (include/linux/page_counter.h). */
const unlimited = 2 ** 60;

/**
 * How much memory the cgroups of a process allow it and how much is used, v1 (`memory.limit_in_bytes`) or v2 (`memory.max`): of its own
 * cgroup and all above it the tightest. Undefined: no limit, or it cannot be seen from here (no cgroup mount, one that does not show the
 * process's cgroup, no permission).
 */
export function readMemoryRoom(sys: Sys, pid: number): MemoryRoom | undefined {
  const groups = readable(sys, `/proc/${pid}/cgroup`);
  const mounts = readable(sys, '/proc/self/mountinfo');
  if (groups === undefined || mounts === undefined) return undefined;
  let tightest: MemoryRoom | undefined;
  for (const mount of parseCgroupMounts(mounts)) {
    const path = memoryCgroup(groups, mount.version);
    const below = path === undefined ? undefined : pathBelow(mount.root, path);
    if (below === undefined) continue;
    for (let parts = below; ; parts = parts.slice(0, -1)) {
      const room = readRoom(sys, mount.version, [mount.at, ...parts].join('/'));
      if (room && (!tightest || room.limit - room.used < tightest.limit - tightest.used)) tightest = room;
      if (parts.length === 0) break;
    }
  }
  return tightest;
}

/** Mounts of cgroup v2, and of the v1 hierarchy that has the memory controller, from proc_pid_mountinfo(5). */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split('\n')) {
    // 31 23 0:28 root mountpoint options [optional …] - type source super-options
    const [before, after] = line.split(' - ');
    const [, , , root, at] = before!.split(' ');
    const [type, , options] = (after ?? '').split(' ');
    if (root === undefined || at === undefined) continue;
    if (type === 'cgroup2') mounts.push({ version: 2, root: unescaped(root), at: unescaped(at) });
    else if (type === 'cgroup' && options?.split(',').includes('memory'))
      mounts.push({ version: 1, root: unescaped(root), at: unescaped(at) });
  }
  return mounts;
}

/** Path of a process's memory cgroup in proc_pid_cgroup(5) text: `4:memory:/docker/…` in v1, `0::/…` in v2. */
function memoryCgroup(groups: string, version: 1 | 2): string | undefined {
  for (const line of groups.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (!match) continue;
    const [, , controllers, path] = match;
    if (version === 2 ? controllers === '' : controllers!.split(',').includes('memory')) return path;
  }
  return undefined;
}

/** The parts of `path` below what is mounted; undefined: it is not below it. */
function pathBelow(root: string, path: string): string[] | undefined {
  const from = root === '/' ? '' : root;
  if (path !== from && !path.startsWith(`${from}/`)) return undefined;
  const parts = path
    .slice(from.length)
    .split('/')
    .filter((part) => part !== '');
  // Outside of our own cgroup namespace: `/../…`.
  return parts.includes('..') ? undefined : parts;
}

function readRoom(sys: Sys, version: 1 | 2, folder: string): MemoryRoom | undefined {
  const [limitName, usedName, idleName] =
    version === 2
      ? ['memory.max', 'memory.current', 'inactive_file']
      : ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'];
  const limit = bytesOf(readable(sys, `${folder}/${limitName}`));
  const usage = bytesOf(readable(sys, `${folder}/${usedName}`));
  if (limit === undefined || usage === undefined || limit >= unlimited) return undefined;
  const stat = readable(sys, `${folder}/memory.stat`) ?? '';
  const idle = bytesOf(new RegExp(`^${idleName} (\\d+)$`, 'm').exec(stat)?.[1]) ?? 0;
  return { cgroup: folder, limit, used: Math.max(0, usage - idle) };
}

/** `max` and nonsense are no number. */
function bytesOf(value: string | undefined): number | undefined {
  const digits = value?.trim();
  return digits !== undefined && /^\d+$/.test(digits) ? Number(digits) : undefined;
}

/** Undefined for whatever cannot be read: what is not known here is not decided by. */
function readable(sys: Sys, path: string): string | undefined {
  try {
    return text(sys.readFile(path));
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP', 'EINVAL')) {
      return undefined;
    }
    throw error;
  }
}

/** mountinfo escapes space, tab, newline and backslash in octal. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
