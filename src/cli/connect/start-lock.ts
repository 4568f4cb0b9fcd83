import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Of several px at once one starts the agent, the others wait: ten agents that each find out that they are too many cost seconds. Only a
 * courtesy: that one agent serves is the agents' own doing (the socket's name). Undefined when another px, alive, holds it; else how to let go.
 */
export function takeStartLock(directory: string): (() => void) | undefined {
  const path = join(directory, 'agent.starting');
  if (isHeld(path)) return undefined;
  const own = `${path}.${process.pid}`;
  try {
    // Under its name it has its holder in it from the first moment.
    writeFileSync(own, identity(process.pid) ?? '', { mode: 0o600 });
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(own, path);
        return () => remove(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return () => {};
        if (isHeld(path)) return undefined;
        remove(path);
      }
    }
    return undefined;
  } catch {
    return () => {};
  } finally {
    remove(own);
  }
}

/** Its holder lives. */
function isHeld(path: string): boolean {
  try {
    const holder = readFileSync(path, 'utf8');
    return holder === identity(Number.parseInt(holder, 10));
  } catch {
    return false;
  }
}

/** A process's pid and when it started, in clock ticks since boot (proc_pid_stat(5), field 22), by which it differs from a later one of its pid; undefined: it is no more. */
function identity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may have spaces and parentheses in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}
