import { address, SondeError } from '#base';
import type { Elf } from '#elf';
import type { DebugInfo } from './debuginfo.ts';
import { typesStart } from './open-pclntab.ts';
import type { DynamicType } from './types.ts';

/** `internal/abi.ITab` (runtime.itab): interface, concrete type, hash, methods. The same in every version. */
const itabType = 8;

/** Types that have a descriptor and debug info; those of `.itablink` first: they are in interfaces with methods (errors are). */
export function findDynamicTypes(elf: Elf, debug: DebugInfo | undefined): readonly DynamicType[] {
  const base = typesStart(elf);
  if (debug === undefined || base === undefined) return [];
  const types = debug.runtimeTypes();
  const order = new Set<number>();
  for (const itab of words(elf, '.itablink')) {
    try {
      const at = elf.read(address(itab + itabType), 8);
      order.add(Number(new DataView(at.buffer, at.byteOffset, 8).getBigUint64(0, true)) - base);
    } catch (error) {
      // In a position-independent file it may be known at load time only.
      if (!(error instanceof SondeError)) throw error;
    }
  }
  for (const offset of types.keys()) order.add(offset);
  const found: DynamicType[] = [];
  for (const offset of order) {
    const type = types.get(offset);
    if (type !== undefined) found.push({ address: address(base + offset), type });
  }
  return found;
}

function words(elf: Elf, section: string): number[] {
  const bytes = elf.section(section);
  if (bytes === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => Number(view.getBigUint64(8 * i, true)));
}
