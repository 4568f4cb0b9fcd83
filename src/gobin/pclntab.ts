import { type Address, address, ByteReader, decodeUtf8, EndOfInput, encodeUtf8, SondeError } from '#base';
import { type SectionWindow, wholeWindow } from '#elf';
import { NameIndex } from './name-index.ts';
import type { GoFunction, SourceLine } from './types.ts';

/** `.gopclntab` does not hold together. `offset` counts from its start. */
export class MalformedPclntab extends SondeError {
  readonly code = 'gobin.malformed-pclntab';
  readonly offset: number;

  constructor(offset: number, what: string, options?: { cause?: unknown }) {
    super(`malformed pclntab at offset ${offset}: ${what}`, options);
    this.offset = offset;
  }
}

/** The function table is of no layout that is known here. */
export class UnknownPclntab extends SondeError {
  readonly code = 'gobin.unknown-pclntab';

  constructor(magic: number) {
    super(
      `no function can be found: the binary has no debug info, and its function table begins with 0x${magic.toString(16)}, which no Go from 1.16 to 1.27 writes; it was obfuscated (garble does that), or a newer Go has built it`,
    );
  }
}

/** Layouts by the first Go version that had them (Go, internal/abi: PCLnTabMagic). 1.17 has 1.16's, 1.19 has 1.18's. */
const layouts = new Map([
  [0xfffffffa, { since: 16, magic: '1.16' }],
  [0xfffffff0, { since: 18, magic: '1.18' }],
  [0xfffffff1, { since: 20, magic: '1.20' }],
] as const);

export type PclntabLayout = '1.16' | '1.18' | '1.20';

/** Bits of `_func.flag` (Go, internal/abi: FuncFlag). */
const flags = { topFrame: 1, assembly: 4 } as const;

/** Of `_func`'s tables by pc: the index in the inline tree; of its data: that tree (Go, internal/abi: PCDATA_InlTreeIndex, FUNCDATA_InlTree). */
const inlining = { index: 2, tree: 3 } as const;
/** Inlining that is nested deeper than any compiler does. */
const mostInlined = 100;

/** Deepest that a pc-value table is followed: far above any real one. */
const mostSteps = 1 << 20;
/** Whoever looks for so many names looks for more: then they are put into an index. */
const indexedFrom = 8;

/** What the compiler has written about functions beside the table. */
export interface FunctionData {
  /** Address that offsets count from (`go:func.*`), asked once; undefined: not known. Not used by layout 1.16. */
  start(): Address | undefined;
  /** Bytes of the file; undefined where there are none. */
  read(at: Address, size: number): Uint8Array | undefined;
}

/** A call in whose place the compiler has put the code of what is called. */
export interface InlinedCall {
  /** As tracebacks show it. */
  readonly name: string;
  /**
   * The instruction by which tracebacks find the line of the call. Where it is a `nop` of its own, the compiler has put it there for that, and each
   * call runs it once (cmd/compile/internal/ssagen, `OpInlMark`); else it is any instruction of that line.
   */
  readonly mark: Address;
  /** Where its code lies, with that of the calls inlined into it. */
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
}

/** A function that was called, and where in its source. */
export interface SourceFrame {
  readonly function: string;
  readonly at: SourceLine | undefined;
}

/** Reads magic, pointer size, and the address of `runtime.text` where the header has one (Go 1.18–1.25, unless it waits for a relocation). */
export function pclntabHeader(
  bytes: Uint8Array,
): { readonly layout: PclntabLayout; readonly textStart?: Address } | undefined {
  if (bytes.length < 72) return undefined;
  const reader = new ByteReader(bytes);
  const layout = layouts.get(reader.u32() as 0xfffffffa);
  if (layout === undefined || reader.u16() !== 0) return undefined;
  const quantum = reader.u8();
  if ((quantum !== 1 && quantum !== 4) || reader.u8() !== 8) return undefined;
  if (layout.since < 18) return { layout: layout.magic };
  reader.seek(24);
  const textStart = Number(reader.u64());
  return { layout: layout.magic, ...(textStart !== 0 && { textStart: address(textStart) }) };
}

