import { type BpfMap, makeMap } from '#bpf';
import type { FilledMap, TracepointMaps } from '#probe';
import type { Sys } from '#sys';

/** Of which a process has a part: closed when the last one lets go. */
interface Held {
  /** What it was filled from: compared by identity. */
  readonly content: object;
  /** Of the addresses in it. */
  readonly bias: number;
  readonly map: BpfMap;
  users: number;
}

/** A tracepoint's maps that programs only read: where they are the same in several of its processes there is one. */
export class FilledMaps {
  readonly #held: Held[] = [];

  /** Filled, for a process whose addresses are the file's plus `bias`: for use until the result is disposed of. */
  lease(sys: Sys, { tables, dynamic }: TracepointMaps, bias: number): FilledMapsLease {
    using stack = new DisposableStack();
    const use = (content: object, at: number, make: () => BpfMap): BpfMap => {
      let held = this.#held.find((each) => each.content === content && each.bias === at);
      if (held === undefined) this.#held.push((held = { content, bias: at, map: make(), users: 0 }));
      held.users++;
      stack.adopt(held, (used) => this.#leave(used));
      return held.map;
    };
    const maps = tables.map((table) => use(table.bytes, 0, () => makeTable(sys, table)));
    if (dynamic) maps.push(use(dynamic.entries, bias, () => makeDynamic(sys, dynamic, bias)));
    const own = stack.move();
    return { maps, [Symbol.dispose]: () => own.dispose() };
  }

  #leave(held: Held): void {
    if (--held.users > 0) return;
    this.#held.splice(this.#held.indexOf(held), 1);
    held.map.close();
  }
}

export interface FilledMapsLease extends Disposable {
  readonly maps: readonly BpfMap[];
}

function makeTable(sys: Sys, { spec, bytes }: FilledMap): BpfMap {
  const table = makeMap(sys, spec);
  new Uint8Array(table.words.buffer).set(bytes);
  return table;
}

function makeDynamic(sys: Sys, { spec, entries }: NonNullable<TracepointMaps['dynamic']>, bias: number): BpfMap {
  const map = makeMap(sys, spec);
  try {
    const keys = BigUint64Array.from(entries, ({ address }) => BigInt(address + bias));
    const values = Uint32Array.from(entries.flatMap(({ entry, size }) => [entry, size]));
    map.updateAll(new Uint8Array(keys.buffer), new Uint8Array(values.buffer), entries.length);
    return map;
  } catch (error) {
    map.close();
    throw error;
  }
}
