import { bpfCallName, bpfCommand } from './constants.ts';
import { errno } from './errno.ts';
import { SyscallFailed } from './failed.ts';
import { FakeRing } from './fake-ring.ts';
import type { Struct } from './struct.ts';
import type { FileStatus, Mapping, NativeThread, PeerCredentials, Readiness, Sys } from './sys.ts';

type Opened =
  | {
      readonly kind: 'map';
      readonly elements: Map<string, Uint8Array>;
      readonly pages: Map<number, ArrayBuffer>;
      readonly entries: number;
    }
  | { readonly kind: 'program' | 'link' | 'perf' | 'pidfd' | 'memory' | 'eventfd' }
  | { readonly kind: 'file'; readonly path: string };

/**
 * A small kernel in memory for unit tests: files, maps, programs, links, and failures on demand. Every call is in
 * `calls`; `openDescriptors` is empty when all that was opened has been closed; closing twice throws.
 */
export class FakeSys implements Sys {
  readonly architecture = 'x64';
  readonly pageSize = 4096;
  readonly pid = 1000;

  /** Path → contents; a string is UTF-8. Directories are those that its paths and links imply. */
  readonly files = new Map<string, Uint8Array | string>();
  readonly links = new Map<string, string>();
  readonly statuses = new Map<string, Partial<FileStatus>>();
  readonly calls: { readonly call: string; readonly attr?: Struct; readonly detail?: string }[] = [];
  readonly descriptors = new Map<number, Opened>();
  /** Gives an errno for a call that is to fail; set by the test. */
  refuse: (call: string, attr?: Struct, detail?: string) => keyof typeof errno | undefined = () => undefined;
  /** What a probe on the called code would do; set by the test. */
  onNativeCall: (thread: 'this' | 'other') => void = () => {};
  /** CLOCK_REALTIME and CLOCK_MONOTONIC, ns. */
  readonly clocks = new Map<number, bigint>();
  #next = 10;
  readonly #readers = new Map<number, Set<() => void>>();

  get openDescriptors(): number[] {
    return [...this.descriptors.keys()];
  }

  async bpfInBackground(command: number, attr: Struct): Promise<void> {
    this.bpf(command, attr);
  }

  bpf(command: number, attr: Struct): number {
    this.#called(bpfCallName(command), attr);
    switch (command) {
      case bpfCommand.BPF_MAP_CREATE:
        return this.#open(fakeMap(attr));
      case bpfCommand.BPF_PROG_LOAD:
        return this.#open({ kind: 'program' });
      case bpfCommand.BPF_LINK_CREATE:
      case bpfCommand.BPF_RAW_TRACEPOINT_OPEN:
        return this.#open({ kind: 'link' });
      case bpfCommand.BPF_MAP_UPDATE_BATCH:
        return this.#elements(attr);
      default:
        return this.#element(command, attr);
    }
  }

  perfEventOpen(attr: Struct): number {
    this.#called('perf_event_open', attr);
    return this.#open({ kind: 'perf' });
  }

  ioctl(): number {
    this.#called('ioctl');
    return 0;
  }

  mmap(fd: number, length: number, _protection: number, _flags: number, offset: number): Mapping {
    this.#called('mmap');
    const opened = this.descriptors.get(fd);
    if (opened?.kind === 'memory') return plainMemory(length);
    if (opened?.kind !== 'map') throw new SyscallFailed('mmap', errno.EBADF);
    let buffer = opened.pages.get(offset);
    if (!buffer) opened.pages.set(offset, (buffer = new ArrayBuffer(length)));
    return plainMemory(length, buffer);
  }

  memfd(name: string, contents: Uint8Array): number {
    this.#called('memfd_create');
    this.files.set(`memfd:${name}`, contents);
    return this.#open({ kind: 'memory' });
  }

  open(path: string): number {
    this.#called('open', undefined, path);
    if (!this.files.has(path)) throw new SyscallFailed('open', errno.ENOENT, path);
    return this.#open({ kind: 'file', path });
  }

  openat2(directory: number, path: string): number {
    const base = this.descriptors.get(directory);
    return this.open(`${base?.kind === 'file' ? base.path : ''}/${path}`);
  }

  close(fd: number): void {
    this.#called('close');
    if (!this.descriptors.delete(fd)) throw new Error(`descriptor ${fd} closed twice, or never opened`);
  }

  async closeInBackground(fd: number): Promise<void> {
    this.close(fd);
  }

  pread(fd: number, into: Uint8Array, position: bigint): number {
    const opened = this.descriptors.get(fd);
    this.#called('pread', undefined, opened?.kind === 'file' ? opened.path : '');
    if (opened?.kind !== 'file') throw new SyscallFailed('pread', errno.EBADF);
    const bytes = this.readFile(opened.path);
    const from = Math.min(bytes.length, Number(position));
    const part = bytes.subarray(from, from + into.length);
    into.set(part);
    return part.length;
  }

  pidfdOpen(pid: number): number {
    this.#called('pidfd_open');
    if (!this.files.has(`/proc/${pid}/stat`)) throw new SyscallFailed('pidfd_open', errno.ESRCH, `pid ${pid}`);
    return this.#open({ kind: 'pidfd' });
  }

  pidfdSendSignal(): void {
    this.#called('pidfd_send_signal');
  }

  clockGettime(clock: number): bigint {
    return this.clocks.get(clock) ?? 0n;
  }

  onReadable(fd: number, callback: () => void): Readiness {
    const readers = this.#readers.get(fd) ?? new Set();
    this.#readers.set(fd, readers);
    readers.add(callback);
    const pause = (): void => void readers.delete(callback);
    const resume = (): void => void readers.add(callback);
    return { pause, resume, close: pause, unref: () => {}, [Symbol.dispose]: pause };
  }

