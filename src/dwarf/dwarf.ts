import { ByteReader, decodeUtf8, SondeError } from '#base';
import { type AbbrevTable, compileAbbrevs } from './abbrev.ts';
import { attribute, form, languageGo, tag } from './constants.ts';
import { type Die, readAttribute, readDie } from './die.ts';
import { MalformedDwarf } from './errors.ts';
import { FunctionTable } from './functions.ts';
import { type LineHeader, readLineHeader } from './line.ts';
import { parseLocation } from './location.ts';
import { type LocationRange, readLocV4, readLocV5 } from './loclist.ts';
import { type CodeSpan, readRangesV4, readRangesV5 } from './ranges.ts';
import { ScanResult, scanUnit } from './scan.ts';
import { scanAttribute } from './scan-attribute.ts';
import type { DebugSection, SectionLookup } from './section.ts';
import { readUnitHeader, type UnitHeader } from './unit.ts';

/** What the root DIE of a unit says, offsets into other sections included. */
export interface UnitRoot {
  /** Package path (`net/http`), or a C file's name. */
  readonly name: string;
  /** What the package calls itself (`yaml` of `gopkg.in/yaml.v3`); empty: not told. */
  readonly packageName: string;
  readonly language: number | undefined;
  readonly producer: string;
  readonly lowPc: number;
  readonly lineOffset: number | undefined;
  readonly addressBase: number;
  readonly stringsBase: number;
  readonly locationsBase: number;
  readonly rangesBase: number;
}

/** `.debug_info` and what it points into. Opened by `openDwarf`. */
export class Dwarf {
  readonly #lookup: SectionLookup;
  readonly #sections = new Map<string, DebugSection | undefined>();
  readonly #info: DebugSection;
  readonly #tables = new Map<number, AbbrevTable>();
  readonly #roots = new Map<number, UnitRoot>();
  readonly #lines = new Map<number, LineHeader>();
  #units: UnitHeader[] | undefined;
  #functions: FunctionTable | undefined;
  /** Units that could not be scanned, and why: their functions are missing from `functions()`. */
  readonly problems: SondeError[] = [];

  constructor(lookup: SectionLookup, info: DebugSection, units?: readonly UnitHeader[]) {
    this.#lookup = lookup;
    this.#info = info;
    if (units) this.#units = [...units];
  }

