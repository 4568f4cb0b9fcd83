import { Assembler, fp, immediate, type MapSpec, type Program, r0, r1, r2, r3, r4, r6, r7, r8 } from '#asm';
import {
  bpfCommand,
  cString,
  Fd,
  isFirstPidNamespace,
  type NamespaceId,
  type Readiness,
  readNamespace,
  readProcessStatus,
  Struct,
  type Sys,
} from '#sys';
import { type BpfMap, makeMap } from './map.ts';
import { type BpfProgram, loadProgram } from './program.ts';
import { openRingBuffer, type RingBuffer } from './ring.ts';

/** A process has begun to run another image: same pid, same start time (FACTS, rule 12). */
export interface ExecEvent {
  /**
   * In our own pid namespace. Undefined: one that lives in another namespace, for whose pids the kernel gives no translation; look at
   * each process that it may be.
   */
  readonly pid: number | undefined;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly ktime: bigint;
}

/** Record: u32 tgid (0: unknown), u32 padding, u64 ktime. */
const recordSize = 16;
/** Stands in the map of watched processes for all that are in other namespaces. */
const elsewhere = 0;
/** Stands there for all. */
const anybody = 0xffff_ffff;

/**
 * Tells when a watched process calls exec, or any, by the raw tracepoint `sched_process_exec` (4.17). Execs that nobody asks about end in
 * the kernel.
 */
export class ExecWatch implements Disposable {
  readonly #sys: Sys;
  readonly #parts: {
    watched: BpfMap;
    ringMap: BpfMap;
    program: BpfProgram;
    link: Fd;
    ring: RingBuffer;
    readiness: Readiness;
  };
  readonly #translated: boolean;
  readonly #onExec: (event: ExecEvent) => void;
  #closed = false;
  /** Watched pid → key in the map. */
  readonly #keys = new Map<number, number>();

  constructor(sys: Sys, onExec: (event: ExecEvent) => void) {
    this.#sys = sys;
    const namespace = readNamespace(sys, 'self') ?? { device: 0n, inode: 0n };
    this.#translated = !isFirstPidNamespace(namespace);
    using stack = new DisposableStack();
    const watched = stack.use(makeMap(sys, watchedMap));
    const ringMap = stack.use(makeMap(sys, ringSpec));
    const maps = new Map([watched, ringMap].map((map) => [map.spec.name, map]));
    const source = execProgram(this.#translated ? namespace : undefined);
    const program = stack.use(loadProgram(sys, source, maps, { multi: false }));
    const ring = stack.use(openRingBuffer(sys, ringMap.fd, ringSpec.maxEntries));
    const tracepoint = new Struct(16).pointer(0, cString('sched_process_exec')).u32(8, program.fd.number);
    const link = stack.use(new Fd(sys, sys.bpf(bpfCommand.BPF_RAW_TRACEPOINT_OPEN, tracepoint)));
    this.#onExec = onExec;
    const readiness = ring.onReadable(() => this.look());
    stack.move();
    this.#parts = { watched, ringMap, program, link, ring, readiness };
  }

  /** Tells of the execs up to now at once, without waiting for the event loop to do so. */
  look(): void {
    if (this.#closed) return;
    const events: ExecEvent[] = [];
    this.#parts.ring.drain((_bytes, view, offset) => {
      const tgid = view.getUint32(offset, true);
      events.push({ pid: tgid === elsewhere ? undefined : tgid, ktime: view.getBigUint64(offset + 8, true) });
    });
    // Only now: who is told may close this watch.
    for (const event of events) this.#onExec(event);
  }

  /** `pid` in our own namespace. E2BIG (SyscallFailed) beyond 8192 processes. */
  watch(pid: number): void {
    if (this.#keys.has(pid)) return;
    const key = this.#keyOf(pid);
    this.#parts.watched.update(word(key), word(1));
    this.#keys.set(pid, key);
  }

  unwatch(pid: number): void {
    const key = this.#keys.get(pid);
    if (key === undefined) return;
    this.#keys.delete(pid);
    if (![...this.#keys.values()].includes(key)) this.#parts.watched.delete(word(key));
  }

  /** Tells of every process's exec, or no more. */
  watchAll(all: boolean): void {
    if (all) this.#parts.watched.update(word(anybody), word(1));
    else this.#parts.watched.delete(word(anybody));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { readiness, ring, link, program, ringMap, watched } = this.#parts;
    readiness.close();
    ring.close();
    link.close();
    program.close();
    ringMap.close();
    watched.close();
  }

  /** Does not keep the process alive by itself. */
  unref(): void {
    this.#parts.readiness.unref();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** In the machine's first namespace the kernel's tgid is ours; below, the helper translates for our own namespace only. */
  #keyOf(pid: number): number {
    if (!this.#translated) return pid;
    const depth = readProcessStatus(this.#sys, pid)?.namespacePids.length ?? 1;
    return depth > 1 ? elsewhere : pid;
  }
}

const watchedMap: MapSpec = { name: 'exec_watched', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 8192 };
const ringSpec: MapSpec = { name: 'exec_ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 1 << 18 };

/** `namespace`: ours, where it is not the machine's first. */
function execProgram(namespace: NamespaceId | undefined): Program {
  const asm = new Assembler();
  const out = asm.newLabel();
  if (!namespace) {
    asm.call('get_current_pid_tgid');
    asm.mov(r6, r0);
    asm.alu('rsh', r6, immediate(32));
  } else {
    // struct bpf_pidns_info { u32 pid; u32 tgid; } on the stack; all zero when the task is in another namespace.
    asm.loadConstant(r1, namespace.device);
    asm.loadConstant(r2, namespace.inode);
    asm.mov(r3, fp);
    asm.alu('add', r3, immediate(-8));
    asm.mov(r4, immediate(8));
    asm.call('get_ns_current_pid_tgid');
    asm.load(4, r6, fp, -4);
    const here = asm.newLabel();
    asm.jumpIf('eq', r0, immediate(0), here);
    asm.mov(r6, immediate(elsewhere));
    asm.label(here);
  }
  const watched = asm.newLabel();
  for (const key of [r6, immediate(anybody | 0)] as const) {
    asm.store(4, fp, -16, key);
    asm.loadMapFd(r1, watchedMap.name);
    asm.mov(r2, fp);
    asm.alu('add', r2, immediate(-16));
    asm.call('map_lookup_elem');
    asm.jumpIf('ne', r0, immediate(0), watched);
  }
  asm.jump(out);
  asm.label(watched);
  asm.call('ktime_get_ns');
  asm.mov(r8, r0);
  asm.loadMapFd(r1, ringSpec.name);
  asm.mov(r2, immediate(recordSize));
  asm.mov(r3, immediate(0));
  asm.call('ringbuf_reserve');
  asm.jumpIf('eq', r0, immediate(0), out);
  asm.mov(r7, r0);
  asm.store(8, r7, 0, r6);
  asm.store(8, r7, 8, r8);
  asm.mov(r1, r7);
  asm.mov(r2, immediate(0));
  asm.call('ringbuf_submit');
  asm.label(out);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('watch_exec', 'raw_tracepoint');
}

function word(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}