/**
 * The function table that every Go binary carries, stripped or not: entries, names, source lines (Go, runtime/symtab.go). A function is an
 * index in [0, count). Names are decoded when asked for; nothing is kept but the entry addresses.
 */
export class Pclntab {
  readonly count: number;
  readonly layout: PclntabLayout;
  readonly #bytes: Uint8Array;
  /** Makes bytes valid that are to be read: the table of a large binary is read where it is looked at. */
  readonly #need: SectionWindow['need'];
  readonly #since: number;
  readonly #quantum: number;
  /** Addresses, `count` + 1 of them; the last is the end of Go's text. */
  readonly #entries: Float64Array;
  /** Offset of each function's `_func` in the table. */
  readonly #records: Uint32Array;
  readonly #names: number;
  readonly #units: number;
  readonly #files: number;
  readonly #values: number;
  readonly #functionData: FunctionData | undefined;
  #dataStart: Address | 'unknown' | undefined;
  readonly #reader: ByteReader;
  #searches = 0;
  #index: NameIndex | undefined;
  /** By their offsets: thousands of functions share one. */
  readonly #fileNames = new Map<number, string>();

  /**
   * `textStart`: address of `runtime.text`, not used by layout 1.16. `functionData`: where inline trees are; without, what was inlined is not told
   * apart. Throws MalformedPclntab.
   */
  constructor(section: Uint8Array | SectionWindow, textStart: Address, functionData?: FunctionData) {
    this.#functionData = functionData;
    const { bytes, need } = section instanceof Uint8Array ? wholeWindow(section) : section;
    this.#need = need;
    need(0, 128);
    const header = pclntabHeader(bytes);
    if (header === undefined) throw new MalformedPclntab(0, 'not a known header');
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes);
    this.layout = header.layout;
    const since = Number(header.layout.slice(2));
    this.#since = since;
    const reader = new ByteReader(bytes, 6);
    this.#quantum = reader.u8();
    reader.seek(8);
    this.count = smallOffset(reader, bytes.length);
    reader.seek(since >= 18 ? 32 : 24);
    this.#names = smallOffset(reader, bytes.length);
    this.#units = smallOffset(reader, bytes.length);
    this.#files = smallOffset(reader, bytes.length);
    this.#values = smallOffset(reader, bytes.length);
    const table = smallOffset(reader, bytes.length);
    const field = since >= 18 ? 4 : 8;
    if (table + (2 * this.count + 1) * field > bytes.length)
      throw new MalformedPclntab(table, 'the function table ends too early');
    need(table, table + (2 * this.count + 1) * field);
    this.#entries = new Float64Array(this.count + 1);
    this.#records = new Uint32Array(this.count);
    const size = (2 * this.count + 1) * field;
    // An array of words is read faster than a view; it must be aligned.
    const aligned =
      (bytes.byteOffset + table) % 4 === 0
        ? bytes.subarray(table, table + size)
        : new Uint8Array(bytes.subarray(table, table + size));
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, size / 4);
    const base = since >= 18 ? textStart : 0;
    const wide = field === 8;
    let before = 0;
    for (let i = 0, at = 0; i <= this.count; i++) {
      let entry = words[at++]!;
      if (wide) entry += words[at++]! * 2 ** 32;
      entry += base;
      if (entry < before) throw new MalformedPclntab(table + 4 * at, 'functions are not in order');
      this.#entries[i] = before = entry;
      if (i === this.count) break;
      let record = words[at++]! + table;
      if (wide) record += words[at++]! * 2 ** 32;
      if (record + 44 > bytes.length) throw new MalformedPclntab(table + 4 * at, 'a function lies outside');
      this.#records[i] = record;
    }
  }

  entry(index: number): Address {
    return this.#entries[index] as Address;
  }

  /** Start of the next function: padding behind the code included. */
  end(index: number): Address {
    return this.#entries[index + 1] as Address;
  }

  /** As tracebacks show it: instances of a generic function are all called `main.Map[...]`. */
  name(index: number): string {
    return this.#cstring(this.#nameStart(index));
  }

  function(index: number): GoFunction {
    return { name: this.name(index), entry: this.entry(index), end: this.end(index), assembly: this.assembly(index) };
  }

  /** Index of the function whose code holds `pc`, or -1. */
  findByPc(pc: Address): number {
    const entries = this.#entries;
    if (this.count === 0 || pc < entries[0]! || pc >= entries[this.count]!) return -1;
    let low = 0;
    let high = this.count;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (entries[middle]! <= pc) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Functions whose names end so; of generic ones as `name` has them. */
  namesEndingIn(suffix: string): readonly number[] {
    const wanted = encodeUtf8(suffix);
    const bytes = this.#bytes;
    const found: number[] = [];
    for (let i = 0; i < this.count; i++) {
      const start = this.#nameStart(i);
      const length = this.#nameEnd(start) - start - wanted.length;
      if (length >= 0 && wanted.every((byte, at) => bytes[start + length + at] === byte)) found.push(i);
    }
    return found;
  }

  /** Every function of exactly this name, the one to be probed first: bodies before ABI wrappers. */
  findByName(name: string): readonly number[] {
    const wanted = encodeUtf8(name);
    const found: number[] = [];
    const look = (i: number) => {
      if (this.#nameIs(this.#nameStart(i), wanted)) found.push(i);
    };
    this.#need(0, this.#bytes.length);
    if (++this.#searches < indexedFrom) for (let i = 0; i < this.count; i++) look(i);
    else {
      this.#index ??= new NameIndex(this.#bytes, this.count, (i) => this.#nameStart(i));
      this.#index.candidates(wanted).forEach(look);
    }
    return found.length > 1 ? found.sort((a, b) => Number(this.wrapper(a)) - Number(this.wrapper(b))) : found;
  }

  /** Written in assembly: ABI0. */
  assembly(index: number): boolean {
    if (this.#since >= 18) return (this.#flag(index) & flags.assembly) !== 0;
    return this.entryLine(index)?.file.endsWith('.s') ?? false;
  }

  /** Bytes of arguments, results and spill area in its caller's frame; undefined where the compiler did not know (assembly). */
  argumentBytes(index: number): number | undefined {
    const at = this.#records[index]! + (this.#since >= 18 ? 8 : 12);
    this.#need(at, at + 4);
    const value = this.#at(at).i32();
    return value >= 0 ? value : undefined;
  }

  /** Line of the function's declaration (Go ≥ 1.20). */
  startLine(index: number): number | undefined {
    if (this.#since < 20) return undefined;
    const at = this.#records[index]! + 36;
    this.#need(at, at + 4);
    const line = this.#at(at).i32();
    return line > 0 ? line : undefined;
  }

  /**
   * Bytes that the function has put on the stack when it is at `pc`: the return address lies so far above SP (amd64). Undefined for a
   * `pc` in no function, or one that its table does not cover.
   */
  frameSize(pc: Address): number | undefined {
    const index = this.findByPc(pc);
    if (index < 0) return undefined;
    const at = this.#records[index]! + (this.#since >= 18 ? 16 : 20);
    this.#need(at, at + 4);
    return this.#valueAt(index, this.#at(at).u32(), pc);
  }

  /** The bottom of a stack (`runtime.goexit`, `runtime.mstart`, …). */
  topFrame(index: number): boolean {
    return (this.#flag(index) & flags.topFrame) !== 0;
  }

  /** Made by the compiler: an ABI wrapper of the same name as its body, or a method wrapper. */
  wrapper(index: number): boolean {
    return this.#file(index, this.entry(index)) === '<autogenerated>';
  }

  entryLine(index: number): SourceLine | undefined {
    return this.#line(index, this.entry(index));
  }

  /** File and line of an instruction; inside inlined code those of the innermost function. */
  lineAt(pc: Address): SourceLine | undefined {
    const index = this.findByPc(pc);
    return index < 0 ? undefined : this.#line(index, pc);
  }

  /**
   * The functions whose source an instruction comes from, innermost first: what was inlined there, then the function itself. Empty for a
   * `pc` in no function. Of a return address, hand in the byte before it.
   */
  framesAt(pc: Address): SourceFrame[] {
    const index = this.findByPc(pc);
    if (index < 0) return [];
    const frames: SourceFrame[] = [];
    let at = pc;
    for (let depth = 0; depth < mostInlined; depth++) {
      const call = this.#inlinedCall(index, at);
      if (call === undefined) break;
      frames.push({ function: call.name, at: this.#line(index, at) });
      at = (this.entry(index) + call.parent) as Address;
    }
    frames.push({ function: this.name(index), at: this.#line(index, at) });
    return frames;
  }

  /** All calls that were inlined into a function. */
  inlinedCalls(index: number): InlinedCall[] {
    const tree = this.#inlineTree(index);
    if (tree === undefined) return [];
    const calls = new Map<
      number,
      Omit<InlinedCall, 'ranges'> & { readonly ranges: { start: number; end: number }[] }
    >();
    this.#eachValue(index, tree.indexes, new ByteReader(this.#bytes), (start, end, value) => {
      // The calls around it too: the mark of a call is an instruction of what it was inlined into.
      for (let call = value, depth = 0; call >= 0 && depth < mostInlined; depth++) {
        let known = calls.get(call);
        if (known === undefined) {
          const read = tree.call(call);
          if (read === undefined) break;
          known = { name: read.name, mark: (this.entry(index) + read.parent) as Address, ranges: [] };
          calls.set(call, known);
        }
        const last = known.ranges.at(-1);
        if (last?.end === start) last.end = end;
        else known.ranges.push({ start, end });
        call = this.#valueAt(index, tree.indexes, known.mark) ?? -1;
      }
      return false;
    });
    return [...calls.values()];
  }

  /** The innermost inlined call that an instruction belongs to. `parent`: an instruction of the place that it was inlined into. */
  #inlinedCall(index: number, pc: Address): { readonly name: string; readonly parent: number } | undefined {
    const tree = this.#inlineTree(index);
    const call = tree && this.#valueAt(index, tree.indexes, pc);
    return call === undefined || call < 0 ? undefined : tree!.call(call);
  }

  /** Which call an instruction belongs to is told by a table by pc, the calls by number (Go, runtime/symtabinl.go). Undefined: there are none. */
  #inlineTree(index: number) {
    if (this.#functionData === undefined) return undefined;
    const since = this.#since;
    const record = this.#records[index]! + (since >= 18 ? 28 : 32);
    const end = this.#records[index]! + (since >= 20 ? 44 : since >= 18 ? 40 : 44);
    this.#need(record, end);
    const tables = this.#at(record).u32();
    const pointers = this.#bytes[end - 1]!;
    if (tables <= inlining.index || pointers <= inlining.tree) return undefined;
    this.#need(end, end + 4 * tables + 8 * (pointers + 1));
    const indexes = this.#at(end + 4 * inlining.index).u32();
    const data = end + 4 * tables;
    const start =
      since >= 18
        ? this.#relative(data + 4 * inlining.tree)
        : Number(this.#at(((data + 7) & ~7) + 8 * inlining.tree).u64());
    if (start === undefined || start === 0) return undefined;
    const call = (number: number): { readonly name: string; readonly parent: number } | undefined => {
      const size = since >= 20 ? 16 : 20;
      const bytes = this.#functionData!.read((start + size * number) as Address, size);
      if (bytes === undefined) return undefined;
      const fields = new ByteReader(bytes, since >= 20 ? 4 : 12);
      const name = fields.i32();
      const parent = fields.i32();
      if (name < 0 || this.#names + name >= this.#bytes.length) return undefined;
      return { name: this.#cstring(this.#names + name), parent };
    };
    return { indexes, call };
  }

  #relative(at: number): number | undefined {
    const offset = this.#at(at).u32();
    this.#dataStart ??= this.#functionData?.start() ?? 'unknown';
    const start = this.#dataStart;
    return offset === 0xffff_ffff || start === 'unknown' ? undefined : start + offset;
  }

  #line(index: number, pc: Address): SourceLine | undefined {
    const file = this.#file(index, pc);
    if (file === undefined) return undefined;
    const line = this.#valueAt(index, this.#at(this.#record(index) + 20).u32(), pc);
    return line === undefined ? undefined : { file, line };
  }

  #file(index: number, pc: Address): string | undefined {
    const record = this.#record(index);
    const file = this.#valueAt(index, this.#at(record + 16).u32(), pc);
    if (file === undefined || file < 0) return undefined;
    const unit = this.#at(record + 28).u32();
    const slot = this.#units + 4 * (unit + file);
    if (slot + 4 > this.#bytes.length) return undefined;
    this.#need(slot, slot + 4);
    const name = this.#at(slot).u32();
    if (name === 0xffffffff || this.#files + name >= this.#bytes.length) return undefined;
    let text = this.#fileNames.get(name);
    if (text === undefined) this.#fileNames.set(name, (text = this.#cstring(this.#files + name)));
    return text;
  }

  /** Where a function's `_func` has what comes behind its entry. */
  #record(index: number): number {
    const record = this.#records[index]! + (this.#since >= 18 ? 4 : 8);
    this.#need(record, record + 40);
    return record;
  }

  #at(offset: number): ByteReader {
    this.#reader.seek(offset);
    return this.#reader;
  }

  #valueAt(index: number, table: number, wanted: Address): number | undefined {
    let found: number | undefined;
    this.#eachValue(index, table, this.#reader, (_, end, value) => {
      if (wanted >= end) return false;
      found = value;
      return true;
    });
    return found;
  }

  /**
   * A pc-value table holds pairs of varints: change of the value (zigzag), then how far it holds (Go, "Go 1.2 Runtime Symbol Information"). `isEnough`
   * ends the walk; if it reads, the reader is one of its own.
   */
  #eachValue(
    index: number,
    table: number,
    reader: ByteReader,
    isEnough: (start: number, end: number, value: number) => boolean,
  ): void {
    if (table === 0 || this.#values + table >= this.#bytes.length) return;
    reader.seek(this.#values + table);
    let start: number = this.entry(index);
    let value = -1;
    let ready = reader.offset;
    for (let step = 0; step < mostSteps; step++) {
      // A step is two numbers of at most 10 bytes.
      if (reader.offset + 20 > ready) this.#need(reader.offset, (ready = reader.offset + 4096));
      const change = reader.uleb();
      if (change === 0 && step > 0) return;
      value += (change & 1) !== 0 ? -((change + 1) / 2) : change / 2;
      const end = start + reader.uleb() * this.#quantum;
      if (isEnough(start, end, value)) return;
      start = end;
    }
  }

  #flag(index: number): number {
    const at = this.#records[index]! + (this.#since >= 20 ? 41 : this.#since >= 18 ? 37 : 41);
    this.#need(at, at + 1);
    return this.#bytes[at]!;
  }

  #nameStart(index: number): number {
    const at = this.#records[index]! + (this.#since >= 18 ? 4 : 8);
    const bytes = this.#bytes;
    this.#need(at, at + 4);
    return this.#names + ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0);
  }

  #nameIs(start: number, wanted: Uint8Array): boolean {
    const bytes = this.#bytes;
    // From the end: names share their beginnings.
    if (bytes[start + wanted.length] !== 0) return false;
    for (let i = wanted.length - 1; i >= 0; i--) {
      if (bytes[start + i] !== wanted[i]) return false;
    }
    return true;
  }

  #cstring(start: number): string {
    return decodeUtf8(this.#bytes.subarray(start, this.#nameEnd(start)));
  }

  #nameEnd(start: number): number {
    if (start >= this.#bytes.length) throw new EndOfInput(start, 1, this.#bytes.length);
    for (let room = 256; ; room *= 8) {
      const ready = Math.min(this.#bytes.length, start + room);
      this.#need(start, ready);
      const end = this.#bytes.indexOf(0, start);
      // Bytes behind `ready` may be zeros that nobody has read yet.
      if (end >= 0 && end < ready) return end;
      if (ready === this.#bytes.length) return ready;
    }
  }
}

function smallOffset(reader: ByteReader, size: number): number {
  const at = reader.offset;
  const value = reader.u64();
  if (value > BigInt(size)) throw new MalformedPclntab(at, 'an offset or a count lies outside');
  return Number(value);
}
