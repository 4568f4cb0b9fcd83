import { BugError } from '#base';
import { type Fd, type Mapping, mapFlag, protection, type Readiness, type Sys } from '#sys';

/** include/uapi/linux/bpf.h: BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ. */
const busyBit = 1 << 31;
const discardBit = 1 << 30;
const headerSize = 8;
/** The kernel gets space back in pieces of at most this many bytes while a drain goes on. */
const releaseEvery = 64 * 1024;

/**
 * One committed record: `length` bytes at `offset` of `bytes` (and of `view` over the same memory). The memory is the
 * kernel's ring itself: read it before returning, keep no reference. Must not throw; if it does, the record counts as read.
 */
export type OnRecord = (bytes: Uint8Array, view: DataView, offset: number, length: number) => void;

/**
 * Reader of a BPF ring buffer, mapped into this process; one reader per ring. Needs nothing but the map's descriptor,
 * so it may live in a worker thread (descriptors are the process's). Layout: kernel/bpf/ringbuf.c.
 *
 * Wake-ups, where programs leave them to the kernel (flags 0): it wakes the reader only when a record is committed at the very place the reader has reached. A
 * reader that drains at once is thus woken for about every second event; one that pauses its readiness, waits a few
 * milliseconds and only then drains costs one wake-up for all of them:
 * `onReadable(() => { r.pause(); setTimeout(() => { ring.drain(…); r.resume(); }, 5); })`.
 */
export class RingBuffer implements Disposable {
  /** Bytes of data. */
  readonly size: number;
  readonly #sys: Sys;
  readonly #fd: number;
  readonly #consumerPage: Mapping;
  readonly #dataPages: Mapping;
  readonly #consumer: BigUint64Array;
  readonly #producer: Int32Array;
  readonly #lengths: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #dataStart: number;
  readonly #mask: number;
  #position: bigint;
  #closed = false;

  /** Use `openRingBuffer`. */
  constructor(sys: Sys, fd: number, size: number, consumerPage: Mapping, dataPages: Mapping) {
    this.#sys = sys;
    this.#fd = fd;
    this.size = size;
    this.#mask = size - 1;
    this.#dataStart = sys.pageSize;
    this.#consumerPage = consumerPage;
    this.#dataPages = dataPages;
    this.#consumer = new BigUint64Array(consumerPage.buffer, 0, 1);
    this.#producer = new Int32Array(dataPages.buffer, 0, 1);
    this.#lengths = new Int32Array(dataPages.buffer);
    this.#bytes = new Uint8Array(dataPages.buffer);
    this.#view = new DataView(dataPages.buffer);
    this.#position = Atomics.load(this.#consumer, 0);
  }

  /**
   * Hands over committed records in order, at most `limit`, and stops at the first that is still being written.
   * Returns how many. Discarded ones are skipped and not counted.
   */
  drain(onRecord: OnRecord, limit = Number.MAX_SAFE_INTEGER): number {
    if (this.#closed) throw new BugError('ring buffer drained after close');
    // Positions grow without end; as the ring is at most 2 GiB, their low 32 bits tell how far they are apart.
    let low = Number(this.#position & 0xffff_ffffn) | 0;
    let unreleased = 0;
    let count = 0;
    try {
      while (count < limit) {
        if (Atomics.load(this.#producer, 0) === low) break;
        const at = this.#dataStart + (low & this.#mask);
        const head = Atomics.load(this.#lengths, at >>> 2);
        if ((head & busyBit) !== 0) break;
        const length = head & ~(busyBit | discardBit);
        const step = (length + headerSize + 7) & ~7;
        low = (low + step) | 0;
        unreleased += step;
        if ((head & discardBit) === 0) {
          count++;
          onRecord(this.#bytes, this.#view, at + headerSize, length);
        }
        if (unreleased >= releaseEvery) {
          this.#release(unreleased);
          unreleased = 0;
        }
      }
    } finally {
      if (unreleased > 0) this.#release(unreleased);
    }
    return count;
  }

  /** Bytes written and not yet drained, those still being written included. */
  get pending(): number {
    return (Atomics.load(this.#producer, 0) - (Number(this.#position & 0xffff_ffffn) | 0)) >>> 0;
  }

  /** Calls back, in this thread's event loop, when there is something to drain. Close it before the ring and before its map. */
  onReadable(callback: () => void): Readiness {
    return this.#sys.onReadable(this.#fd, callback);
  }

  /** Unmaps; does not close the map's descriptor. */
  close(): void {
    this.#closed = true;
    this.#consumerPage.unmap();
    this.#dataPages.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #release(bytes: number): void {
    this.#position += BigInt(bytes);
    Atomics.store(this.#consumer, 0, this.#position);
  }
}

/** Maps a ring buffer for reading: `size` is the map's `maxEntries`, `fd` its descriptor (of this process; any thread). */
export function openRingBuffer(sys: Sys, fd: number | Fd, size: number): RingBuffer {
  const number = typeof fd === 'number' ? fd : fd.number;
  const consumerPage = sys.mmap(number, sys.pageSize, protection.read | protection.write, mapFlag.shared, 0);
  try {
    // The producer's page, then the data twice in a row: a record that wraps around is contiguous all the same.
    const dataPages = sys.mmap(number, sys.pageSize + 2 * size, protection.read, mapFlag.shared, sys.pageSize);
    return new RingBuffer(sys, number, size, consumerPage, dataPages);
  } catch (error) {
    consumerPage.unmap();
    throw error;
  }
}
