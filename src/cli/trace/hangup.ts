import { fstatSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';

const pollMs = 500;

/**
 * Calls `listener` when nobody can read file descriptor `fd` any more, also while nothing is written to it: without that, a trace that
 * sees no call would keep its probe after `px trace … | head` or a lost ssh. A terminal sends SIGHUP, a file has no reader; pipes and
 * sockets are looked at twice a second. Returns how to stop.
 *
 * Node cannot poll a descriptor for POLLERR. A socket tells by a write of no bytes: EPIPE once the peer is closed (unix(7); not when it only
 * shut down its sending half). A pipe takes such a write always; its readers are found in /proc. Where not all processes can be seen there, a
 * hang-up is told only if a reader was seen before: one in another pid namespace is never missed.
 */
export function onHangup(fd: number, listener: () => void): () => void {
  const stat = fstatSync(fd);
  const gone = stat.isSocket() ? () => !socketTakesWrites(fd) : stat.isFIFO() ? pipeWatch(stat.ino) : undefined;
  if (gone === undefined) return () => {};
  const timer = setInterval(() => {
    if (!gone()) return;
    clearInterval(timer);
    listener();
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}

function socketTakesWrites(fd: number): boolean {
  try {
    writeSync(fd, new Uint8Array(0));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  }
}

function pipeWatch(inode: number): (() => boolean) | undefined {
  const name = `pipe:[${inode}]`;
  let reader = findReader(name);
  if (reader === undefined && !seesAllProcesses()) return undefined;
  return () => {
    if (reader !== undefined && isReader(reader, name)) return false;
    reader = findReader(name);
    return reader === undefined;
  };
}

/** PROC_PID_INIT_INO (include/linux/proc_ns.h): the pid namespace that has the processes of all others in it. */
const initialNamespace = 'pid:[4026531836]';

function seesAllProcesses(): boolean {
  return process.getuid?.() === 0 && readlinkSync('/proc/self/ns/pid') === initialNamespace;
}

/** The `/proc/PID/fd/N` of some process that has the pipe open for reading; undefined when none is visible. */
function findReader(name: string): string | undefined {
  for (const pid of list('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of list(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`;
      if (isReader(path, name)) return path;
    }
  }
  return undefined;
}

/** The two low bits of the flags in fdinfo are the access mode (proc_pid_fdinfo(5)): 1 is O_WRONLY. */
function isReader(path: string, name: string): boolean {
  try {
    if (readlinkSync(path) !== name) return false;
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(path.replace('/fd/', '/fdinfo/'), 'utf8'));
    return flags !== null && (Number.parseInt(flags[1]!, 8) & 3) !== 1;
  } catch {
    return false;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
