import type { Address } from '#base';
import type { Struct } from './struct.ts';

/** Bytes of mapped memory. After `unmap` the buffer is detached: a late access sees length 0 instead of killing the process. */
export interface Mapping extends Disposable {
  readonly buffer: ArrayBuffer;
  /** Where it lies in this process. */
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  /** Only the first call does something. */
  unmap(): void;
}

/** A descriptor in this thread's event loop. Level-triggered: the callback comes again until the data was read, so pause it to wait. */
export interface Readiness extends Disposable {
  pause(): void;
  resume(): void;
  /** Does not close the descriptor; call it before that is closed. */
  close(): void;
  /** Does not keep the process (or worker) alive by itself. */
  unref(): void;
}

/** Identity of an inode as stat(2) tells it. Two overlay mounts show different devices for one kernel inode (FACTS, rule 8). */
export interface FileStatus {
  readonly device: bigint;
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  /** Change time, nanoseconds since 1970. */
  readonly changedNs: bigint;
  readonly uid: number;
  readonly mode: number;
}

/** Who is at the other end of a Unix socket, as it was at connect time (unix(7), SO_PEERCRED). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A thread of this process that runs machine code of ours. */
export interface NativeThread {
  /** Waits until it has returned. Once. */
  join(): void;
}

/**
 * The one door to Linux. Every method throws `SyscallFailed` when the kernel refuses. Descriptors are plain numbers
 * here; wrap the ones that live on in `Fd`. The real one is `openSys()`, for tests there is `FakeSys`.
 */
export interface Sys {
  readonly architecture: 'x64' | 'arm64';
  /** Bytes: 4096, on arm64 up to 65536. */
  readonly pageSize: number;
  /** In this process's own pid namespace. */
  readonly pid: number;

  /** bpf(2). Commands are in `bpfCommand`. */
  bpf(command: number, attr: Struct): number;
  /** bpf(2) for commands that may wait, on another thread. Why it failed is not told. */
  bpfInBackground(command: number, attr: Struct): Promise<void>;
  /** perf_event_open(2); PERF_FLAG_FD_CLOEXEC is always set. */
  perfEventOpen(attr: Struct, pid: number, cpu: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  /** mmap(2) at an address of the kernel's choice. `offset` in bytes, a multiple of the page size. */
  mmap(fd: number, length: number, protection: number, flags: number, offset: number): Mapping;
  /** An anonymous file in memory, whose inode probes can be attached to. */
  memfd(name: string, contents: Uint8Array): number;
  open(path: string, flags: number): number;
  /** openat2(2) with O_CLOEXEC: `resolve` takes `resolveFlag` bits. Kernel 5.6. */
  openat2(directory: number, path: string, flags: number, resolve: number): number;
  close(fd: number): void;
  /** Closes on another thread: taking a perf-event uprobe away takes some 120 ms each, which nobody should wait for. Never rejects. */
  closeInBackground(fd: number): Promise<void>;
  /** Bytes read, fewer than asked for at the end of the file or mapping. `position` may be any 64-bit address. */
  pread(fd: number, into: Uint8Array, position: bigint): number;

  /** Readable (poll) when the process has ended. */
  pidfdOpen(pid: number): number;
  /** Signal 0 tells whether it lives: ESRCH when it has ended. */
  pidfdSendSignal(pidfd: number, signal: number): void;
  /**
   * Gives memory that nothing needs back to the system: of this thread's JavaScript, where Node.js runs with `--expose-gc`, and of malloc
   * (malloc_trim(3)), where the C library has such a call.
   */
  trimMemory(): void;
  /** Lets go of pages that can be had again from their file: madvise(2), MADV_DONTNEED. Of any other mapping the contents would be lost. */
  dropFilePages(start: Address, bytes: number): void;
  /** Nanoseconds. */
  clockGettime(clock: number): bigint;
  /** Puts a pollable descriptor into the event loop of the calling thread (worker threads too). */
  onReadable(fd: number, callback: () => void): Readiness;
  peerCredentials(socket: number): PeerCredentials;

  readFile(path: string): Uint8Array;
  readLink(path: string): string;
  readDirectory(path: string): string[];
  stat(path: string): FileStatus;
  fstat(fd: number): FileStatus;

  /** Calls machine code in this process: C calling convention, one integer argument. For calibration only. */
  callNative(address: bigint, argument: number): void;
  /** The same on another thread of this process. */
  callNativeInThread(address: bigint, argument: number): Promise<void>;

  /**
   * Starts a thread of its own (pthread_create(3)) in machine code that is called with one pointer and ends by returning; all
   * signals are blocked in it. It is to be joined; the code and what `argument` points to must be there until then.
   */
  startThread(address: bigint, argument: bigint): NativeThread;
  /** sched_setaffinity(2) with a single CPU. EINVAL: the CPU is not there, or a cpuset forbids it. */
  pinThread(tid: number, cpu: number): void;
  /** sched_setscheduler(2), SCHED_FIFO. EPERM without CAP_SYS_NICE, or in a cgroup without real-time runtime. */
  setFifo(tid: number, priority: number): void;
  /** eventfd(2), readable once `signalEvent` was called. */
  eventfd(): number;
  signalEvent(eventfd: number): void;
}
