import { header, headerFlags } from '#model';
import type { Panic } from './panics.ts';
import type { OpenPlace } from './tree.ts';

/** A call that has entered and not ended yet: a copy of its entry record, linked to the call below it on the goroutine. */
export interface OpenCall {
  probe: number;
  /** Grows with call depth; see `header.depth`. */
  depth: number;
  flags: number;
  /** Low and high half of the goid. */
  goidLow: number;
  goidHigh: number;
  /** Drops of this probe's entry and return events when it entered, 32 bits of each. */
  entryDrops: number;
  returnDrops: number;
  /** Drops of recovery and Goexit events at the last look before it entered. */
  unwindDrops: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Always 0: the copy is a record of its own. */
  readonly offset: 0;
  /** The next shallower open call of the goroutine. */
  below: OpenCall | undefined;
  /** It was left by this panic, although another one came in its place. */
  panic: Panic | undefined;
  /** Where calls have a place in a tree. */
  place: OpenPlace | undefined;
}

/** Kept copies by record size, so that a call costs no new memory. */
export class CallPool {
  readonly #free = new Map<number, OpenCall[]>();

  /** A call filled from the entry record of `size` bytes at `offset`. */
  take(bytes: Uint8Array, view: DataView, offset: number, size: number): OpenCall {
    const call = this.#free.get(size)?.pop() ?? newCall(size);
    call.bytes.set(bytes.subarray(offset, offset + size));
    call.probe = view.getUint16(offset + header.probe, true);
    call.depth = view.getUint32(offset + header.depth, true);
    call.flags = view.getUint32(offset + header.flags, true);
    call.goidLow = view.getUint32(offset + header.goid, true);
    call.goidHigh = view.getUint32(offset + header.goid + 4, true);
    call.entryDrops = view.getUint32(offset + header.entryDrops, true);
    call.returnDrops = view.getUint32(offset + header.returnDrops, true);
    return call;
  }

  give(call: OpenCall): void {
    call.below = undefined;
    call.place = undefined;
    call.panic = undefined;
    const size = call.bytes.length;
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [call]);
    else if (list.length < mostKept) list.push(call);
  }
}

/** Free copies kept of one size: enough for a steady load, little enough after a burst. */
const mostKept = 4096;

function newCall(size: number): OpenCall {
  const bytes = new Uint8Array(size);
  return {
    probe: 0,
    depth: 0,
    flags: 0,
    goidLow: 0,
    goidHigh: 0,
    entryDrops: 0,
    returnDrops: 0,
    unwindDrops: 0n,
    bytes,
    view: new DataView(bytes.buffer),
    offset: 0,
    below: undefined,
    panic: undefined,
    place: undefined,
  };
}

/** Does an event of this g with this goid come from another goroutine than the call's? Unknown goids, and those of m.curg, tell nothing. */
export function isOtherGoroutine(call: OpenCall, flags: number, goidLow: number, goidHigh: number): boolean {
  const known = headerFlags.goid | headerFlags.curg;
  if ((call.flags & known) !== headerFlags.goid || (flags & known) !== headerFlags.goid) return false;
  return call.goidLow !== goidLow || call.goidHigh !== goidHigh;
}
