import { failedWith } from '../failed.ts';
import type { Sys } from '../sys.ts';
import { text } from './gone.ts';

/** Who traces a process by ptrace(2). */
export interface Tracer {
  readonly pid: number;
  /** Its name, at most 15 bytes; empty when it cannot be told. */
  readonly name: string;
}

/**
 * The debugger of a process, or of only one of its threads: any of them can write its memory. Undefined: none, or the process is gone.
 * The kernel names the tracing *thread* (fs/proc/array.c, task_state), which in a Go debugger is seldom the first of its process.
 */
export function findTracer(sys: Sys, pid: number): Tracer | undefined {
  for (const thread of orElse(() => sys.readDirectory(`/proc/${pid}/task`), [])) {
    const tracer = Number(field(sys, `/proc/${pid}/task/${thread}/status`, 'TracerPid') ?? 0);
    if (!(tracer > 0)) continue;
    // A thread's own folder in /proc is there, though not listed.
    const status = `/proc/${tracer}/status`;
    const owner = Number(field(sys, status, 'Tgid') ?? tracer);
    return { pid: owner, name: field(sys, `/proc/${owner}/status`, 'Name') ?? '' };
  }
  return undefined;
}

function field(sys: Sys, path: string, name: string): string | undefined {
  const status = orElse(() => text(sys.readFile(path)), '');
  return new RegExp(`^${name}:[\\t ]*(.*)$`, 'm').exec(status)?.[1];
}

/** A thread may end while its process is looked at; a process that hides from us has no debugger that we could tell of. */
function orElse<T>(read: () => T, instead: T): T {
  try {
    return read();
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return instead;
    throw error;
  }
}
