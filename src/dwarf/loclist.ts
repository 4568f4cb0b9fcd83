import { ByteReader } from '#base';
import { MalformedDwarf } from './errors.ts';
import type { DebugSection } from './section.ts';

/** One entry of a location list: the expression holds for start ≤ pc < end. */
export interface LocationRange {
  readonly start: number;
  readonly end: number;
  readonly expression: Uint8Array;
}

const most = 65_536;

/** A list of `.debug_loc` (DWARF 4 § 2.6.2). `base`: low pc of the unit. */
export function readLocV4(section: DebugSection, offset: number, base: number): LocationRange[] {
  return reread(section, offset, (reader) => {
    const ranges: LocationRange[] = [];
    let current = base;
    for (let i = 0; i < most; i++) {
      const start = reader.u64();
      const end = reader.u64();
      if (start === 0n && end === 0n) return ranges;
      if (start === 0xffff_ffff_ffff_ffffn) {
        current = Number(end & 0x1f_ffff_ffff_ffffn);
        continue;
      }
      const expression = reader.take(reader.u16());
      ranges.push({
        start: current + Number(start & 0x1f_ffff_ffff_ffffn),
        end: current + Number(end & 0x1f_ffff_ffff_ffffn),
        expression,
      });
    }
    throw new MalformedDwarf('.debug_loc', offset, 'a location list without end');
  });
}

/** DWARF 5 § 7.7.3, table 7.10. */
const lle = {
  endOfList: 0,
  baseAddressx: 1,
  startxEndx: 2,
  startxLength: 3,
  offsetPair: 4,
  defaultLocation: 5,
  baseAddress: 6,
  startEnd: 7,
  startLength: 8,
} as const;

/** A list of `.debug_loclists` (DWARF 5 § 2.6.2). `addressAt` reads the unit's `.debug_addr`. */
export function readLocV5(
  section: DebugSection,
  offset: number,
  base: number,
  addressAt: (index: number) => number,
): LocationRange[] {
  return reread(section, offset, (reader) => {
    const ranges: LocationRange[] = [];
    let current = base;
    const add = (start: number, end: number) => {
      ranges.push({ start, end, expression: reader.take(reader.uleb()) });
    };
    for (let i = 0; i < most; i++) {
      const at = reader.offset;
      const kind = reader.u8();
      switch (kind) {
        case lle.endOfList:
          return ranges;
        case lle.baseAddressx:
          current = addressAt(reader.uleb());
          break;
        case lle.startxEndx: {
          const start = addressAt(reader.uleb());
          add(start, addressAt(reader.uleb()));
          break;
        }
        case lle.startxLength: {
          const start = addressAt(reader.uleb());
          add(start, start + reader.uleb());
          break;
        }
        case lle.offsetPair: {
          const start = current + reader.uleb();
          add(start, current + reader.uleb());
          break;
        }
        case lle.defaultLocation:
          add(0, Number.MAX_SAFE_INTEGER);
          break;
        case lle.baseAddress:
          current = reader.u64number();
          break;
        case lle.startEnd: {
          const start = reader.u64number();
          add(start, reader.u64number());
          break;
        }
        case lle.startLength: {
          const start = reader.u64number();
          add(start, start + reader.uleb());
          break;
        }
        default:
          throw new MalformedDwarf('.debug_loclists', at, `location list entry ${kind}`);
      }
    }
    throw new MalformedDwarf('.debug_loclists', offset, 'a location list without end');
  });
}

/** Makes ever more of the section valid until the list fits into it. */
function reread<T>(section: DebugSection, offset: number, read: (reader: ByteReader) => T): T {
  for (let room = 1024; ; room *= 8) {
    const end = Math.min(section.bytes.length, offset + room);
    section.need(offset, end);
    const reader = new ByteReader(section.bytes, offset);
    let result: T | undefined;
    let failure: unknown;
    try {
      result = read(reader);
    } catch (error) {
      failure = error;
    }
    if (failure === undefined && (reader.offset < end || end === section.bytes.length)) return result as T;
    if (end === section.bytes.length) throw failure;
  }
}
