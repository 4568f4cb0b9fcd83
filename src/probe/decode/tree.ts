import { header } from '#model';
import type { OpenCall } from './call.ts';
import type { Ending } from './ending.ts';

/** A call's place in the tree of its goroutine's traced calls, and the time that was its own. */
export interface TreePlace {
  readonly id: bigint;
  /** Undefined: there is none, or it is not known. */
  readonly parent: bigint | undefined;
  /** Why the parent may be another one; empty: it is not. */
  readonly doubt: string;
  /** Nanoseconds; a text: why it is not known. */
  readonly own: bigint | string;
}

/** What an open call keeps of it. */
export interface OpenPlace {
  readonly id: bigint;
  readonly parent: OpenCall | undefined;
  readonly parentId: bigint | undefined;
  readonly doubt: string;
  /** Events that had been lost when it began. */
  readonly lost: number;
  /** Time of the calls in it that have ended, nanoseconds. */
  childrenNs: bigint;
  /** Of one of them it is not known: why. */
  unknown: string;
}

/** Ids count from the first event's time in steps of 100 ns: a process's later calls have larger ones, whoever decodes them, and JSON readers keep them exact. */
const stepNs = 100n;

/** Numbers calls, and finds the call that each began in. */
export class CallTree {
  #last = 0n;

  /**
   * The place of a call that begins: `below` is its goroutine's deepest open call under it, `lost` how many events had been lost by then, `ktime` its
   * CLOCK_MONOTONIC time.
   */
  enter(below: OpenCall | undefined, lost: number, ktime: bigint): OpenPlace {
    this.#last = this.#last === 0n ? ktime / stepNs + 1n : this.#last + 1n;
    const place = below?.place;
    const doubt = lost === (place?.lost ?? 0) ? '' : 'events were dropped: it may have begun in another call';
    return { id: this.#last, parent: below, parentId: place?.id, doubt, lost, childrenNs: 0n, unknown: '' };
  }

  /** Its place when it has ended, which its parent is told of. `lost` as at the entry. */
  leave(call: OpenCall, place: OpenPlace, ending: Ending, end: bigint, lost: number): TreePlace {
    const { id, parent, parentId, doubt, unknown } = place;
    const ns = end - call.view.getBigInt64(header.ktime, true);
    // The parent's copy may serve another call by now.
    const above = parent?.place?.id === parentId ? parent?.place : undefined;
    if (above !== undefined) {
      if (ending.seen) above.childrenNs += ns;
      else if (above.unknown === '') above.unknown = `of a call in it no time is known: ${ending.reason}`;
    }
    let own: bigint | string = ns - place.childrenNs;
    if (!ending.seen) own = ending.reason;
    else if (unknown !== '') own = unknown;
    else if (lost !== place.lost) own = 'events were dropped meanwhile, perhaps those of calls in it';
    return { id, parent: parentId, doubt, own };
  }
}
