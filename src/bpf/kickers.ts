import { SondeError } from '#base';
import { type Mapping, readCpus, type Sys } from '#sys';
import { Kicker, kickerCode } from './kicker.ts';
import { type BpfMap, makeMap } from './map.ts';

/** What programs find the rings of kickers in: CPU number → ring buffer, nothing for a CPU without a kicker. */
export const kicksName = 'kicks';

/**
 * A thread on each CPU that makes whoever writes to that CPU's ring give up the CPU for a moment, after which the kernel has saved the
 * writer's float registers. They sleep in the kernel, cost nothing while nobody kicks, and end with `close` or with this process.
 */
export class Kickers implements Disposable {
  readonly map: BpfMap;
  /** CPU → why it has none. */
  readonly lacking: ReadonlyMap<number, string>;
  readonly #kickers: ReadonlyMap<number, Kicker>;
  readonly #owned: DisposableStack;

  /** Throws SondeError where not one can be had (the reason is the first CPU's). */
  constructor(sys: Sys) {
    using stack = new DisposableStack();
    const code = stack.use(kickerCode(sys));
    const kickers = new Map<number, Kicker>();
    const lacking = new Map<number, string>();
    for (const cpu of readCpus(sys, 'online')) {
      const kicker = tryKicker(sys, code, cpu);
      if (typeof kicker === 'string') lacking.set(cpu, kicker);
      else {
        stack.defer(() => kicker.close());
        kickers.set(cpu, kicker);
      }
    }
    const [first] = kickers.values();
    if (first === undefined) throw new NoKickers([...lacking.values()][0] ?? 'the CPUs are not known');
    // A CPU that comes up later has no kicker: its place is there, and empty.
    const places = 1 + Math.max(...readCpus(sys, 'possible'), ...kickers.keys());
    this.map = stack.use(makeMap(sys, { ...kicksMap, maxEntries: places }, first.ring));
    // All in one call: after each the kernel waits until no program has what was there before.
    const rings = [...kickers.values()].map(({ ring }) => ring.fd.number);
    this.map.updateAll(words([...kickers.keys()]), words(rings), kickers.size);
    this.#kickers = kickers;
    this.lacking = lacking;
    this.#owned = stack.move();
  }

  /** CPUs that have one. */
  get cpus(): number[] {
    return [...this.#kickers].filter(([, kicker]) => kicker.running).map(([cpu]) => cpu);
  }

  close(): void {
    this.#owned.dispose();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const kicksMap = { name: kicksName, type: 'array_of_maps', keySize: 4, valueSize: 4 } as const;

class NoKickers extends SondeError {
  readonly code = 'bpf.no-kickers';
}

function tryKicker(sys: Sys, code: Mapping, cpu: number): Kicker | string {
  try {
    return new Kicker(sys, code, cpu);
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return error.message;
  }
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}
