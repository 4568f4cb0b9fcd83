import { type Address, type FileOffset, SondeError } from '#base';
import { MalformedElf } from './errors.ts';
import { type Machine, parseHeader, readExactly } from './header.ts';
import { type InflatePoints, inflateWindow } from './inflate-points.ts';
import { gnuBuildId, goBuildId, type Note, parseNotes } from './notes.ts';
import { packing, parseSections, type Section, sectionBytes, sectionFlags, sectionTypes } from './section.ts';
import { addressToOffset, offsetToAddress, parseSegments, type Segment, segmentTypes } from './segment.ts';
import type { ByteSource, Inflate } from './source.ts';
import { SymbolTable } from './symbols.ts';
import { partialWindow, type SectionWindow, wholeWindow } from './window.ts';

/** An ELF file, read as far as it was asked about. Little-endian, 64 bits. Holds no descriptor of its own. */
export interface Elf {
  readonly source: ByteSource;
  readonly inflate: Inflate;
  readonly machine: Machine;
  /** Position-independent: addresses in here are biased in a process. */
  readonly pie: boolean;
  readonly entry: Address;
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
  /** Header of the first section of that name, `.zdebug_x` counting as `.debug_x`. */
  header(name: string): Section | undefined;
  /** Unpacked bytes, kept until `release`; undefined when there is no such section. Throws MalformedElf, UnsupportedElf. */
  section(name: string): Uint8Array | undefined;
  /**
   * The section read part by part as `need` asks; kept until `release`. A compressed one is unpacked as a whole, unless `points` are
   * given (by the first call).
   */
  window(name: string, points?: InflatePoints): SectionWindow | undefined;
  /** Forgets unpacked sections: that one, or all. Views that callers hold stay good. */
  release(name?: string): void;
  /** `length` file-backed bytes at a virtual address (unbiased). Throws MalformedElf where the file has none. */
  read(at: Address, length: number): Uint8Array;
  /** The same of one uncompressed section, of which parts are read once and kept until `release`: for many small reads. Undefined where the file has none. */
  view(at: Address, length: number): Uint8Array | undefined;
  fileOffset(at: Address): FileOffset | undefined;
  address(offset: FileOffset): Address | undefined;
  /** `.symtab`, undefined in a stripped file. */
  symbols(): SymbolTable | undefined;
  notes(): readonly Note[];
  /** Hexadecimal. */
  readonly gnuBuildId: string | undefined;
  readonly goBuildId: string | undefined;
}

/** Parts in which an uncompressed section is read, bytes. */
const windowPart = 65_536;

/** Reads header, section headers and program headers. Throws NotElf, UnsupportedElf, MalformedElf (or `base.*` on nonsense numbers). */
export function openElf(source: ByteSource, inflate: Inflate): Elf {
  const header = parseHeader(source);
  const segments = parseSegments(source, header);
  const sections = parseSections(source, header);
  const unpacked = new Map<string, Uint8Array>();
  const windows = new Map<string, SectionWindow>();
  let symbols: SymbolTable | undefined;
  let viewed: Section | undefined;
  let notes: Note[] | undefined;

  const find = (name: string): Section | undefined => {
    const old = name.startsWith('.debug_') ? `.z${name.slice(1)}` : undefined;
    return sections.find((section) => section.name === name) ?? sections.find((section) => section.name === old);
  };
  const bytesOf = (name: string): Uint8Array | undefined => {
    const known = unpacked.get(name);
    if (known) return known;
    const found = find(name);
    if (found === undefined || found.type === sectionTypes.null) return undefined;
    const bytes = sectionBytes(source, found, inflate);
    unpacked.set(name, bytes);
    return bytes;
  };
  const windowOf = (name: string, points: InflatePoints | undefined): SectionWindow | undefined => {
    const known = windows.get(name);
    if (known) return known;
    const found = find(name);
    if (found === undefined || found.type === sectionTypes.null || found.type === sectionTypes.nobits) return undefined;
    const whole = unpacked.get(name);
    const { method, offset, packedSize, size } = packing(source, found);
    let window: SectionWindow;
    if (whole) window = wholeWindow(whole);
    else if (method === 'none') {
      if (offset + size > source.size) throw new MalformedElf(`section ${name} reaches beyond the file`);
      const starts = Uint32Array.from({ length: Math.ceil(size / windowPart) }, (_, i) => i * windowPart);
      window = partialWindow(size, starts, (_, start, end) =>
        readExactly(source, offset + start, end - start, `section ${name}`),
      );
    } else if (method === 'zlib' && points !== undefined && points.size === size && inflate.rawPrefix) {
      const read = (start: number, end: number) => readExactly(source, offset + start, end - start, `section ${name}`);
      window = inflateWindow(points, packedSize, read, inflate);
    } else window = wholeWindow(bytesOf(name)!);
    windows.set(name, window);
    return window;
  };
  const allNotes = (): Note[] => {
    if (notes) return notes;
    const fromSegments = segments
      .filter((segment) => segment.type === segmentTypes.note)
      .map((segment) => [segment.offset, segment.fileSize] as const);
    const fromSections = sections
      .filter((section) => section.type === sectionTypes.note)
      .map((section) => [section.offset, section.size] as const);
    // Notes in both are seen twice, which harms nobody; a broken one hides only its own section.
    notes = [...fromSections, ...fromSegments].flatMap(([offset, size]) => {
      try {
        return parseNotes(readExactly(source, offset, size, 'a note'));
      } catch (error) {
        if (error instanceof SondeError) return [];
        throw error;
      }
    });
    return notes;
  };

  return {
    source,
    inflate,
    machine: header.machine,
    pie: header.pie,
    entry: header.entry,
    sections,
    segments,
    header: find,
    section: bytesOf,
    window: windowOf,
    release(name) {
      if (name === undefined) {
        unpacked.clear();
        windows.clear();
      } else {
        unpacked.delete(name);
        windows.delete(name);
      }
    },
    read(at, length) {
      const from = addressToOffset(segments, at);
      const to = length > 1 ? addressToOffset(segments, (at + length - 1) as Address) : from;
      if (from === undefined || to === undefined || to - from !== Math.max(length, 1) - 1) {
        throw new MalformedElf(`no ${length} bytes of the file at address 0x${at.toString(16)}`);
      }
      return readExactly(source, from, length, `address 0x${at.toString(16)}`);
    },
    view(at, length) {
      const holds = ({ address, size }: Section) => address > 0 && at >= address && at + length <= address + size;
      if (viewed === undefined || !holds(viewed)) viewed = sections.find(holds);
      if (viewed === undefined || find(viewed.name) !== viewed) return undefined;
      if (viewed.flags & sectionFlags.compressed || viewed.offset + viewed.size > source.size) return undefined;
      const window = windowOf(viewed.name, undefined);
      const offset = at - viewed.address;
      window?.need(offset, offset + length);
      return window?.bytes.subarray(offset, offset + length);
    },
    fileOffset: (at) => addressToOffset(segments, at),
    address: (offset) => offsetToAddress(segments, offset),
    symbols() {
      if (symbols) return symbols;
      const table = sections.find((section) => section.type === sectionTypes.symtab);
      const strings = table && sections[table.link];
      if (table === undefined || strings === undefined) return undefined;
      symbols = new SymbolTable(sectionBytes(source, table, inflate), sectionBytes(source, strings, inflate));
      return symbols;
    },
    notes: allNotes,
    get gnuBuildId() {
      return gnuBuildId(allNotes());
    },
    get goBuildId() {
      return goBuildId(allNotes());
    },
  };
}
