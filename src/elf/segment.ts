import { type Address, address, ByteReader, type FileOffset, fileOffset } from '#base';
import { type ElfHeader, programHeaderSize, readExactly } from './header.ts';
import type { ByteSource } from './source.ts';

/** A program header (gABI "Program Header"). */
export interface Segment {
  readonly type: number;
  /** Bits: 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly offset: FileOffset;
  readonly address: Address;
  /** Bytes in the file; in memory there may be more, zeroed. */
  readonly fileSize: number;
  readonly memorySize: number;
}

export const segmentTypes = { load: 1, note: 4, tls: 7 } as const;

export function parseSegments(source: ByteSource, header: ElfHeader): Segment[] {
  const { offset, count } = header.programHeaders;
  const reader = new ByteReader(readExactly(source, offset, count * programHeaderSize, 'the program headers'));
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    reader.seek(i * programHeaderSize);
    const type = reader.u32();
    const flags = reader.u32();
    const inFile = fileOffset(reader.u64number());
    const at = address(reader.u64number());
    reader.skip(8);
    segments.push({
      type,
      flags,
      offset: inFile,
      address: at,
      fileSize: reader.u64number(),
      memorySize: reader.u64number(),
    });
  }
  return segments;
}

/** File offset of a virtual address that a PT_LOAD segment backs with file bytes; undefined elsewhere (.bss too). */
export function addressToOffset(segments: readonly Segment[], at: Address): FileOffset | undefined {
  for (const segment of segments) {
    if (segment.type !== segmentTypes.load) continue;
    const delta = at - segment.address;
    if (delta >= 0 && delta < segment.fileSize) return fileOffset(segment.offset + delta);
  }
  return undefined;
}

/** Virtual address (unbiased) at which a PT_LOAD segment maps a file offset. */
export function offsetToAddress(segments: readonly Segment[], at: FileOffset): Address | undefined {
  for (const segment of segments) {
    if (segment.type !== segmentTypes.load) continue;
    const delta = at - segment.offset;
    if (delta >= 0 && delta < segment.fileSize) return address(segment.address + delta);
  }
  return undefined;
}
