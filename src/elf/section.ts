import { type Address, address, ByteReader, decodeUtf8, type FileOffset, fileOffset } from '#base';
import { MalformedElf, UnsupportedElf } from './errors.ts';
import { type ElfHeader, readExactly, sectionHeaderSize } from './header.ts';
import type { ByteSource, Inflate } from './source.ts';

/** A section header (gABI "Section Header"). */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** 0 where the section is not loaded. */
  readonly address: Address;
  readonly offset: FileOffset;
  /** Bytes in the file (compressed, where it is); of a NOBITS section bytes in memory. */
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
}

export const sectionTypes = { null: 0, progbits: 1, symtab: 2, strtab: 3, note: 7, nobits: 8 } as const;
export const sectionFlags = { write: 1, alloc: 2, execute: 4, compressed: 0x800 } as const;

export function parseSections(source: ByteSource, header: ElfHeader): Section[] {
  const { offset, count } = header.sectionHeaders;
  const reader = new ByteReader(readExactly(source, offset, count * sectionHeaderSize, 'the section headers'));
  const raw: (Omit<Section, 'name'> & { readonly nameOffset: number })[] = [];
  for (let i = 0; i < count; i++) {
    reader.seek(i * sectionHeaderSize);
    const nameOffset = reader.u32();
    const type = reader.u32();
    const flags = Number(reader.u64() & 0xffff_ffffn);
    const at = address(reader.u64number());
    const inFile = fileOffset(reader.u64number());
    const size = reader.u64number();
    const link = reader.u32();
    reader.skip(12);
    raw.push({ nameOffset, type, flags, address: at, offset: inFile, size, link, entrySize: reader.u64number() });
  }
  const strings = raw[header.sectionNames];
  const names =
    strings && strings.type === sectionTypes.strtab
      ? readExactly(source, strings.offset, strings.size, 'the section names')
      : new Uint8Array(0);
  return raw.map(({ nameOffset, ...rest }) => ({ name: text(names, nameOffset), ...rest }));
}

/** How the bytes of a section are packed. */
export interface Packing {
  readonly method: 'none' | 'zlib' | 'zstd';
  /** Where the packed bytes begin in the file, behind a compression header. */
  readonly offset: number;
  readonly packedSize: number;
  /** Bytes after unpacking. */
  readonly size: number;
}

/** Deflate packs at most 1032 bytes into one; a header that claims more lies. */
const deflateLimit = 1032;

/** Compression of a section: `SHF_COMPRESSED` (gABI "Section Compression") or the older `.zdebug_*` with its "ZLIB" prefix. */
export function packing(source: ByteSource, section: Section): Packing {
  const { offset, size } = section;
  let method: Packing['method'] = 'none';
  let prefix = 0;
  let unpacked = size;
  if (section.flags & sectionFlags.compressed) {
    const reader = new ByteReader(readExactly(source, offset, 24, `the compression header of ${section.name}`));
    const type = reader.u32();
    reader.skip(4);
    unpacked = reader.u64number();
    prefix = 24;
    if (type === 1) method = 'zlib';
    else if (type === 2) method = 'zstd';
    else throw new UnsupportedElf(`section ${section.name} has compression ${type}`);
  } else if (section.name.startsWith('.zdebug_') && size >= 12) {
    const head = readExactly(source, offset, 12, `the beginning of ${section.name}`);
    if (text(head.subarray(0, 4), 0) === 'ZLIB') {
      method = 'zlib';
      prefix = 12;
      unpacked = 0;
      for (let i = 4; i < 12; i++) unpacked = unpacked * 256 + head[i];
    }
  }
  const packedSize = size - prefix;
  if (packedSize < 0 || (method === 'zlib' && unpacked > packedSize * deflateLimit + 64) || unpacked > 2 ** 32) {
    throw new MalformedElf(`section ${section.name} claims ${unpacked} bytes out of ${size}`);
  }
  return { method, offset: offset + prefix, packedSize, size: unpacked };
}

/** The unpacked bytes of a section; empty for NOBITS. */
export function sectionBytes(source: ByteSource, section: Section, inflate: Inflate): Uint8Array {
  if (section.type === sectionTypes.nobits) return new Uint8Array(0);
  const { method, offset, packedSize, size } = packing(source, section);
  const packed = readExactly(source, offset, packedSize, `section ${section.name}`);
  if (method === 'none') return plainArray(packed);
  const unpack = method === 'zlib' ? inflate.zlib : inflate.zstd;
  if (unpack === undefined) throw new UnsupportedElf(`section ${section.name} is compressed with ${method}`);
  let bytes: Uint8Array;
  try {
    bytes = unpack(packed, size);
  } catch (cause) {
    throw new MalformedElf(`section ${section.name} does not decompress`, { cause });
  }
  if (bytes.length !== size)
    throw new MalformedElf(`section ${section.name} has ${bytes.length} bytes after decompression, not ${size}`);
  return plainArray(bytes);
}

/** `slice` of a Node Buffer shares its memory; that of a plain array copies. */
function plainArray(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** NUL-terminated text at an offset of a string table; empty when the offset is outside. */
export function text(strings: Uint8Array, offset: number): string {
  if (offset >= strings.length) return '';
  const end = strings.indexOf(0, offset);
  return decodeUtf8(strings.subarray(offset, end < 0 ? strings.length : end));
}
