import type { MapSpec } from '#asm';
import { type BpfMap, makeMap } from '#bpf';
import type { Sys } from '#sys';

/**
 * The maps in which `sample`, `rate` and `first` count, one set for a tracepoint: all its processes, and all that they become by exec, use the same.
 * They belong to whoever has made this.
 */
export class Counters implements Disposable {
  readonly #maps = new Map<string, BpfMap>();

  /** By name and size: binaries may differ in the keys of a `per`. */
  map(sys: Sys, spec: MapSpec): BpfMap {
    const key = `${spec.name} ${spec.keySize} ${spec.valueSize}`;
    const known = this.#maps.get(key) ?? makeMap(sys, spec);
    this.#maps.set(key, known);
    return known;
  }

  /** Programs that run keep what they use. */
  [Symbol.dispose](): void {
    for (const map of this.#maps.values()) map.close();
    this.#maps.clear();
  }
}
