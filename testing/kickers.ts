import { readdirSync, readFileSync } from 'node:fs';
import { errno, type Sys, SyscallFailed } from '#sys';

/** `sys`, but no thread may be pinned to these CPUs: as in a cpuset without them. */
export function withoutKickersOn(sys: Sys, cpus: readonly number[]): Sys {
  const pinThread = (tid: number, cpu: number): void => {
    if (cpus.includes(cpu)) throw new SyscallFailed('sched_setaffinity', errno.EINVAL, `to CPU ${cpu}`);
    sys.pinThread(tid, cpu);
  };
  return new Proxy(sys, {
    get(target, name: keyof Sys) {
      if (name === 'pinThread') return pinThread;
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A process's threads that are not scheduled as usual: where they may run, policy, real-time priority. proc_pid_stat(5), fields 40 and 41. */
export function realTimeThreads(
  pid: number | 'self' = 'self',
): (readonly [cpus: string, policy: number, priority: number])[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    const file = (name: string) => readFileSync(`/proc/${pid}/task/${tid}/${name}`, 'utf8');
    const fields = file('stat')
      .replace(/^.*\) /, '')
      .split(' ');
    const [priority, policy] = [Number(fields[37]), Number(fields[38])];
    if (policy === 0) return [];
    return [[/^Cpus_allowed_list:\s*(\S+)/m.exec(file('status'))![1]!, policy, priority] as const];
  });
}
