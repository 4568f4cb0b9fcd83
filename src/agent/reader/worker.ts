import { parentPort } from 'node:worker_threads';
import { BugError, SondeError } from '#base';
import { openRingBuffer, type RingBuffer } from '#bpf';
import { header, type RowBatch } from '#model';
import { controlOffset, EventDecoder, GroupDecoder, RowFolder, wokenOffset } from '#probe/decode';
import { clock, type Mapping, mapFlag, openSys, protection, type Readiness } from '#sys';
import { GroupReader, readStack } from './groups.ts';
import { ImageServices } from './image.ts';
import type { Decoding, FromReader, OpenCall, RingDescription, ToReader } from './messages.ts';

/** After a wake-up the ring is left alone for so long: one wake-up then serves all events of that time. In a storm it fills too quickly for that. */
const gatherMs = 5;
const stormRecords = 2048;
/** How often what was added up in the kernel becomes rows. */
const groupMs = 1000;
/** Rows of a batch, about: a long drain hands over several. */
const batchRows = 8192;

const sys = openSys();
const port = parentPort!;
const rings = new Map<number, Ring>();
/** By the id of the first ring that came with it. */
const decodings = new Map<number, { readonly what: Decoding; readonly rings: Set<number> }>();

/** One ring buffer with its decoder, in the event loop of this thread. */
class Ring {
  readonly #id: number;
  readonly #ring: RingBuffer;
  readonly #controls: Mapping;
  readonly #words: BigUint64Array;
  readonly #woken: number;
  readonly #decoder: EventDecoder;
  readonly #readiness: Readiness;
  readonly #rowsOfRunning: boolean;
  readonly #image: ImageServices;
  readonly #groups: GroupReader | undefined;
  readonly #folder: RowFolder | undefined;
  readonly #probes: number;
  /** Events that were dropped before the rows that were sent last. */
  #toldDrops = 0n;
  #groupTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #storm = false;
  #failed = false;

