import { ByteReader } from '#base';
import { form } from './constants.ts';
import { MalformedDwarf } from './errors.ts';
import type { DebugSection } from './section.ts';

/** The header of a line table (DWARF 5 § 6.2.4). `files[i]` is the name of file number i as the unit's attributes count it. */
export interface LineHeader {
  readonly version: number;
  readonly files: readonly (string | undefined)[];
  readonly minimumInstructionLength: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeLengths: Uint8Array;
  /** Where the program begins and ends in `.debug_line`. */
  readonly program: number;
  readonly end: number;
}

const mostFiles = 1 << 20;

/** Reads the header at `offset` of `.debug_line`. `strings`: looks up `.debug_str` (false) or `.debug_line_str` (true). */
export function readLineHeader(
  section: DebugSection,
  offset: number,
  strings: (offset: number, lineStr: boolean) => string | undefined,
): LineHeader {
  section.need(offset, Math.min(section.bytes.length, offset + 12));
  const start = new ByteReader(section.bytes, offset);
  let length = start.u32();
  let offsetSize = 4;
  if (length === 0xffff_ffff) {
    offsetSize = 8;
    length = start.u64number();
  }
  const end = start.offset + length;
  if (end > section.bytes.length) throw new MalformedDwarf('.debug_line', offset, 'a table reaches beyond the section');
  section.need(offset, end);
  const reader = new ByteReader(section.bytes.subarray(0, end), start.offset);
  const readOffset = () => (offsetSize === 8 ? reader.u64number() : reader.u32());
  const version = reader.u16();
  if (version < 2 || version > 5) throw new MalformedDwarf('.debug_line', offset, `line table version ${version}`);
  if (version >= 5) reader.skip(2);
  const headerLength = readOffset();
  const program = reader.offset + headerLength;
  if (program > end) throw new MalformedDwarf('.debug_line', offset, 'a header reaches beyond its table');
  const minimumInstructionLength = reader.u8();
  if (version >= 4) reader.skip(1);
  reader.skip(1);
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const opcodeLengths = reader.take(Math.max(0, opcodeBase - 1));
  const files: (string | undefined)[] = [];
  if (version >= 5) {
    const directories = readEntries(reader, readOffset, strings);
    for (const entry of readEntries(reader, readOffset, strings)) {
      const directory = directories[entry.directory]?.path;
      files.push(join(directory, entry.path));
    }
  } else {
    const directories: string[] = [''];
    for (let name = reader.cstring(); name !== ''; name = reader.cstring()) directories.push(name);
    files.push(undefined);
    for (let name = reader.cstring(); name !== ''; name = reader.cstring()) {
      files.push(join(directories[reader.uleb()], name));
      reader.uleb();
      reader.uleb();
    }
  }
  return { version, files, minimumInstructionLength, lineBase, lineRange, opcodeLengths, program, end };
}

function join(directory: string | undefined, path: string | undefined): string | undefined {
  if (path === undefined || path.startsWith('/') || directory === undefined || directory === '' || directory === '.')
    return path;
  return `${directory}/${path}`;
}

/** Directory or file entries of version 5 (§ 6.2.4.1): formats, then the entries. */
function readEntries(
  reader: ByteReader,
  readOffset: () => number,
  strings: (offset: number, lineStr: boolean) => string | undefined,
): { path: string | undefined; directory: number }[] {
  const formats: [number, number][] = [];
  for (let i = reader.u8(); i > 0; i--) formats.push([reader.uleb(), reader.uleb()]);
  const count = reader.uleb();
  if (count > mostFiles || (formats.length === 0 && count > 0))
    throw new MalformedDwarf('.debug_line', reader.offset, `${count} files`);
  const entries: { path: string | undefined; directory: number }[] = [];
  for (let i = 0; i < count; i++) {
    const entry: { path: string | undefined; directory: number } = { path: undefined, directory: 0 };
    for (const [content, formCode] of formats) {
      let value: string | number | undefined;
      switch (formCode) {
        case form.string: {
          value = reader.cstring();
          break;
        }
        case form.lineStrp:
        case form.strp:
          value = strings(readOffset(), formCode === form.lineStrp);
          break;
        case form.udata:
          value = reader.uleb();
          break;
        case form.data1:
          value = reader.u8();
          break;
        case form.data2:
          value = reader.u16();
          break;
        case form.data4:
          value = reader.u32();
          break;
        case form.data8:
          reader.skip(8);
          break;
        case form.data16:
          reader.skip(16);
          break;
        case form.block:
          reader.skip(reader.uleb());
          break;
        default:
          throw new MalformedDwarf('.debug_line', reader.offset, `form 0x${formCode.toString(16)} is not known`);
      }
      if (content === 1 && typeof value === 'string') entry.path = value;
      else if (content === 2 && typeof value === 'number') entry.directory = value;
    }
    entries.push(entry);
  }
  return entries;
}

/** A row of the line table: from `address` on, until the next row. */
export interface LineRow {
  readonly address: number;
  readonly file: number;
  readonly line: number;
  readonly isStatement: boolean;
  /** This row only ends a sequence: no code is at its address. */
  readonly endSequence: boolean;
}

/** Runs the line program (§ 6.2.5) and hands each row to `visit`; stops early when that returns true. Ends with the table. */
export function runLineProgram(
  section: DebugSection,
  header: LineHeader,
  visit: (row: LineRow) => boolean | undefined,
): void {
  const reader = new ByteReader(section.bytes.subarray(0, header.end), header.program);
  const { lineBase, lineRange, opcodeLengths, minimumInstructionLength } = header;
  const opcodeBase = opcodeLengths.length + 1;
  let at = 0;
  let file = 1;
  let line = 1;
  let isStatement = true;
  const emit = (endSequence: boolean) => visit({ address: at, file, line, isStatement, endSequence }) === true;
  while (reader.remaining > 0) {
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      if (lineRange === 0) throw new MalformedDwarf('.debug_line', reader.offset, 'a line range of 0');
      const adjusted = opcode - opcodeBase;
      at += Math.floor(adjusted / lineRange) * minimumInstructionLength;
      line += lineBase + (adjusted % lineRange);
      if (emit(false)) return;
      continue;
    }
    switch (opcode) {
      case 0: {
        const size = reader.uleb();
        if (size === 0) break;
        const next = reader.offset + size;
        const extended = reader.u8();
        if (extended === 1) {
          if (emit(true)) return;
          at = 0;
          file = 1;
          line = 1;
          isStatement = true;
        } else if (extended === 2 && size === 9) at = reader.u64number();
        reader.seek(next);
        break;
      }
      case 1:
        if (emit(false)) return;
        break;
      case 2:
        at += reader.uleb() * minimumInstructionLength;
        break;
      case 3:
        line += Number(reader.sleb());
        break;
      case 4:
        file = reader.uleb();
        break;
      case 6:
        isStatement = !isStatement;
        break;
      case 8:
        if (lineRange === 0) throw new MalformedDwarf('.debug_line', reader.offset, 'a line range of 0');
        at += Math.floor((255 - opcodeBase) / lineRange) * minimumInstructionLength;
        break;
      case 9:
        at += reader.u16();
        break;
      default:
        for (let i = opcodeLengths[opcode - 1]; i > 0; i--) reader.uleb();
    }
  }
}
