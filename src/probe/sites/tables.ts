import type { Address } from '#base';
import { type DecodedCode, flow } from '#gobin';
import type { SiteContext } from './choose.ts';

/** How far before a computed jump the load of its table's address is looked for, in instructions. */
const lookBack = 8;
/** Entries of one switch table that are read at most. */
const mostEntries = 4096;

/**
 * Offsets from the entry to which switch tables lead: Go (≥ 1.19) loads the table's address by `lea table(%rip), reg` and jumps through
 * absolute 8-byte entries. A table's end is not marked; entries that lead into the function are taken (a neighbouring table of the same
 * function does no harm). Undefined: there is a computed jump whose table was not found.
 */
export function tableTargets(code: DecodedCode, context: SiteContext): number[] | undefined {
  const targets = new Set<number>();
  for (let i = 0; i < code.count; i++) {
    if (code.flow[i] !== flow.indirectJump) continue;
    const table = context.architecture === 'amd64' ? tableAddress(code, i) : undefined;
    if (table === undefined || context.read === undefined) return undefined;
    if (!readTable(code, table, context.read, targets)) return undefined;
  }
  return [...targets];
}

/** Address that the last `lea disp32(%rip), r64` before instruction `jump` loads. */
function tableAddress(code: DecodedCode, jump: number): Address | undefined {
  for (let i = jump - 1; i >= 0 && i >= jump - lookBack; i--) {
    const at = code.offsets[i]!;
    const next = code.offsets[i + 1]!;
    const [rex, opcode, modrm] = code.bytes.subarray(at, next);
    // REX.W, maybe with R; 8d /r; mod 00, rm 101.
    if (next - at !== 7 || (rex! & 0xfb) !== 0x48 || opcode !== 0x8d || (modrm! & 0xc7) !== 5) continue;
    const displacement = new DataView(code.bytes.buffer, code.bytes.byteOffset + at + 3, 4).getInt32(0, true);
    return (code.entry + next + displacement) as Address;
  }
  return undefined;
}

function readTable(
  code: DecodedCode,
  table: Address,
  read: NonNullable<SiteContext['read']>,
  targets: Set<number>,
): boolean {
  const size = code.offsets[code.count]!;
  for (let entry = 0; entry < mostEntries; entry++) {
    const bytes = read((table + 8 * entry) as Address, 8);
    if (bytes === undefined || bytes.length < 8) return entry > 0;
    const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    const offset = Number(value - BigInt(code.entry));
    if (!(offset >= 0 && offset < size)) return entry > 0;
    targets.add(offset);
  }
  return true;
}
