import type { Elf } from '#elf';

/** R_X86_64_RELATIVE (psABI, table 4.9), R_AARCH64_RELATIVE (AAELF64, 5.7.10). */
const relative = { amd64: 8, arm64: 1027 } as const;

/** `.rela` is what Go's own linker calls it. */
const sections = ['.rela.dyn', '.rela'] as const;

/** What the linker leaves to the loader in a position-independent file: the word that an address will have, less the load bias. Entries of 24 bytes: u64 offset, u64 info, i64 addend. */
export function relativeRelocations(elf: Elf): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const kind = elf.machine === 'arm64' ? relative.arm64 : relative.amd64;
  for (const name of sections) {
    const bytes = elf.section(name);
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 24 <= bytes.length; at += 24) {
      if (view.getUint32(at + 8, true) !== kind) continue;
      found.set(Number(view.getBigUint64(at, true)), Number(view.getBigInt64(at + 16, true)));
    }
  }
  return found;
}
