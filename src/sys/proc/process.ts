import type { FileStatus, Sys } from '../sys.ts';
import { text, unlessGone } from './gone.ts';

/** proc_pid_stat(5) */
export interface ProcessStat {
  /** At most 15 bytes of the executable's or thread's name; may hold spaces and parentheses. */
  readonly comm: string;
  /** One letter: R running, S sleeping, Z zombie, T stopped, t traced … */
  readonly state: string;
  readonly parent: number;
  readonly threads: number;
  /** Start of the process in clock ticks (1/100 s) since boot: with the pid, its identity. */
  readonly startTicks: bigint;
}

/** Undefined when there is no such process (any more). */
export function readProcessStat(sys: Sys, pid: number): ProcessStat | undefined {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/stat`));
  return bytes && parseStat(text(bytes));
}

/** Undefined for text that is no stat line. */
export function parseStat(line: string): ProcessStat | undefined {
  const open = line.indexOf('(');
  // The name may hold parentheses itself: only the last one closes it.
  const close = line.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  // Field 3 of proc_pid_stat(5) is fields[0].
  const fields = line
    .slice(close + 2)
    .trimEnd()
    .split(' ');
  const startTicks = fields[19];
  if (startTicks === undefined || !/^\d+$/.test(startTicks)) return undefined;
  return {
    comm: line.slice(open + 1, close),
    state: fields[0]!,
    parent: Number(fields[1]),
    threads: Number(fields[17]),
    startTicks: BigInt(startTicks),
  };
}

/** proc_pid_status(5) */
export interface ProcessStatus {
  readonly uid: number;
  readonly effectiveUid: number;
  /** The pid in each namespace from the reader's down to the process's own; one element: the same namespace. */
  readonly namespacePids: readonly number[];
  /** Pid of the debugger, 0: none. */
  readonly tracer: number;
  /** Bits by capability number (capabilities(7)). */
  readonly effectiveCapabilities: bigint;
}

export function readProcessStatus(sys: Sys, pid: number): ProcessStatus | undefined {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/status`));
  return bytes && parseStatus(text(bytes));
}

export function parseStatus(status: string): ProcessStatus | undefined {
  // The first field is the name, which the kernel escapes; the others begin their lines.
  const field = (name: string): string[] | undefined =>
    new RegExp(`^${name}:[\\t ]*(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/);
  const uid = field('Uid');
  const capabilities = field('CapEff')?.[0];
  if (!uid || !capabilities || !/^[0-9a-f]+$/.test(capabilities)) return undefined;
  const own = field('Tgid')?.[0];
  return {
    uid: Number(uid[0]),
    effectiveUid: Number(uid[1]),
    // The field is there since kernel 4.1, but not without CONFIG_PID_NS.
    namespacePids: (field('NSpid') ?? (own === undefined ? [] : [own])).map(Number),
    tracer: Number(field('TracerPid')?.[0] ?? 0),
    effectiveCapabilities: BigInt(`0x${capabilities}`),
  };
}

/** Arguments as the process was started with (it can change them). Empty for a kernel thread or a zombie. */
export function readCommandLine(sys: Sys, pid: number): string[] | undefined {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/cmdline`));
  if (!bytes) return undefined;
  if (bytes.length === 0) return [];
  return text(bytes).replace(/\0$/, '').split('\0');
}

/** Where a process's executable was, in the process's own mount namespace. */
export interface ExecutableLink {
  readonly path: string;
  /** The path leads there no more (the file was removed or replaced); the process's own link still does. */
  readonly deleted: boolean;
}

/** Undefined for a kernel thread, a zombie, a process that is gone. */
export function readExecutableLink(sys: Sys, pid: number): ExecutableLink | undefined {
  const link = unlessGone(() => sys.readLink(`/proc/${pid}/exe`));
  if (link === undefined) return undefined;
  const suffix = ' (deleted)';
  if (!link.endsWith(suffix)) return { path: link, deleted: false };
  // A file may really be named so.
  const running = executableStatus(sys, pid);
  const named = unlessGone(() => sys.stat(`/proc/${pid}/root${link}`));
  if (running && named && running.inode === named.inode && running.device === named.device)
    return { path: link, deleted: false };
  return { path: link.slice(0, -suffix.length), deleted: true };
}

/** Identity of the inode that the process runs, even of a deleted file. */
export function executableStatus(sys: Sys, pid: number): FileStatus | undefined {
  return unlessGone(() => sys.stat(`/proc/${pid}/exe`));
}

/** A namespace's identity, in the form that bpf_get_ns_current_pid_tgid takes. */
export interface NamespaceId {
  readonly device: bigint;
  readonly inode: bigint;
}

export function readNamespace(
  sys: Sys,
  pid: number | 'self',
  kind: 'pid' | 'mnt' | 'cgroup' = 'pid',
): NamespaceId | undefined {
  const status = unlessGone(() => sys.stat(`/proc/${pid}/ns/${kind}`));
  return status && { device: status.device, inode: status.inode };
}

/** The first pid namespace of the machine: PROC_PID_INIT_INO, include/uapi/linux/nsfs.h. */
export function isFirstPidNamespace(namespace: NamespaceId): boolean {
  return namespace.inode === 0xef_ff_ff_fcn;
}

/** Pids of all processes visible in /proc, ascending. */
export function listPids(sys: Sys): number[] {
  return sys
    .readDirectory('/proc')
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
