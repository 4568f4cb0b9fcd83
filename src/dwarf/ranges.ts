import { ByteReader } from '#base';
import { MalformedDwarf } from './errors.ts';
import type { DebugSection } from './section.ts';

/** Addresses start ≤ pc < end. */
export interface CodeSpan {
  readonly start: number;
  readonly end: number;
}

const most = 65_536;

/** A list of `.debug_ranges` (DWARF 4 § 2.17.3). `base`: low pc of the unit. */
export function readRangesV4(section: DebugSection, offset: number, base: number): CodeSpan[] {
  section.need(0, section.bytes.length);
  const reader = new ByteReader(section.bytes, offset);
  const spans: CodeSpan[] = [];
  let current = base;
  for (let i = 0; i < most; i++) {
    const start = reader.u64();
    const end = reader.u64();
    if (start === 0n && end === 0n) return spans;
    if (start === 0xffff_ffff_ffff_ffffn) current = Number(end);
    else if (start < end) spans.push({ start: current + Number(start), end: current + Number(end) });
  }
  throw new MalformedDwarf('.debug_ranges', offset, 'a range list without end');
}

/** DWARF 5 § 7.25, table 7.30. */
const rle = {
  endOfList: 0,
  baseAddressx: 1,
  startxEndx: 2,
  startxLength: 3,
  offsetPair: 4,
  baseAddress: 5,
  startEnd: 6,
  startLength: 7,
} as const;

/** A list of `.debug_rnglists` (DWARF 5 § 2.17.3). `addressAt` reads the unit's `.debug_addr`. */
export function readRangesV5(
  section: DebugSection,
  offset: number,
  base: number,
  addressAt: (index: number) => number,
): CodeSpan[] {
  section.need(0, section.bytes.length);
  const reader = new ByteReader(section.bytes, offset);
  const spans: CodeSpan[] = [];
  let current = base;
  const push = (start: number, end: number) => {
    if (start < end) spans.push({ start, end });
  };
  for (let i = 0; i < most; i++) {
    const kind = reader.u8();
    switch (kind) {
      case rle.endOfList:
        return spans;
      case rle.baseAddressx:
        current = addressAt(reader.uleb());
        break;
      case rle.startxEndx:
        push(addressAt(reader.uleb()), addressAt(reader.uleb()));
        break;
      case rle.startxLength: {
        const start = addressAt(reader.uleb());
        push(start, start + reader.uleb());
        break;
      }
      case rle.offsetPair: {
        const start = current + reader.uleb();
        push(start, current + reader.uleb());
        break;
      }
      case rle.baseAddress:
        current = Number(reader.u64());
        break;
      case rle.startEnd: {
        const start = Number(reader.u64());
        push(start, Number(reader.u64()));
        break;
      }
      case rle.startLength: {
        const start = Number(reader.u64());
        push(start, start + reader.uleb());
        break;
      }
      default:
        throw new MalformedDwarf('.debug_rnglists', offset, `range list entry ${kind} is not known`);
    }
  }
  throw new MalformedDwarf('.debug_rnglists', offset, 'a range list without end');
}
