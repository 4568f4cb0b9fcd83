import { SondeError } from '#base';
import { Fd, type Mapping, mapFlag, type NativeThread, protection, type Sys } from '#sys';
import { type BpfMap, makeMap } from './map.ts';

/**
 * `void *kicker(block)`: waits on a ring buffer, inside the kernel. A record that is written with BPF_RB_FORCE_WAKEUP wakes it, so that the
 * scheduler takes the CPU from whoever wrote it; then it sleeps again. It returns to user space for the first record and then
 * every 10 ms, to give the ring's space back: returning each time would cost each hit 1 µs.
 */
const code = [
  0x53, //                                                00: push rbx
  ...[0x48, 0x89, 0xfb], //                               01: mov rbx, rdi
  ...[0xb8, 0xba, 0x00, 0x00, 0x00], //                   04: mov eax, 186 (gettid)
  ...[0x0f, 0x05], //                                     09: syscall
  ...[0x89, 0x43, 0x10], //                               0b: mov [rbx + tid], eax
  ...[0x66, 0xc7, 0x43, 0x04, 0x01, 0x00], //             0e: wait: mov word [rbx + ring.events], POLLIN
  ...[0x48, 0xc7, 0xc2, 0xff, 0xff, 0xff, 0xff], //       14: mov rdx, -1
  ...[0xeb, 0x0b], //                                     1b: jmp poll
  ...[0x66, 0xc7, 0x43, 0x04, 0x00, 0x00], //             1d: hold: mov word [rbx + ring.events], 0
  ...[0xba, 0x0a, 0x00, 0x00, 0x00], //                   23: mov edx, 10
  ...[0x48, 0x89, 0xdf], //                               28: poll: mov rdi, rbx
  ...[0xbe, 0x02, 0x00, 0x00, 0x00], //                   2b: mov esi, 2
  ...[0xb8, 0x07, 0x00, 0x00, 0x00], //                   30: mov eax, 7 (poll)
  ...[0x0f, 0x05], //                                     35: syscall
  ...[0x83, 0xf8, 0xfc], //                               37: cmp eax, -EINTR
  ...[0x74, 0xd2], //                                     3a: je wait
  ...[0x85, 0xc0], //                                     3c: test eax, eax
  ...[0x78, 0x24], //                                     3e: js out
  ...[0x66, 0x83, 0x7b, 0x0e, 0x00], //                   40: cmp word [rbx + stop.revents], 0
  ...[0x75, 0x1d], //                                     45: jne out
  ...[0x66, 0xf7, 0x43, 0x06, 0xfe, 0xff], //             47: test word [rbx + ring.revents], ~POLLIN
  ...[0x75, 0x15], //                                     4d: jne out
  ...[0x48, 0x8b, 0x43, 0x20], //                         4f: mov rax, [rbx + producer]
  ...[0x48, 0x8b, 0x00], //                               53: mov rax, [rax]
  ...[0x48, 0x8b, 0x4b, 0x18], //                         56: mov rcx, [rbx + consumer]
  ...[0x48, 0x39, 0x01], //                               5a: cmp [rcx], rax
  ...[0x74, 0xaf], //                                     5d: je wait
  ...[0x48, 0x89, 0x01], //                               5f: mov [rcx], rax
  ...[0xeb, 0xb9], //                                     62: jmp hold
  ...[0xc7, 0x43, 0x14, 0x01, 0x00, 0x00, 0x00], //       64: out: mov dword [rbx + ended], 1
  ...[0x31, 0xc0], //                                     6b: xor eax, eax
  0x5b, //                                                6d: pop rbx
  0xc3, //                                                6e: ret
] as const;

/** The block: two `struct pollfd` (the ring's descriptor, the eventfd that ends it), then these. */
const block = { ringFd: 0, stopFd: 8, stopEvents: 12, tid: 16, ended: 20, consumer: 24, producer: 32 } as const;
const pollIn = 1;

/** A kick takes 8 bytes; 10 ms have room for one every 1.2 µs, and each takes two context switches. */
const ringBytes = 1 << 16;
/** How long a new thread may take to say its number. */
const startMs = 1000;

/** The thread did not come up. */
class NoKicker extends SondeError {
  readonly code = 'bpf.no-kicker';
}

/** The ring that a kicker waits on; they are all alike, as the map of them wants it. */
const kickRing = { name: 'kick_ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: ringBytes } as const;

/** The threads' machine code; it must outlive them. Throws SyscallFailed where executable memory of this kind is forbidden. */
export function kickerCode(sys: Sys): Mapping {
  using file = new Fd(sys, sys.memfd('sonde-kicker', Uint8Array.from(code)));
  return sys.mmap(file.number, sys.pageSize, protection.read | protection.execute, mapFlag.private, 0);
}

/** One thread that takes a CPU away for a moment whenever something is written to its ring. x86-64. */
export class Kicker {
  readonly ring: BpfMap;
  readonly #stop: Fd;
  readonly #thread: NativeThread;
  readonly #words: Int32Array;
  readonly #owned: DisposableStack;
  #open = true;

  /** Pinned and SCHED_FIFO 1 when it is there. Throws SondeError, leaving nothing behind. */
  constructor(sys: Sys, machineCode: Mapping, cpu: number) {
    using stack = new DisposableStack();
    this.ring = stack.use(makeMap(sys, kickRing));
    this.#stop = stack.use(new Fd(sys, sys.eventfd()));
    const ring = this.ring.fd.number;
    const shared = [protection.read | protection.write, mapFlag.shared] as const;
    const consumer = stack.use(sys.mmap(ring, sys.pageSize, ...shared, 0));
    const producer = stack.use(sys.mmap(ring, sys.pageSize, protection.read, mapFlag.shared, sys.pageSize));
    using file = new Fd(sys, sys.memfd('sonde-kicker-block', new Uint8Array(sys.pageSize)));
    const memory = stack.use(sys.mmap(file.number, sys.pageSize, ...shared, 0));
    const view = new DataView(memory.buffer);
    view.setInt32(block.ringFd, ring, true);
    view.setInt32(block.stopFd, this.#stop.number, true);
    view.setInt16(block.stopEvents, pollIn, true);
    view.setBigUint64(block.consumer, consumer.address, true);
    view.setBigUint64(block.producer, producer.address, true);
    this.#words = new Int32Array(memory.buffer);
    this.#thread = sys.startThread(machineCode.address, memory.address);
    // Before all that it uses.
    stack.defer(() => {
      sys.signalEvent(this.#stop.number);
      this.#thread.join();
    });
    const tid = this.#tid();
    sys.pinThread(tid, cpu);
    sys.setFifo(tid, 1);
    this.#owned = stack.move();
  }

  /** False if it has ended by itself: something that it did not expect happened to its ring. */
  get running(): boolean {
    return this.#open && Atomics.load(this.#words, block.ended / 4) === 0;
  }

  /** Waits until the thread has ended. Programs that write to the ring later wake nobody. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#owned.dispose();
  }

  #tid(): number {
    const nap = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; waited < startMs; waited++) {
      const tid = Atomics.load(this.#words, block.tid / 4);
      if (tid !== 0) return tid;
      Atomics.wait(nap, 0, 0, 1);
    }
    throw new NoKicker('its thread did not start');
  }
}
