import { type Address, address, decodeUtf8, SondeError } from '#base';
import type { Elf } from '#elf';
import type { DebugInfo } from './debuginfo.ts';
import type { DynamicType } from './types.ts';

/** `internal/abi.ITab` (runtime.itab): interface, concrete type, hash, methods. The same in every version. */
const itabType = 8;

/** Types that have a descriptor and debug info; those of `.itablink` first: they are in interfaces with methods (errors are). */
export function findDynamicTypes(elf: Elf, debug: DebugInfo | undefined): readonly DynamicType[] {
  const base = elf.symbols()?.find('runtime.types')?.address;
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

/** `internal/abi.Type` (Go 1.17 to 1.26): tflag at 20, `str` (an offset from `runtime.types`) at 40. */
const typeFlags = 20;
const typeString = 40;
/** The name is kept with a `*` before it that is not its own. */
const extraStar = 2;
/** Longest name that is read. */
const mostName = 1024;

/** Name of the type whose descriptor is at an address of the file, as reflection has it (`main.T`, packages by their last part). */
export function descriptorName(elf: Elf, at: Address): string | undefined {
  const base = elf.symbols()?.find('runtime.types')?.address;
  if (base === undefined) return undefined;
  try {
    const descriptor = elf.read(at, typeString + 4);
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.length);
    const start = base + view.getInt32(typeString, true);
    // Flags, the length as a varint, the text (internal/abi/type.go, Name).
    const head = elf.read(address(start), 3);
    const long = (head[1]! & 0x80) !== 0;
    const length = long ? (head[1]! & 0x7f) | (head[2]! << 7) : head[1]!;
    if (length === 0 || length > mostName) return undefined;
    const text = decodeUtf8(elf.read(address(start + (long ? 3 : 2)), length));
    return (descriptor[typeFlags]! & extraStar) !== 0 ? text.slice(1) : text;
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return undefined;
  }
}