  /** Headers of all compile units, in order. A broken header ends the list and is kept in `problems`. */
  units(): readonly UnitHeader[] {
    if (this.#units) return this.#units;
    const units: UnitHeader[] = [];
    try {
      for (let at = 0; at < this.#info.bytes.length; ) {
        const { unit, end } = readUnitHeader(this.#info, at);
        if (unit) units.push(unit);
        at = end;
      }
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      this.problems.push(error);
    }
    return (this.#units = units);
  }

  /** The unit that an offset of `.debug_info` lies in. Throws MalformedDwarf. */
  unitAt(offset: number): UnitHeader {
    const units = this.units();
    let low = 0;
    let high = units.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const unit = units[middle];
      if (offset < unit.offset) high = middle - 1;
      else if (offset >= unit.end) low = middle + 1;
      else return unit;
    }
    throw new MalformedDwarf('.debug_info', offset, 'an offset in no unit');
  }

  root(unit: UnitHeader): UnitRoot {
    const known = this.#roots.get(unit.offset);
    if (known) return known;
    const die = this.#read(unit, unit.root);
    if (die === undefined) throw new MalformedDwarf('.debug_info', unit.root, 'a unit without a root entry');
    const number = (name: number): number | undefined => {
      const value = die.attributes.get(name)?.value;
      return typeof value === 'number' ? value : undefined;
    };
    const bases = {
      language: number(attribute.language),
      lineOffset: number(attribute.stmtList),
      addressBase: number(attribute.addrBase) ?? 8,
      stringsBase: number(attribute.strOffsetsBase) ?? 8,
      locationsBase: number(attribute.loclistsBase) ?? 12,
      rangesBase: number(attribute.rnglistsBase) ?? 12,
    };
    const partial: UnitRoot = { name: '', packageName: '', producer: '', lowPc: 0, ...bases };
    const root = {
      ...partial,
      name: this.#string(die, attribute.name, partial) ?? '',
      packageName: this.#string(die, attribute.goPackageName, partial) ?? '',
      producer: this.#string(die, attribute.producer, partial) ?? '',
      lowPc: this.#address(die, attribute.lowPc, partial) ?? 0,
    };
    this.#roots.set(unit.offset, root);
    return root;
  }

  /** Scans every Go unit once. Units that are broken or of another language are left out (see `problems`). */
  functions(): FunctionTable {
    if (this.#functions) return this.#functions;
    const result = new ScanResult();
    for (const unit of this.units()) {
      try {
        this.#info.need(unit.offset, unit.end);
        const root = this.root(unit);
        if (root.language !== undefined && root.language !== languageGo) continue;
        const addresses = unit.version >= 5 ? this.section('.debug_addr') : undefined;
        addresses?.need(0, addresses.bytes.length);
        scanUnit(this.#info.bytes, unit, this.#table(unit), addresses?.bytes, root.addressBase, result);
      } catch (error) {
        if (!(error instanceof SondeError)) throw error;
        this.problems.push(error);
      }
    }
    this.#functions = new FunctionTable(result, this.#info.bytes, this.section('.debug_str')?.bytes);
    return this.#functions;
  }

  /** The types that have a descriptor at run time: the linker puts all types into the unit of package runtime. A broken unit has none. */
  *runtimeTypes(): Generator<{ readonly die: number; readonly offset: number }> {
    for (const unit of this.units()) {
      if (this.root(unit).name !== 'runtime') continue;
      this.#info.need(unit.offset, unit.end);
      const table = this.#table(unit);
      const reader = new ByteReader(this.#info.bytes);
      for (const { die } of scanAttribute(this.#info.bytes, unit, table, attribute.goRuntimeType)) {
        const offset = readAttribute(reader, die, unit, table, attribute.goRuntimeType);
        if (typeof offset === 'number' && offset !== 0) yield { die, offset };
      }
    }
  }

  /**
   * The variables that closures have captured (Go 1.23 and later), in the units of the packages that `wanted` takes: each with its closure's
   * subprogram, and where it lies in the closure. A broken unit ends the list of its own.
   */
  *captured(wanted: (unit: string) => boolean): Generator<{ subprogram: number; variable: Die; offset: number }> {
    for (const unit of this.units()) {
      try {
        if (!wanted(this.root(unit).name)) continue;
        this.#info.need(unit.offset, unit.end);
        const found = scanAttribute(this.#info.bytes, unit, this.#table(unit), attribute.goClosureOffset);
        for (const { die, subprogram } of found) {
          const variable = this.die(die);
          const offset = variable && this.number(variable, attribute.goClosureOffset);
          if (variable && offset !== undefined && subprogram > 0) yield { subprogram, variable, offset };
        }
      } catch (error) {
        if (!(error instanceof SondeError)) throw error;
        this.problems.push(error);
      }
    }
  }

  /** The constants of integer types that a package declares (the linker keeps those that the compiler told of). Values as int64, those of uint64 too. */
  *constants(unitName: string): Generator<{ name: string; type: number; value: bigint }> {
    for (const unit of this.units()) {
      if (this.root(unit).name !== unitName) continue;
      this.#info.need(unit.offset, unit.end);
      for (const { die } of scanAttribute(this.#info.bytes, unit, this.#table(unit), attribute.constValue)) {
        const constant = this.die(die);
        if (constant?.tag !== tag.constant) continue;
        const name = this.string(constant, attribute.name);
        const type = this.number(constant, attribute.type);
        const value = constant.attributes.get(attribute.constValue)?.value;
        if (name === undefined || type === undefined) continue;
        if (typeof value === 'number' || typeof value === 'bigint') yield { name, type, value: BigInt(value) };
      }
    }
  }

  /** Bytes of `.debug_info`, as far as its units are known. */
  get infoBytes(): number {
    return this.units().at(-1)?.end ?? 0;
  }

  /** The DIE at an offset; undefined for a null entry. */
  die(offset: number): Die | undefined {
    return this.#read(this.unitAt(offset), offset);
  }

  /** Direct children of a DIE, grandchildren skipped. Ends with the unit at the latest. */
  *children(parent: Die): Generator<Die> {
    if (!parent.hasChildren) return;
    const unit = this.unitAt(parent.offset);
    let depth = 1;
    let at = parent.next;
    while (at < unit.end) {
      const die = this.#read(unit, at);
      if (die === undefined) {
        at++;
        if (--depth === 0) return;
        continue;
      }
      if (depth === 1) yield die;
      at = die.next;
      if (die.hasChildren) depth++;
    }
  }

  /** A text attribute; undefined where it is missing. */
  string(die: Die, name: number): string | undefined {
    return this.#string(die, name, () => this.root(this.unitAt(die.offset)));
  }

  /** A number, flag, reference or section offset; undefined where it is missing or no number. */
  number(die: Die, name: number): number | undefined {
    const value = die.attributes.get(name)?.value;
    return typeof value === 'number' ? value : undefined;
  }

  address(die: Die, name: number): number | undefined {
    return this.#address(die, name, () => this.root(this.unitAt(die.offset)));
  }

  /** Bytes of code of a subprogram: DW_AT_high_pc as a size, whatever its form. */
  codeSize(die: Die): number | undefined {
    const high = die.attributes.get(attribute.highPc);
    if (high === undefined || typeof high.value !== 'number') return undefined;
    if (high.form !== form.addr) return high.value;
    const low = this.address(die, attribute.lowPc);
    return low === undefined ? undefined : high.value - low;
  }

  /**
   * Where a variable is: one range for a plain expression, the list for a location list, none where the attribute is
   * missing or empty (optimised away).
   */
  locations(die: Die): LocationRange[] {
    const found = die.attributes.get(attribute.location);
    if (found === undefined) return [];
    if (found.value instanceof Uint8Array) {
      return found.value.length === 0 ? [] : [{ start: 0, end: Number.MAX_SAFE_INTEGER, expression: found.value }];
    }
    if (typeof found.value !== 'number') return [];
    const unit = this.unitAt(die.offset);
    const root = this.root(unit);
    if (unit.version < 5) {
      const section = this.section('.debug_loc');
      return section ? readLocV4(section, found.value, root.lowPc) : [];
    }
    const section = this.section('.debug_loclists');
    if (section === undefined) return [];
    let offset = found.value;
    if (found.form === form.loclistx) {
      section.need(root.locationsBase + 4 * offset, root.locationsBase + 4 * offset + 4);
      offset = root.locationsBase + this.#u32(section, root.locationsBase + 4 * offset, '.debug_loclists');
    }
    return readLocV5(section, offset, root.lowPc, (index) => this.#indexed(root, index));
  }

  /** Where a variable lies all the time (DW_OP_addr or DW_OP_addrx alone); undefined for every other location. */
  staticAddress(die: Die): number | undefined {
    const expression = die.attributes.get(attribute.location)?.value;
    if (!(expression instanceof Uint8Array)) return undefined;
    const [piece, ...others] = parseLocation(expression);
    if (others.length > 0 || piece === undefined) return undefined;
    if (piece.kind === 'address') return piece.address;
    return piece.kind === 'indexed' ? this.#indexed(this.root(this.unitAt(die.offset)), piece.index) : undefined;
  }

  /** The addresses of a DIE's code; none where it has none. */
  ranges(die: Die): CodeSpan[] {
    const found = die.attributes.get(attribute.ranges);
    if (found === undefined) {
      const start = this.address(die, attribute.lowPc);
      const size = this.codeSize(die);
      return start === undefined || size === undefined || size <= 0 ? [] : [{ start, end: start + size }];
    }
    if (typeof found.value !== 'number') return [];
    const unit = this.unitAt(die.offset);
    const root = this.root(unit);
    if (unit.version < 5) {
      const section = this.section('.debug_ranges');
      return section ? readRangesV4(section, found.value, root.lowPc) : [];
    }
    const section = this.section('.debug_rnglists');
    if (section === undefined) return [];
    let offset = found.value;
    if (found.form === form.rnglistx) {
      section.need(0, section.bytes.length);
      offset = root.rangesBase + this.#u32(section, root.rangesBase + 4 * offset, '.debug_rnglists');
    }
    return readRangesV5(section, offset, root.lowPc, (index) => this.#indexed(root, index));
  }

  /** Line-table header of a DIE's unit; undefined when the unit has none. */
  lineHeader(die: Die): LineHeader | undefined {
    const root = this.root(this.unitAt(die.offset));
    const section = this.section('.debug_line');
    if (section === undefined || root.lineOffset === undefined) return undefined;
    let header = this.#lines.get(root.lineOffset);
    if (header === undefined) {
      header = readLineHeader(section, root.lineOffset, (offset, lineStr) =>
        this.#text(lineStr ? '.debug_line_str' : '.debug_str', offset),
      );
      this.#lines.set(root.lineOffset, header);
    }
    return header;
  }

  section(name: string): DebugSection | undefined {
    if (!this.#sections.has(name)) this.#sections.set(name, this.#lookup(name));
    return this.#sections.get(name);
  }

  /** Reads with ever more room until the DIE lies inside the part that is known to be valid. */
  #read(unit: UnitHeader, offset: number): Die | undefined {
    const table = this.#table(unit);
    for (let room = 4096; ; room *= 8) {
      const end = Math.min(unit.end, offset + room);
      this.#info.need(offset, end);
      let die: Die | undefined;
      let failure: unknown;
      try {
        die = readDie(this.#info.bytes, offset, unit, table);
      } catch (error) {
        failure = error;
      }
      if (failure === undefined && (die === undefined || die.next < end)) return die;
      if (end < unit.end) continue;
      if (failure !== undefined) throw failure;
      if (die!.next > unit.end) throw new MalformedDwarf('.debug_info', offset, 'an entry reaches beyond its unit');
      return die;
    }
  }

  #table(unit: UnitHeader): AbbrevTable {
    const key = unit.abbrevOffset * 16 + unit.offsetSize;
    let table = this.#tables.get(key);
    if (table === undefined) {
      const section = this.section('.debug_abbrev');
      if (section === undefined) throw new MalformedDwarf('.debug_abbrev', 0, 'there is no such section');
      section.need(0, section.bytes.length);
      table = compileAbbrevs(section.bytes, unit.abbrevOffset, unit.offsetSize);
      this.#tables.set(key, table);
    }
    return table;
  }

  #string(die: Die, name: number, root: UnitRoot | (() => UnitRoot)): string | undefined {
    const found = die.attributes.get(name);
    if (found === undefined) return undefined;
    if (typeof found.value === 'string') return found.value;
    if (typeof found.value !== 'number') return undefined;
    if (found.form === form.strp) return this.#text('.debug_str', found.value);
    if (found.form === form.lineStrp) return this.#text('.debug_line_str', found.value);
    const indexed = found.form === form.strx || (found.form >= form.strx1 && found.form <= form.strx4);
    const offsets = indexed ? this.section('.debug_str_offsets') : undefined;
    if (offsets === undefined) return undefined;
    const base = (typeof root === 'function' ? root() : root).stringsBase;
    const at = base + 4 * found.value;
    offsets.need(at, at + 4);
    return this.#text('.debug_str', this.#u32(offsets, at, '.debug_str_offsets'));
  }

  #address(die: Die, name: number, root: UnitRoot | (() => UnitRoot)): number | undefined {
    const found = die.attributes.get(name);
    if (found === undefined || typeof found.value !== 'number') return undefined;
    if (found.form === form.addr) return found.value;
    const indexed = found.form === form.addrx || (found.form >= form.addrx1 && found.form <= form.addrx4);
    return indexed ? this.#indexed(typeof root === 'function' ? root() : root, found.value) : undefined;
  }

  #indexed(root: UnitRoot, index: number): number {
    const section = this.section('.debug_addr');
    const at = root.addressBase + 8 * index;
    if (section === undefined) throw new MalformedDwarf('.debug_addr', at, 'there is no such section');
    section.need(at, at + 8);
    return this.#u32(section, at, '.debug_addr') + 2 ** 32 * this.#u32(section, at + 4, '.debug_addr');
  }

  #u32({ bytes }: DebugSection, at: number, name: string): number {
    if (at + 4 > bytes.length) throw new MalformedDwarf(name, at, 'an index beyond the section');
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  #text(name: string, offset: number): string | undefined {
    const section = this.section(name);
    if (section === undefined || offset >= section.bytes.length) return undefined;
    section.need(0, section.bytes.length);
    const end = section.bytes.indexOf(0, offset);
    return decodeUtf8(section.bytes.subarray(offset, end < 0 ? section.bytes.length : end));
  }
}

/** Undefined when there is no `.debug_info`. `units`: headers known from an index, so that none is read. */
export function openDwarf(lookup: SectionLookup, units?: readonly UnitHeader[]): Dwarf | undefined {
  const info = lookup('.debug_info');
  return info && info.bytes.length > 0 ? new Dwarf(lookup, info, units) : undefined;
}
