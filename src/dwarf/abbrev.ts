import { ByteReader } from '#base';
import { attribute, form, tag } from './constants.ts';
import { MalformedDwarf } from './errors.ts';

/** What the scan does at a DIE. */
export const scanKind = { skip: 0, subprogram: 1, inlined: 2, none: 255 } as const;

/** What follows the fixed bytes of a skip step. */
export const skipOp = { end: 0, string: 1, uleb: 2, block1: 3, block2: 4, block4: 5, block: 6 } as const;

/**
 * An abbreviation table (DWARF 5 § 7.5.3), compiled for scanning. All arrays are indexed by abbreviation code.
 * Attributes of code c are `specs[specStart[c] .. specStart[c] + 2 * specCount[c]]`: attribute, form, attribute, form, …
 * The skip program of c begins at `skipStart[c]` of `skip`: pairs of "advance n bytes" and a `skipOp`.
 */
export interface AbbrevTable {
  readonly limit: number;
  readonly tags: Uint16Array;
  readonly children: Uint8Array;
  readonly kinds: Uint8Array;
  readonly specStart: Uint32Array;
  readonly specCount: Uint16Array;
  readonly specs: Uint16Array;
  /** Value of `DW_FORM_implicit_const` by index in `specs` of its form. */
  readonly implicit: ReadonlyMap<number, bigint>;
  readonly skipStart: Uint32Array;
  readonly skip: Uint32Array;
  /** Offset of a 4-byte DW_AT_abstract_origin from the DIE's first attribute, where it is the same in every DIE; else -1. */
  readonly originAt: Int16Array;
  /** Of a subprogram: how many attributes there are up to the last that a scan wants, and where the skip program of the rest begins. */
  readonly wanted: Uint16Array;
  readonly restStart: Uint32Array;
}

/** What a scan wants of a subprogram. */
const wantedAttributes: readonly number[] = [
  attribute.name,
  attribute.abstractOrigin,
  attribute.lowPc,
  attribute.highPc,
];

/** Codes above this are refused: Go has about 46, gcc some hundreds a unit. */
const mostCodes = 1 << 16;

/** Compiles the table at `offset` of `.debug_abbrev`; `offsetSize` 4 or 8 is the unit's DWARF format. Throws MalformedDwarf. */
export function compileAbbrevs(section: Uint8Array, offset: number, offsetSize: number): AbbrevTable {
  const reader = new ByteReader(section, offset);
  const entries: {
    code: number;
    tag: number;
    children: number;
    start: number;
    count: number;
    skip: number;
    origin: number;
    wanted: number;
    rest: number;
  }[] = [];
  const specs: number[] = [];
  const skip: number[] = [];
  const implicit = new Map<number, bigint>();
  let limit = 0;
  for (;;) {
    const at = reader.offset;
    const code = reader.uleb();
    if (code === 0) break;
    if (code >= mostCodes) throw new MalformedDwarf('.debug_abbrev', at, `abbreviation code ${code}`);
    const entry = {
      code,
      tag: reader.uleb(),
      children: reader.u8(),
      start: specs.length,
      count: 0,
      skip: skip.length,
      origin: -1,
      wanted: 0,
      rest: 0,
    };
    let fixed = 0;
    for (;;) {
      const name = reader.uleb();
      const formCode = reader.uleb();
      if (formCode === form.implicitConst) implicit.set(specs.length + 1, reader.sleb());
      if (name === 0 && formCode === 0) break;
      specs.push(name, formCode);
      entry.count++;
      const [bytes, op] = skipOf(formCode, offsetSize, at);
      const fourBytes = bytes === 4 && (formCode === form.refAddr || formCode === form.ref4);
      if (name === attribute.abstractOrigin && fourBytes && skip.length === entry.skip) entry.origin = fixed;
      fixed += bytes;
      if (op === skipOp.end) continue;
      skip.push(fixed, op);
      fixed = 0;
    }
    skip.push(fixed, skipOp.end);
    entries.push(entry);
    limit = Math.max(limit, code + 1);
  }
  for (const entry of entries) {
    const names = specs.slice(entry.start, entry.start + 2 * entry.count).filter((_, i) => i % 2 === 0);
    entry.wanted = names.findLastIndex((name) => wantedAttributes.includes(name)) + 1;
    entry.rest = skip.length;
    let fixed = 0;
    for (let i = entry.wanted; i < entry.count; i++) {
      const [bytes, op] = skipOf(specs[entry.start + 2 * i + 1]!, offsetSize, offset);
      fixed += bytes;
      if (op === skipOp.end) continue;
      skip.push(fixed, op);
      fixed = 0;
    }
    skip.push(fixed, skipOp.end);
  }
  const table = {
    limit,
    tags: new Uint16Array(limit),
    children: new Uint8Array(limit),
    kinds: new Uint8Array(limit).fill(scanKind.none),
    specStart: new Uint32Array(limit),
    specCount: new Uint16Array(limit),
    specs: Uint16Array.from(specs),
    implicit,
    skipStart: new Uint32Array(limit),
    skip: Uint32Array.from(skip),
    originAt: new Int16Array(limit).fill(-1),
    wanted: new Uint16Array(limit),
    restStart: new Uint32Array(limit),
  };
  for (const entry of entries) {
    table.tags[entry.code] = entry.tag;
    table.children[entry.code] = entry.children;
    table.specStart[entry.code] = entry.start;
    table.specCount[entry.code] = entry.count;
    table.skipStart[entry.code] = entry.skip;
    table.originAt[entry.code] = entry.origin;
    table.wanted[entry.code] = entry.wanted;
    table.restStart[entry.code] = entry.rest;
    table.kinds[entry.code] =
      entry.tag === tag.subprogram
        ? scanKind.subprogram
        : entry.tag === tag.inlinedSubroutine
          ? scanKind.inlined
          : scanKind.skip;
  }
  return table;
}

/** Fixed bytes of a form, then what follows them. */
function skipOf(formCode: number, offsetSize: number, at: number): [number, number] {
  switch (formCode) {
    case form.flagPresent:
    case form.implicitConst:
      return [0, skipOp.end];
    case form.data1:
    case form.flag:
    case form.ref1:
    case form.strx1:
    case form.addrx1:
      return [1, skipOp.end];
    case form.data2:
    case form.ref2:
    case form.strx2:
    case form.addrx2:
      return [2, skipOp.end];
    case form.strx3:
    case form.addrx3:
      return [3, skipOp.end];
    case form.data4:
    case form.ref4:
    case form.strx4:
    case form.addrx4:
    case form.refSup4:
      return [4, skipOp.end];
    case form.addr:
    case form.data8:
    case form.ref8:
    case form.refSig8:
    case form.refSup8:
      return [8, skipOp.end];
    case form.data16:
      return [16, skipOp.end];
    case form.strp:
    case form.lineStrp:
    case form.strpSup:
    case form.secOffset:
    case form.refAddr:
      return [offsetSize, skipOp.end];
    case form.string:
      return [0, skipOp.string];
    case form.udata:
    case form.sdata:
    case form.refUdata:
    case form.strx:
    case form.addrx:
    case form.loclistx:
    case form.rnglistx:
      return [0, skipOp.uleb];
    case form.block1:
      return [0, skipOp.block1];
    case form.block2:
      return [0, skipOp.block2];
    case form.block4:
      return [0, skipOp.block4];
    case form.block:
    case form.exprloc:
      return [0, skipOp.block];
    default:
      throw new MalformedDwarf('.debug_abbrev', at, `form 0x${formCode.toString(16)} is not known`);
  }
}
