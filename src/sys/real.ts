import * as fs from 'node:fs';
import koffi from 'koffi';
import { type Address, BugError } from '#base';
import { bpfCallName, openFlag } from './constants.ts';
import { errno } from './errno.ts';
import { SyscallFailed } from './failed.ts';
import { type SyscallName, syscallNumbers } from './numbers.ts';
import { cString, Struct } from './struct.ts';
import type { FileStatus, Mapping, NativeThread, PeerCredentials, Readiness, Sys } from './sys.ts';
import { startThread } from './thread.ts';

let shared: Sys | undefined;

/** The real kernel. One object per thread; it owns nothing. Throws a bug error on an architecture other than x64 and arm64. */
export function openSys(): Sys {
  shared ??= new RealSys();
  return shared;
}

type NativeCall = ((...args: (number | bigint)[]) => number | bigint) & Pick<NativeFunction, 'async'>;
type NativeFunction = ReturnType<ReturnType<typeof koffi.load>['func']>;

/** A function that not every C library has. */
function optional(find: () => NativeFunction): NativeFunction | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/** Descriptors that are closed in the background at a time: a link's close waits for the kernel, most of them at once for the same thing. */
const mostClosing = 48;

class RealSys implements Sys {
  readonly architecture: 'x64' | 'arm64';
  readonly pageSize: number;
  readonly pid = process.pid;
  readonly #syscall: NativeCall;
  readonly #clockGettime: (clock: number, out: Uint8Array) => number;
  readonly #close: NativeFunction;
  /** Descriptors that wait for `closeInBackground`, and how many are being closed. */
  readonly #toClose: { readonly fd: number; readonly done: () => void }[] = [];
  #closing = 0;
  readonly #trim: NativeFunction | undefined;
  readonly #nativeType: ReturnType<typeof koffi.proto>;