  /** Calls what waits on `fd` and is not paused. */
  makeReadable(fd: number): void {
    for (const callback of [...(this.#readers.get(fd) ?? [])]) callback();
  }

  peerCredentials(): PeerCredentials {
    return { pid: this.pid, uid: 0, gid: 0 };
  }

  readFile(path: string): Uint8Array {
    this.#called('read', undefined, path);
    const contents = this.files.get(path);
    if (contents === undefined) throw new SyscallFailed('read', errno.ENOENT, path);
    return typeof contents === 'string' ? new TextEncoder().encode(contents) : contents;
  }

  readLink(path: string): string {
    this.#called('readlink', undefined, path);
    const target = this.links.get(path);
    if (target === undefined) throw new SyscallFailed('readlink', errno.ENOENT, path);
    return target;
  }

  readDirectory(path: string): string[] {
    this.#called('readdir', undefined, path);
    const prefix = `${path}/`;
    const below = [...this.files.keys(), ...this.links.keys()].filter((name) => name.startsWith(prefix));
    if (below.length === 0) throw new SyscallFailed('readdir', errno.ENOENT, path);
    return [...new Set(below.map((name) => name.slice(prefix.length).split('/')[0]!))];
  }

  stat(path: string): FileStatus {
    this.#called('stat', undefined, path);
    const status = this.statuses.get(path);
    const contents = this.files.get(path);
    if (!status && contents === undefined) throw new SyscallFailed('stat', errno.ENOENT, path);
    return { device: 1n, inode: 1n, size: contents?.length ?? 0, changedNs: 0n, uid: 0, mode: 0o100644, ...status };
  }

  fstat(fd: number): FileStatus {
    const opened = this.descriptors.get(fd);
    if (opened?.kind !== 'file') throw new SyscallFailed('fstat', errno.EBADF);
    return this.stat(opened.path);
  }

  callNative(): void {
    this.#called('callNative');
    this.onNativeCall('this');
  }

  trimMemory(): void {
    this.#called('trimMemory');
  }

  dropFilePages(): void {
    this.#called('dropFilePages');
  }

  async callNativeInThread(): Promise<void> {
    this.#called('callNativeInThread');
    this.onNativeCall('other');
  }

  /** What a started thread would do; set by the test. */
  onThread: (address: bigint, argument: bigint) => void = () => {};

  startThread(address: bigint, argument: bigint): NativeThread {
    this.#called('pthread_create');
    this.onThread(address, argument);
    return { join: () => this.#called('pthread_join') };
  }

  pinThread(_tid: number, cpu: number): void {
    this.#called('sched_setaffinity', undefined, String(cpu));
  }

  setFifo(): void {
    this.#called('sched_setscheduler');
  }

  eventfd(): number {
    this.#called('eventfd');
    return this.#open({ kind: 'eventfd' });
  }

  signalEvent(): void {
    this.#called('signalEvent');
  }

  /** The writer's side of a ring buffer that has been mapped. */
  ring(fd: number): FakeRing {
    const opened = this.descriptors.get(fd);
    const consumer = opened?.kind === 'map' && opened.pages.get(0);
    const data = opened?.kind === 'map' && opened.pages.get(this.pageSize);
    if (!consumer || !data) throw new Error(`descriptor ${fd} is no mapped ring buffer`);
    return new FakeRing(consumer, data, this.pageSize);
  }

  #called(call: string, attr?: Struct, detail?: string): void {
    this.calls.push({ call, ...(attr && { attr }), ...(detail !== undefined && { detail }) });
    const refused = this.refuse(call, attr, detail);
    if (refused) throw new SyscallFailed(call, errno[refused], detail);
  }

  #open(opened: Opened): number {
    const fd = this.#next++;
    this.descriptors.set(fd, opened);
    return fd;
  }

  #elements(attr: Struct): number {
    const map = this.descriptors.get(attr.getU32(36));
    const count = attr.getU32(32);
    const [keys, values] = [attr.target(16), attr.target(24)];
    if (map?.kind !== 'map' || !keys || !values)
      throw new SyscallFailed(bpfCallName(bpfCommand.BPF_MAP_UPDATE_BATCH), errno.EBADF);
    const part = (of: Uint8Array, i: number) => of.slice((of.length / count) * i, (of.length / count) * (i + 1));
    for (let i = 0; i < count; i++) map.elements.set(part(keys, i).join(), part(values, i));
    return 0;
  }

  #element(command: number, attr: Struct): number {
    const map = this.descriptors.get(attr.getU32(0));
    const key = attr.target(8);
    if (map?.kind !== 'map' || !key) throw new SyscallFailed(bpfCallName(command), errno.EBADF);
    const name = key.join();
    const value = attr.target(16);
    const found = map.elements.get(name);
    if (command === bpfCommand.BPF_MAP_UPDATE_ELEM && value) {
      if (!found && map.elements.size >= map.entries) throw new SyscallFailed(bpfCallName(command), errno.E2BIG);
      map.elements.set(name, value.slice());
      return 0;
    }
    if (!found) throw new SyscallFailed(bpfCallName(command), errno.ENOENT);
    if (command === bpfCommand.BPF_MAP_DELETE_ELEM) map.elements.delete(name);
    else value?.set(found);
    return 0;
  }
}

function fakeMap(attr: Struct): Opened {
  return { kind: 'map', elements: new Map(), pages: new Map(), entries: attr.getU32(12) };
}

function plainMemory(length: number, buffer = new ArrayBuffer(length)): Mapping {
  return { buffer, address: 0n, length, unmap: () => {}, [Symbol.dispose]: () => {} };
}