  constructor(description: RingDescription) {
    const { id, ringFd, ringBytes, controlFd, controlBytes, plans, relation, upid, fold } = description;
    this.#id = id;
    this.#rowsOfRunning = description.rowsOfRunning;
    this.#probes = plans.length;
    this.#ring = openRingBuffer(sys, ringFd, ringBytes);
    const length = Math.ceil(controlBytes / sys.pageSize) * sys.pageSize;
    this.#controls = sys.mmap(controlFd, length, protection.read | protection.write, mapFlag.shared, 0);
    const words = new BigUint64Array(this.#controls.buffer);
    this.#words = words;
    this.#woken = wokenOffset(plans.length) / 8;
    this.#decoder = new EventDecoder({
      relation: fold?.rows ?? relation,
      counters: () => words,
      undecided: (probe) => Atomics.add(words, controlOffset(probe, 'undecided') / 8, 1n),
    });
    this.#image = new ImageServices(description.executable, description.bias);
    const { groups } = description;
    if (groups === undefined) this.#decoder.addTarget(0, upid, plans, this.#image);
    else {
      const { stacks } = groups;
      const sources = {
        counters: () => words,
        ...(stacks && { readStack: (id: bigint) => readStack(sys, stacks, id) }),
      };
      this.#groups = new GroupReader(sys, groups, new GroupDecoder(relation, plans, upid, sources, this.#image));
    }
    this.#folder = fold && new RowFolder(fold, relation);
    if (groups ?? fold) this.#groupTimer = setInterval(() => void this.sendGroups(), groupMs);
    this.#readiness = this.#ring.onReadable(() => {
      this.#readiness.pause();
      this.#timer ??= setTimeout(
        () => {
          this.#timer = undefined;
          this.#storm = this.drain() > stormRecords;
          if (!this.#failed) this.#readiness.resume();
        },
        this.#storm ? 0 : gatherMs,
      );
    });
  }

  /** How many records there were. `replacedNs`: when the process became another program, CLOCK_MONOTONIC; what came before is over. */
  drain(replacedNs?: bigint): number {
    if (this.#failed) return 0;
    try {
      return this.#drain(replacedNs);
    } catch (error) {
      this.#fail(error);
      return 0;
    }
  }

  /** Whatever is wrong with our reading of one ring, the others go on. */
  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#readiness.pause();
    clearInterval(this.#groupTimer);
    console.error(error);
    const text = error instanceof SondeError ? error.message : new BugError(String(error)).message;
    port.postMessage({ kind: 'failed', id: this.#id, error: text } satisfies FromReader);
  }

  #drain(replacedNs?: bigint): number {
    this.#decoder.setClock(sys.clockGettime(clock.realtime) - sys.clockGettime(clock.monotonic));
    const decoder = this.#decoder;
    let total = 0;
    let replaced = replacedNs;
    for (let count = 1; count > 0; total += count) {
      count = this.#ring.drain(onRecord, batchRows);
      this.#handOver();
    }
    // What comes from here on wakes again. What came since the last look, and found that somebody had woken us already, is seen when the event loop waits: it is told of a ring with something in it.
    Atomics.store(this.#words, this.#woken, 0n);
    if (replaced !== undefined) decoder.execed(0, replaced);
    return total;
    function onRecord(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
      // The new image may have made calls before we heard of it; the old one's records were all written before.
      if (replaced !== undefined && view.getBigUint64(offset + header.ktime, true) > replaced) {
        decoder.execed(0, replaced);
        replaced = undefined;
      }
      decoder.record(bytes, view, offset, length);
    }
  }

  /** Hands over what was added up since the last time. */
  async sendGroups(): Promise<void> {
    if (this.#failed) return;
    this.#sendFolded();
    try {
      const batch = await this.#groups?.take(() => sys.clockGettime(clock.realtime));
      if (batch) this.#post(batch);
    } catch (error) {
      this.#fail(error);
    }
  }

  #sendFolded(): void {
    if (this.#folder === undefined) return;
    this.drain();
    const dropped = this.#dropped();
    const batch = this.#folder.take(sys.clockGettime(clock.realtime), dropped - this.#toldDrops);
    if (batch) this.#toldDrops = dropped;
    if (batch) this.#post(batch);
  }

  /** Events of all probes. */
  #dropped(): bigint {
    let sum = 0n;
    for (let probe = 0; probe < this.#probes; probe++) {
      for (const kind of ['entryDrops', 'returnDrops'] as const)
        sum += Atomics.load(this.#words, controlOffset(probe, kind) / 8);
    }
    return sum;
  }

  #post(batch: RowBatch): void {
    port.postMessage({ kind: 'rows', id: this.#id, batch } satisfies FromReader, transferable(batch));
  }

  /** The last of them. */
  endGroups(): Promise<void> {
    clearInterval(this.#groupTimer);
    return this.sendGroups();
  }

  exited(replacedNs: bigint | undefined): void {
    this.drain(replacedNs);
    if (this.#failed) return;
    if (replacedNs === undefined) this.#decoder.targetEnded(0, sys.clockGettime(clock.monotonic));
    this.#handOver();
  }

  running(): OpenCall[] {
    this.drain();
    if (this.#failed) return [];
    return this.#decoder.open(sys.clockGettime(clock.monotonic)).map((call) => ({
      sinceNs: call.since,
      inlinedInto: call.inlinedInto,
      forNs: call.runningNs,
      goid: call.goid,
      function: call.function,
      id: call.id,
      parentId: call.parentId,
      captured: call.captured,
      notes: call.notes,
    }));
  }

  /** The calls that are left open. */
  close(): OpenCall[] {
    clearTimeout(this.#timer);
    const left = this.running();
    if (this.#rowsOfRunning && !this.#failed) {
      this.#decoder.closeRunning(sys.clockGettime(clock.monotonic));
      this.#handOver();
    }
    this.#sendFolded();
    this.#readiness.close();
    this.#ring.close();
    this.#controls.unmap();
    this.#image.close();
    return left;
  }

  #handOver(): void {
    if (this.#decoder.waitingRows === 0) return;
    const batch = this.#decoder.takeRows();
    if (this.#folder === undefined) {
      this.#post(batch);
      return;
    }
    const leftOut = this.#folder.add(batch);
    Atomics.add(this.#words, controlOffset(0, 'entryDrops') / 8, BigInt(leftOut));
  }
}

function transferable(batch: RowBatch): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const { type, values, valid } of batch.columns) {
    if (type === 'STRING') buffers.push(values.offsets.buffer as ArrayBuffer, values.bytes.buffer as ArrayBuffer);
    else buffers.push(values.buffer as ArrayBuffer);
    if (valid) buffers.push(valid.buffer as ArrayBuffer);
  }
  return buffers;
}

async function perform(request: ToReader): Promise<readonly OpenCall[] | undefined> {
  if (request.kind === 'open') {
    const { ring, decoding } = request;
    const known = decodings.get(decoding.id) ?? { what: decoding.what!, rings: new Set<number>() };
    decodings.set(decoding.id, { ...known, rings: known.rings.add(ring.id) });
    rings.set(ring.id, new Ring({ ...ring, ...known.what }));
    return undefined;
  }
  if (request.kind === 'trim') {
    sys.trimMemory();
    return undefined;
  }
  const ring = rings.get(request.id);
  switch (request.kind) {
    case 'flush':
      ring?.drain();
      await ring?.sendGroups();
      return undefined;
    case 'running':
      return ring?.running();
    case 'exited':
      ring?.exited(request.replacedNs);
      await ring?.sendGroups();
      return undefined;
    case 'close':
      rings.delete(request.id);
      for (const [id, { rings: open }] of decodings) {
        if (open.delete(request.id) && open.size === 0) decodings.delete(id);
      }
      await ring?.endGroups();
      return ring?.close();
  }
}

port.on('message', async (request: ToReader) => {
  try {
    const running = await perform(request);
    port.postMessage({ kind: 'answer', token: request.token, ...(running ? { running } : {}) } satisfies FromReader);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    port.postMessage({ kind: 'answer', token: request.token, error: text } satisfies FromReader);
  }
});
