import { header } from '#model';
import { allDropsOffset, controlOffset, unwindDropsOffset } from '../emit/control.ts';
import type { OpenCall } from './call.ts';
import { type Ending, returnDropped, unwindDropped } from './ending.ts';
import type { RecordBytes } from './record.ts';

/** What the programs have counted of events that found no room in the ring. */
export class Drops {
  readonly #read: () => BigUint64Array | undefined;
  /** As of the last drain's begin. */
  #counters: BigUint64Array | undefined;

  /** `read`: the control map's value as it is now; undefined: drops are not told. */
  constructor(read: () => BigUint64Array | undefined) {
    this.#read = read;
  }

  /** The ring is about to be drained. */
  note(): void {
    this.#counters = this.#read()?.slice();
  }

  /** Events of recovered panics and the like, before the drain; `probes`: how many the process has. */
  unwindsBefore(probes: number): bigint {
    return counter(this.#counters, unwindDropsOffset(probes));
  }

  /** Entries of a probe, up to now. */
  entries(probe: number): bigint {
    return counter(this.#read(), controlOffset(probe, 'entryDrops'));
  }

  /** Of all kinds together, up to now. */
  all(probes: number): number {
    return Number(counter(this.#read(), allDropsOffset(probes)));
  }

  /** The drop that may have hidden how a call ended; undefined: there was none since it entered. */
  since(call: OpenCall, probes: number): Ending | undefined {
    const counters = this.#read();
    const drops = counter(counters, controlOffset(call.probe, 'returnDrops'));
    if (counters !== undefined && Number(drops & 0xffff_ffffn) !== call.returnDrops) return returnDropped;
    if (counter(counters, unwindDropsOffset(probes)) > call.unwindDrops) return unwindDropped;
    return undefined;
  }

  /**
   * May a return be that of a later call at the same place as `call`? Then the end of this one was dropped, and the
   * entry of that one too.
   */
  isDoubtful(call: OpenCall, { view, offset }: RecordBytes, probes: number): boolean {
    if (view.getUint32(offset + header.entryDrops, true) === call.entryDrops) return false;
    if (view.getUint32(offset + header.returnDrops, true) !== call.returnDrops) return true;
    return counter(this.#read(), unwindDropsOffset(probes)) > call.unwindDrops;
  }
}

function counter(counters: BigUint64Array | undefined, byteOffset: number): bigint {
  return counters?.[byteOffset / 8] ?? 0n;
}
