import { type BpfMap, makeMap } from '#bpf';
import type { TracepointMaps } from '#probe';
import type { Sys } from '#sys';

/**
 * Makes a tracepoint's maps of types, filled, where it has them. `bias`: what the process adds to the file's addresses. The caller closes
 * them.
 */
export function makeTypeMaps(sys: Sys, maps: TracepointMaps, bias: number): BpfMap[] {
  const made: BpfMap[] = [];
  try {
    if (maps.types) {
      const table = makeMap(sys, maps.types.spec);
      made.push(table);
      new Uint8Array(table.words.buffer).set(maps.types.bytes);
    }
    if (maps.dynamic) {
      const dynamic = makeMap(sys, maps.dynamic.spec);
      made.push(dynamic);
      const key = new BigUint64Array(1);
      const value = new Uint32Array(2);
      for (const { address, entry, size } of maps.dynamic.entries) {
        key[0] = BigInt(address + bias);
        value[0] = entry;
        value[1] = size;
        dynamic.update(new Uint8Array(key.buffer), new Uint8Array(value.buffer));
      }
    }
    return made;
  } catch (error) {
    for (const map of made) map.close();
    throw error;
  }
}
