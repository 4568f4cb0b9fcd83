import { ByteReader } from '#base';
import { MalformedDwarf } from './errors.ts';
import type { DebugSection } from './section.ts';

/** A unit header of `.debug_info` (DWARF 5 § 7.5.1, DWARF 4 § 7.5.1.1). Offsets count from the start of the section. */
export interface UnitHeader {
  readonly offset: number;
  /** Offset behind the unit. */
  readonly end: number;
  readonly version: number;
  /** 4 or 8. */
  readonly offsetSize: number;
  readonly abbrevOffset: number;
  /** Offset of the root DIE. */
  readonly root: number;
}

const compileUnitType = 1;
const partialUnitType = 3;

/** Header at `offset`; undefined for a unit that holds no compile unit (type units, skeletons). Throws MalformedDwarf. */
export function readUnitHeader(info: DebugSection, offset: number): { unit: UnitHeader | undefined; end: number } {
  info.need(offset, Math.min(offset + 40, info.bytes.length));
  const reader = new ByteReader(info.bytes, offset);
  let length = reader.u32();
  let offsetSize = 4;
  if (length === 0xffff_ffff) {
    offsetSize = 8;
    length = reader.u64number();
  } else if (length >= 0xffff_fff0) throw new MalformedDwarf('.debug_info', offset, 'a reserved unit length');
  const end = reader.offset + length;
  if (end > info.bytes.length) throw new MalformedDwarf('.debug_info', offset, 'a unit reaches beyond the section');
  const version = reader.u16();
  if (version < 2 || version > 5) throw new MalformedDwarf('.debug_info', offset, `DWARF version ${version}`);
  let addressSize: number;
  let abbrevOffset: number;
  let type = compileUnitType;
  const readOffset = () => (offsetSize === 8 ? reader.u64number() : reader.u32());
  if (version >= 5) {
    type = reader.u8();
    addressSize = reader.u8();
    abbrevOffset = readOffset();
  } else {
    abbrevOffset = readOffset();
    addressSize = reader.u8();
  }
  if (addressSize !== 8) throw new MalformedDwarf('.debug_info', offset, `addresses of ${addressSize} bytes`);
  if (reader.offset > end) throw new MalformedDwarf('.debug_info', offset, 'a unit shorter than its header');
  const known = type === compileUnitType || type === partialUnitType;
  return { unit: known ? { offset, end, version, offsetSize, abbrevOffset, root: reader.offset } : undefined, end };
}
