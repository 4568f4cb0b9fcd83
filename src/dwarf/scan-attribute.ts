import { type AbbrevTable, scanKind, skipOp } from './abbrev.ts';
import { tag } from './constants.ts';
import { MalformedDwarf } from './errors.ts';
import { type ScanUnit, skipBlock } from './scan.ts';

/**
 * Offsets of the DIEs of a unit that have an attribute, each with that of the last subprogram before it (0: none). Walks every DIE without making an object of any.
 * Throws MalformedDwarf; every step advances, so it ends.
 */
export function scanAttribute(
  info: Uint8Array,
  unit: ScanUnit,
  abbrevs: AbbrevTable,
  attribute: number,
): { readonly die: number; readonly subprogram: number }[] {
  const { kinds, tags, skip, skipStart, limit, specs, specStart, specCount } = abbrevs;
  const { end } = unit;
  const wanted = Uint8Array.from({ length: limit }, (_, code) => {
    for (let i = 0; i < specCount[code]!; i++) {
      if (specs[specStart[code]! + 2 * i] === attribute) return 1;
    }
    return 0;
  });
  const found: { die: number; subprogram: number }[] = [];
  let subprogram = 0;
  let at = unit.root;
  while (at < end) {
    const die = at;
    let code = info[at++]!;
    if (code >= 0x80) {
      code &= 0x7f;
      for (let shift = 7; ; shift += 7) {
        if (at >= end || shift > 21) throw new MalformedDwarf('.debug_info', die, 'an abbreviation code without end');
        const byte = info[at++]!;
        code |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
    }
    if (code === 0) continue;
    if (code >= limit || kinds[code] === scanKind.none) {
      throw new MalformedDwarf('.debug_info', die, `abbreviation ${code} is not in the table`);
    }
    if (tags[code] === tag.subprogram) subprogram = die;
    if (wanted[code] === 1) found.push({ die, subprogram });
    for (let step = skipStart[code]!; ; step += 2) {
      at += skip[step]!;
      const op = skip[step + 1];
      if (op === skipOp.end) break;
      if (op === skipOp.string) {
        while (at < end && info[at] !== 0) at++;
        at++;
      } else if (op === skipOp.uleb) {
        while (at < end && info[at]! >= 0x80) at++;
        at++;
      } else at = op === skipOp.block1 ? at + 1 + info[at]! : skipBlock(info, at, end, op!, die);
    }
    if (!(at <= end)) throw new MalformedDwarf('.debug_info', die, 'an entry reaches beyond its unit');
  }
  return found;
}