  constructor() {
    if (process.arch !== 'x64' && process.arch !== 'arm64') throw new BugError(`no system calls for ${process.arch}`);
    this.architecture = process.arch;
    // The program itself: its libc's symbols are visible there, whichever libc that is.
    const libc = koffi.load(null);
    this.#syscall = libc.func('syscall', 'int64', Array(7).fill('int64')) as unknown as NativeCall;
    this.#clockGettime = libc.func('clock_gettime', 'int', ['int', 'void *']) as unknown as (
      clock: number,
      out: Uint8Array,
    ) => number;
    this.#close = libc.func('close', 'int', ['int']);
    this.#trim = optional(() => libc.func('malloc_trim', 'int', ['size_t']));
    this.#nativeType = koffi.proto('void', ['int64']);
    const pageSizeName = 30; // _SC_PAGESIZE, both in glibc and musl
    this.pageSize = Number(
      (libc.func('sysconf', 'long', ['int']) as unknown as (name: number) => number)(pageSizeName),
    );
  }

  bpf(command: number, attr: Struct): number {
    return this.#number(bpfCallName(command), '', 'bpf', command, fill(attr), attr.bytes.length);
  }

  bpfInBackground(command: number, attr: Struct): Promise<void> {
    // `attr` and what it points to are held until the answer.
    const number = syscallNumbers[this.architecture].bpf;
    return new Promise((resolve, reject) => {
      this.#syscall.async(
        number,
        command,
        fill(attr),
        attr.bytes.length,
        0,
        0,
        0,
        (error: unknown, result: unknown) => {
          if (error) reject(error);
          else if (Number(result) === -1)
            reject(new SyscallFailed(bpfCallName(command), 0, `of ${attr.bytes.length} bytes`));
          else resolve();
        },
      );
    });
  }

  perfEventOpen(attr: Struct, pid: number, cpu: number): number {
    const closeOnExec = 8; // PERF_FLAG_FD_CLOEXEC
    return this.#number('perf_event_open', '', 'perf_event_open', fill(attr), pid, cpu, -1, closeOnExec);
  }

  ioctl(fd: number, request: number, argument: number): number {
    return this.#number('ioctl', '', 'ioctl', fd, request, argument);
  }

  mmap(fd: number, length: number, protectionBits: number, flags: number, offset: number): Mapping {
    const address = BigInt(this.#call('mmap', '', 'mmap', 0, length, protectionBits, flags, fd, offset));
    return new RealMapping(this.#syscall, syscallNumbers[this.architecture].munmap, address, length);
  }

  memfd(name: string, contents: Uint8Array): number {
    const closeOnExec = 1;
    const executable = 0x10; // MFD_EXEC, kernel 6.3; older ones refuse the flag and need none
    const path = cString(name);
    let fd: number;
    try {
      fd = this.#number('memfd_create', name, 'memfd_create', koffi.address(path), closeOnExec | executable);
    } catch (error) {
      if (!(error instanceof SyscallFailed && error.errno === errno.EINVAL)) throw error;
      fd = this.#number('memfd_create', name, 'memfd_create', koffi.address(path), closeOnExec);
    }
    fs.writeSync(fd, contents, 0, contents.length, 0);
    return fd;
  }

  open(path: string, flags: number): number {
    return this.#files('open', path, () => fs.openSync(path, flags | openFlag.cloexec));
  }

  openat2(directory: number, path: string, flags: number, resolve: number): number {
    // struct open_how: flags, mode, resolve
    const how = new Struct(24).u64(0, flags | openFlag.cloexec).u64(16, resolve);
    const name = cString(path);
    return this.#number('openat2', path, 'openat2', directory, koffi.address(name), fill(how), how.bytes.length);
  }

  close(fd: number): void {
    // An error of close(2) leaves nothing to be done: on Linux the descriptor is gone in every case.
    this.#close(fd);
  }

  closeInBackground(fd: number): Promise<void> {
    return new Promise((resolve) => {
      this.#toClose.push({ fd, done: resolve });
      this.#closeNext();
    });
  }

  /** koffi refuses more than 64 asynchronous calls at a time (`max_async_calls`). */
  #closeNext(): void {
    if (this.#closing >= mostClosing) return;
    const next = this.#toClose.shift();
    if (next === undefined) return;
    this.#closing++;
    this.#close.async(next.fd, () => {
      this.#closing--;
      next.done();
      this.#closeNext();
    });
  }

  pread(fd: number, into: Uint8Array, position: bigint): number {
    return this.#files('pread', '', () => fs.readSync(fd, into, 0, into.length, position));
  }

  pidfdOpen(pid: number): number {
    return this.#number('pidfd_open', `pid ${pid}`, 'pidfd_open', pid, 0);
  }

  pidfdSendSignal(pidfd: number, signal: number): void {
    this.#call('pidfd_send_signal', '', 'pidfd_send_signal', pidfd, signal, 0, 0);
  }

  clockGettime(clock: number): bigint {
    // Not shared scratch memory: a Buffer's address is stable only while it is referenced.
    const out = new BigInt64Array(2);
    if (this.#clockGettime(clock, new Uint8Array(out.buffer)) !== 0)
      throw new SyscallFailed('clock_gettime', koffi.errno());
    return out[0]! * 1_000_000_000n + out[1]!;
  }

  onReadable(fd: number, callback: () => void): Readiness {
    return new RealReadiness(fd, callback);
  }

  peerCredentials(socket: number): PeerCredentials {
    const solSocket = 1;
    const soPeercred = 17;
    const out = new Struct(12);
    const length = new Struct(4).u32(0, 12);
    this.#call('getsockopt', 'SO_PEERCRED', 'getsockopt', socket, solSocket, soPeercred, fill(out), fill(length));
    return { pid: out.getU32(0), uid: out.getU32(4), gid: out.getU32(8) };
  }

  readFile(path: string): Uint8Array {
    return this.#files('read', path, () => fs.readFileSync(path));
  }

  readLink(path: string): string {
    return this.#files('readlink', path, () => fs.readlinkSync(path));
  }

  readDirectory(path: string): string[] {
    return this.#files('readdir', path, () => fs.readdirSync(path));
  }

  stat(path: string): FileStatus {
    return this.#files('stat', path, () => fileStatus(fs.statSync(path, { bigint: true })));
  }

  fstat(fd: number): FileStatus {
    return this.#files('fstat', '', () => fileStatus(fs.fstatSync(fd, { bigint: true })));
  }

  callNative(address: bigint, argument: number): void {
    koffi.call(address, this.#nativeType, argument);
  }

  trimMemory(): void {
    // px starts the agent with --expose-gc. Of the flavors only this one gives back the pages that it empties: 17 MB of the main thread's after arming.
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    this.#trim?.(0);
  }

  dropFilePages(start: Address, bytes: number): void {
    const dontNeed = 4;
    this.#call('madvise', '', 'madvise', start, bytes, dontNeed);
  }

  callNativeInThread(address: bigint, argument: number): Promise<void> {
    const call = koffi.decode(address, this.#nativeType) as NativeFunction;
    return new Promise((resolve, reject) =>
      call.async(argument, (error: unknown) => (error ? reject(error) : resolve())),
    );
  }

  startThread(address: bigint, argument: bigint): NativeThread {
    return startThread(address, argument);
  }

  pinThread(tid: number, cpu: number): void {
    const mask = new Uint8Array(8 * (1 + Math.floor(cpu / 64)));
    mask[cpu >>> 3] = 1 << (cpu & 7);
    const subject = `to CPU ${cpu}`;
    this.#call('sched_setaffinity', subject, 'sched_setaffinity', tid, mask.length, koffi.address(mask));
  }

  setFifo(tid: number, priority: number): void {
    const schedFifo = 1;
    const parameter = new Struct(4).u32(0, priority);
    this.#call('sched_setscheduler', 'SCHED_FIFO', 'sched_setscheduler', tid, schedFifo, fill(parameter));
  }

  eventfd(): number {
    const closeOnExec = 0x80000; // EFD_CLOEXEC
    return this.#number('eventfd', '', 'eventfd2', 0, closeOnExec);
  }

  signalEvent(eventfd: number): void {
    this.#files('write', 'eventfd', () => fs.writeSync(eventfd, new Uint8Array(new BigUint64Array([1n]).buffer)));
  }

  #number(call: string, subject: string, name: SyscallName, ...args: (number | bigint)[]): number {
    return Number(this.#call(call, subject, name, ...args));
  }

  #call(call: string, subject: string, name: SyscallName, ...args: (number | bigint)[]): number | bigint {
    while (args.length < 6) args.push(0);
    const result = this.#syscall(syscallNumbers[this.architecture][name], ...args);
    // The C library returns -1 for every error; addresses are never -1.
    if (Number(result) === -1) throw new SyscallFailed(call, koffi.errno(), subject);
    return result;
  }

  #files<T>(call: string, subject: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      const value = (error as NodeJS.ErrnoException).errno;
      if (typeof value !== 'number') throw error;
      throw new SyscallFailed(call, Math.abs(value), subject);
    }
  }
}

