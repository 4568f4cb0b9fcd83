import { type Address, address, ByteReader } from '#base';
import { MalformedElf, NotElf, UnsupportedElf } from './errors.ts';
import type { ByteSource } from './source.ts';

export type Machine = 'x86-64' | 'arm64';

/** The file header (gABI "ELF Header"), as far as Sonde needs it. Offsets and sizes in bytes. */
export interface ElfHeader {
  readonly machine: Machine;
  /** ET_DYN: loaded at an address of the kernel's choice. */
  readonly pie: boolean;
  readonly entry: Address;
  readonly programHeaders: { readonly offset: number; readonly count: number };
  readonly sectionHeaders: { readonly offset: number; readonly count: number };
  /** Index of the section that names the sections; 0 when there is none. */
  readonly sectionNames: number;
}

export const headerSize = 64;
export const programHeaderSize = 56;
export const sectionHeaderSize = 64;

const etExec = 2;
const etDyn = 3;
const machines: Record<number, Machine> = { 62: 'x86-64', 183: 'arm64' };

/** Reads `length` bytes or throws: a short read is a truncated file. */
export function readExactly(source: ByteSource, offset: number, length: number, what: string): Uint8Array {
  if (offset < 0 || length < 0 || offset + length > source.size) {
    throw new MalformedElf(`${what} at ${offset}..${offset + length} lies outside the file of ${source.size} bytes`);
  }
  const bytes = source.read(offset, length);
  if (bytes.length !== length) throw new MalformedElf(`the file ended while ${what} was read`);
  return bytes;
}

/** Throws NotElf, UnsupportedElf (with what it is instead) or MalformedElf. */
export function parseHeader(source: ByteSource): ElfHeader {
  const magic = source.read(0, 4);
  if (magic.length < 4 || magic[0] !== 0x7f || magic[1] !== 0x45 || magic[2] !== 0x4c || magic[3] !== 0x46) {
    throw new NotElf(source.size === 0 ? 'the file is empty' : 'it does not begin with 7f 45 4c 46');
  }
  const reader = new ByteReader(readExactly(source, 0, headerSize, 'the ELF header'), 4);
  if (reader.u8() !== 2) throw new UnsupportedElf('not a 64-bit one');
  if (reader.u8() !== 1) throw new UnsupportedElf('not a little-endian one');
  reader.seek(16);
  const type = reader.u16();
  const machineNumber = reader.u16();
  const machine = machines[machineNumber];
  if (machine === undefined) throw new UnsupportedElf(`machine ${machineNumber}; only x86-64 and arm64 are known`);
  if (type !== etExec && type !== etDyn) throw new UnsupportedElf(`type ${type}, neither an executable nor PIE`);
  reader.skip(4);
  const entry = address(reader.u64number());
  const programOffset = reader.u64number();
  const sectionOffset = reader.u64number();
  reader.skip(6);
  const programEntrySize = reader.u16();
  let programCount = reader.u16();
  const sectionEntrySize = reader.u16();
  let sectionCount = reader.u16();
  let sectionNames = reader.u16();
  if (sectionOffset !== 0 && (sectionCount === 0 || sectionNames === 0xffff || programCount === 0xffff)) {
    // Extended numbering: the real counts are in section header 0 (gABI "Sections").
    const first = new ByteReader(readExactly(source, sectionOffset, sectionHeaderSize, 'section header 0'), 32);
    const size = first.u64number();
    const link = first.u32();
    const info = first.u32();
    if (sectionCount === 0) sectionCount = size;
    if (sectionNames === 0xffff) sectionNames = link;
    if (programCount === 0xffff) programCount = info;
  }
  if (programCount > 0 && programEntrySize !== programHeaderSize)
    throw new MalformedElf(`program headers of ${programEntrySize} bytes`);
  if (sectionOffset === 0) sectionCount = 0;
  if (sectionCount > 0 && sectionEntrySize !== sectionHeaderSize)
    throw new MalformedElf(`section headers of ${sectionEntrySize} bytes`);
  return {
    machine,
    pie: type === etDyn,
    entry,
    programHeaders: { offset: programOffset, count: programCount },
    sectionHeaders: { offset: sectionOffset, count: sectionCount },
    sectionNames,
  };
}
