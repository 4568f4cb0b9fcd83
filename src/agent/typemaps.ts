import { type BpfMap, makeMap } from '#bpf';
import type { TracepointMaps } from '#probe';
import type { Sys } from '#sys';

/**
 * Makes a tracepoint's maps that are filled from the start: tables, dynamic types. `bias`: what the process adds to the file's addresses. The caller closes
 * them.
 */
export function makeTypeMaps(sys: Sys, maps: TracepointMaps, bias: number): BpfMap[] {
  const made: BpfMap[] = [];
  try {
    for (const { spec, bytes } of maps.tables) {
      const table = makeMap(sys, spec);
      made.push(table);
      new Uint8Array(table.words.buffer).set(bytes);
    }
    if (maps.dynamic) {
      const dynamic = makeMap(sys, maps.dynamic.spec);
      made.push(dynamic);
      const { entries } = maps.dynamic;
      const keys = BigUint64Array.from(entries, ({ address }) => BigInt(address + bias));
      const values = Uint32Array.from(entries.flatMap(({ entry, size }) => [entry, size]));
      dynamic.updateAll(new Uint8Array(keys.buffer), new Uint8Array(values.buffer), entries.length);
    }
    return made;
  } catch (error) {
    for (const map of made) map.close();
    throw error;
  }
}
