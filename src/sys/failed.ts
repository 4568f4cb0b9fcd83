import { SondeError } from '#base';
import { errno, errnoName } from './errno.ts';

/**
 * A syscall (or the file-system call that stands for one) was refused. `errno` is the positive number; the message
 * names the call, what it was for, the errno and the likely cause with what to do.
 */
export class SyscallFailed extends SondeError {
  readonly code = 'sys.call';
  /** `bpf(BPF_PROG_LOAD)`, `open`, `perf_event_open`. */
  readonly call: string;
  /** What it was done to: a path, a name; empty when there is nothing to say. */
  readonly subject: string;
  readonly errno: number;
  readonly errnoName: string;
  /** Likely cause and remedy, one sentence; undefined when the errno says it all. */
  readonly likelyCause: string | undefined;

  constructor(call: string, errnoValue: number, subject = '', likelyCause = causeOf(call, errnoValue)) {
    const of = subject === '' ? '' : ` ${subject}`;
    super(`${call}${of}: ${errnoName(errnoValue)}${likelyCause === undefined ? '' : `: ${likelyCause}`}`);
    this.call = call;
    this.subject = subject;
    this.errno = errnoValue;
    this.errnoName = errnoName(errnoValue);
    this.likelyCause = likelyCause;
  }
}

/** True for a SyscallFailed with one of the errno names. */
export function failedWith(error: unknown, ...wanted: readonly (keyof typeof errno)[]): error is SyscallFailed {
  return error instanceof SyscallFailed && wanted.some((name) => errno[name] === error.errno);
}

function causeOf(call: string, value: number): string | undefined {
  const bpf = call.startsWith('bpf(');
  const attach = bpf || call === 'perf_event_open';
  switch (value) {
    case errno.EPERM:
      if (call === 'sched_setscheduler')
        return 'needs CAP_SYS_NICE, and a cgroup that may run real-time threads (cpu.rt_runtime_us)';
      if (bpf)
        return 'needs CAP_BPF and CAP_PERFMON in the first user namespace: run as root (sudo), or give the container both capabilities; kernel lockdown, SELinux or AppArmor can refuse too';
      if (call === 'perf_event_open') return 'needs CAP_PERFMON (or CAP_SYS_ADMIN): run as root (sudo)';
      return call.startsWith('pidfd')
        ? 'the process belongs to another user: run as root (sudo)'
        : 'run as root (sudo)';
    case errno.EACCES:
      if (bpf) return 'the verifier or a security module refused it';
      // perf_uprobe_event_init, kernel/events/core.c: CAP_PERFMON is not enough there (seen on 6.18).
      if (attach) return 'uprobes by perf events need CAP_SYS_ADMIN: run as root (sudo)';
      return 'no permission for this file: memory and executables of other processes need CAP_SYS_PTRACE (run as root)';
    case errno.EAGAIN:
    case errno.EINTR:
      return call === 'bpf(BPF_PROG_LOAD)'
        ? 'signals (of a profiler?) interrupted the verifier at every try: try again'
        : undefined;
    case errno.ENOMEM:
      return bpf
        ? 'no memory, or before kernel 5.11 the locked-memory limit: raise it (ulimit -l unlimited)'
        : 'no memory or too many mappings';
    case errno.E2BIG:
      return bpf ? 'too large: more entries, instructions or attributes than this kernel takes' : undefined;
    case errno.EMFILE:
      return 'too many open descriptors: raise the limit (ulimit -n)';
    case errno.ENOSYS:
      return 'this kernel has no such call (or a seccomp profile hides it)';
    case errno.ESRCH:
      return 'the process is gone';
    case errno.ENOTSUPP:
      return bpf || attach ? 'the kernel puts no probe on this instruction' : undefined;
    default:
      return undefined;
  }
}
