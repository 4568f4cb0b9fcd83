import { Compilations } from './compilations.ts';
import { Counters } from './counters.ts';
import { FilledMaps } from './filled-maps.ts';

/** What a tracepoint has once, for all processes that it traces. */
export class Shared implements Disposable {
  readonly counters = new Counters();
  readonly compilations = new Compilations();
  readonly filledMaps = new FilledMaps();
  /** How many they are, as far as it is known when one is armed. */
  processes = 1;

  [Symbol.dispose](): void {
    this.counters[Symbol.dispose]();
  }
}