/** Writes the addresses into the pointer fields and gives the struct's own. The struct must stay referenced until the call is over. */
function fill(struct: Struct): bigint {
  for (const { offset, target } of struct.pointers)
    struct.u64(offset, target.length === 0 ? 0n : koffi.address(target));
  return koffi.address(struct.bytes);
}

function fileStatus(stats: fs.BigIntStats): FileStatus {
  return {
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    changedNs: stats.ctimeNs,
    uid: Number(stats.uid),
    mode: Number(stats.mode),
  };
}

class RealMapping implements Mapping {
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
  readonly length: number;
  readonly #syscall: NativeCall;
  readonly #munmap: number;
  #mapped = true;

  constructor(syscall: NativeCall, munmap: number, address: bigint, length: number) {
    this.#syscall = syscall;
    this.#munmap = munmap;
    this.address = address;
    this.length = length;
    this.buffer = koffi.view(address, length);
  }

  unmap(): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    // Detaches every typed array over it first.
    this.buffer.transfer(0);
    this.#syscall(this.#munmap, this.address, this.length, 0, 0, 0, 0);
  }

  [Symbol.dispose](): void {
    this.unmap();
  }
}

/**
 * What koffi calls runs outside of Node's own callbacks: promises that it settles would go on only behind the next event of Node. So it is
 * handed to an immediate, in the same turn of the loop.
 */
class RealReadiness implements Readiness {
  readonly #handle: ReturnType<typeof koffi.node.poll>;
  readonly #callback: () => void;
  #state: 'on' | 'paused' | 'closed' = 'on';

  constructor(fd: number, callback: () => void) {
    this.#callback = callback;
    this.#handle = koffi.node.poll(fd, { readable: true }, this.#ready);
  }

  pause(): void {
    if (this.#state !== 'on') return;
    this.#state = 'paused';
    this.#handle.stop();
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'on';
    this.#handle.start({ readable: true }, this.#ready);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#handle.close();
  }

  unref(): void {
    if (this.#state !== 'closed') this.#handle.unref();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #ready = (): void => {
    setImmediate(() => {
      if (this.#state === 'on') this.#callback();
    });
  };
}
