import { ByteReader } from '#base';
import type { AbbrevTable } from './abbrev.ts';
import { form } from './constants.ts';
import { MalformedDwarf } from './errors.ts';

/**
 * An attribute's value by its form: numbers and flags as number (bigint where 2^53 is passed), references as offsets in
 * `.debug_info`, blocks and expressions as bytes, inline strings as text. Indexes (`addrx`, `strx`, …) and offsets into
 * other sections stay numbers: `form` tells how to go on.
 */
export interface AttributeValue {
  readonly form: number;
  readonly value: number | bigint | string | Uint8Array;
}

/** One debugging information entry, read as a whole. */
export interface Die {
  readonly offset: number;
  readonly tag: number;
  readonly hasChildren: boolean;
  /** By attribute number; the first one counts where a producer repeats one. */
  readonly attributes: ReadonlyMap<number, AttributeValue>;
  /** Offset behind its attributes: its first child, or its next sibling. */
  readonly next: number;
}

/** Reads the DIE at `offset` of a unit; undefined for the null entry that ends a list of children. */
export function readDie(
  info: Uint8Array,
  offset: number,
  unit: { readonly offset: number; readonly end: number; readonly offsetSize: number },
  abbrevs: AbbrevTable,
): Die | undefined {
  if (offset < unit.offset || offset >= unit.end)
    throw new MalformedDwarf('.debug_info', offset, 'a reference out of its unit');
  const reader = new ByteReader(info, offset);
  const code = reader.uleb();
  if (code === 0) return undefined;
  if (code >= abbrevs.limit || abbrevs.kinds[code] === 255) {
    throw new MalformedDwarf('.debug_info', offset, `abbreviation ${code} is not in the table`);
  }
  const attributes = new Map<number, AttributeValue>();
  const start = abbrevs.specStart[code];
  for (let i = start; i < start + 2 * abbrevs.specCount[code]; i += 2) {
    const name = abbrevs.specs[i];
    const formCode = abbrevs.specs[i + 1];
    const value =
      formCode === form.implicitConst ? narrow(abbrevs.implicit.get(i + 1) ?? 0n) : readForm(reader, formCode, unit);
    if (!attributes.has(name)) attributes.set(name, { form: formCode, value });
  }
  return {
    offset,
    tag: abbrevs.tags[code],
    hasChildren: abbrevs.children[code] !== 0,
    attributes,
    next: reader.offset,
  };
}

/** One attribute of the DIE at `offset`, of which nothing else is made; undefined where it has none. `reader`: of `.debug_info`. */
export function readAttribute(
  reader: ByteReader,
  offset: number,
  unit: { readonly offset: number; readonly offsetSize: number },
  abbrevs: AbbrevTable,
  wanted: number,
): AttributeValue['value'] | undefined {
  reader.seek(offset);
  const code = reader.uleb();
  if (code === 0 || code >= abbrevs.limit || abbrevs.kinds[code] === 255) return undefined;
  const start = abbrevs.specStart[code];
  for (let i = start; i < start + 2 * abbrevs.specCount[code]; i += 2) {
    const formCode = abbrevs.specs[i + 1];
    const isWanted = abbrevs.specs[i] === wanted;
    if (formCode === form.implicitConst) {
      if (isWanted) return narrow(abbrevs.implicit.get(i + 1) ?? 0n);
    } else if (isWanted) return readForm(reader, formCode, unit);
    else if (formCode === form.string) reader.skipCstring();
    else readForm(reader, formCode, unit);
  }
  return undefined;
}

function narrow(value: bigint): number | bigint {
  return value >= -0x1f_ffff_ffff_ffffn && value <= 0x1f_ffff_ffff_ffffn ? Number(value) : value;
}

function readForm(
  reader: ByteReader,
  formCode: number,
  unit: { readonly offset: number; readonly offsetSize: number },
): AttributeValue['value'] {
  switch (formCode) {
    case form.addr:
    case form.data8:
    case form.refSig8:
    case form.refSup8:
      return narrow(reader.u64());
    case form.block1:
      return reader.take(reader.u8());
    case form.block2:
      return reader.take(reader.u16());
    case form.block4:
      return reader.take(reader.u32());
    case form.block:
    case form.exprloc:
      return reader.take(reader.uleb());
    case form.data16:
      return reader.take(16);
    case form.data1:
    case form.flag:
    case form.strx1:
    case form.addrx1:
      return reader.u8();
    case form.data2:
    case form.strx2:
    case form.addrx2:
      return reader.u16();
    case form.strx3:
    case form.addrx3:
      return reader.u24();
    case form.data4:
    case form.strx4:
    case form.addrx4:
    case form.refSup4:
      return reader.u32();
    case form.string:
      return reader.cstring();
    case form.sdata:
      return narrow(reader.sleb());
    case form.udata:
    case form.strx:
    case form.addrx:
    case form.loclistx:
    case form.rnglistx:
      return reader.uleb();
    case form.strp:
    case form.lineStrp:
    case form.strpSup:
    case form.secOffset:
    case form.refAddr:
      return unit.offsetSize === 8 ? reader.u64number() : reader.u32();
    case form.ref1:
      return unit.offset + reader.u8();
    case form.ref2:
      return unit.offset + reader.u16();
    case form.ref4:
      return unit.offset + reader.u32();
    case form.ref8:
      return unit.offset + reader.u64number();
    case form.refUdata:
      return unit.offset + reader.uleb();
    case form.flagPresent:
      return 1;
    default:
      throw new MalformedDwarf('.debug_info', reader.offset, `form 0x${formCode.toString(16)} is not known`);
  }
}
