import { SondeError } from '#base';
import type { Elf } from '#elf';
import { tableSections } from './moduledata.ts';

/**
 * What of a file beside an executable is true of that: `image`: it is of the very same link, all addresses are the same. `objects`: the same compiled
 * packages, linked with other flags (an unstripped twin): code and types are the same, data may lie elsewhere.
 */
export type DebugFileTrust = 'image' | 'objects';

/** A file with debug info is of another build than the executable. */
export class OtherDebugFile extends SondeError {
  readonly code = 'gobin.other-debug-file';

  constructor(executable: string, debugFile: string) {
    super(
      `it is of another build: the executable has build id ${executable || 'none'}, the debug file ${debugFile || 'none'}, and their function tables differ`,
    );
  }
}

/** @throws OtherDebugFile */
export function debugFileTrust(elf: Elf, debugFile: Elf): DebugFileTrust {
  const ids = [elf.goBuildId, debugFile.goBuildId] as const;
  const gnu = [elf.gnuBuildId, debugFile.gnuBuildId] as const;
  if (elf.machine === debugFile.machine) {
    if (ids[0] && ids[1] ? ids[0] === ids[1] : gnu[0] && gnu[0] === gnu[1]) return 'image';
    if (equal(elf, debugFile, ['.text', '.rodata'])) return 'image';
    // The function table has every function's name, place, and lines; the list of types each type's place among all.
    const table = tableSections.filter((name) => elf.header(name));
    const same = table.length > 0 && equal(elf, debugFile, table) && equalTypes(elf, debugFile);
    if (mainPackage(ids[0]) === mainPackage(ids[1]) && same) return 'objects';
  }
  throw new OtherDebugFile(ids[0] || gnu[0] || '', ids[1] || gnu[1] || '');
}

/** The third part of Go's build id is the hash of the compiled main package (cmd/go/internal/work/buildid.go). */
function mainPackage(id: string | undefined): string | undefined {
  return id?.split('/')[2];
}

/** The lists of types; from Go 1.27 on the types themselves, which refer to each other by addresses. */
function equalTypes(a: Elf, b: Elf): boolean {
  const found = (name: string) => (a.header(name) ? name : `.data.rel.ro${name}`);
  if (equal(a, b, [found('.typelink')])) return true;
  const name = found('.go.type');
  const [one, other] = [a.header(name), b.header(name)];
  if (one === undefined || other === undefined || one.size !== other.size) return false;
  const distance = BigInt(other.address - one.address);
  const [left, right] = [a, b].map((elf) => wordsOf(elf, name));
  return left!.every((word, i) => word === right![i] || word + distance === right![i]);
}

function wordsOf(elf: Elf, name: string): bigint[] {
  const bytes = elf.section(name)!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / 8) }, (_, i) => view.getBigInt64(8 * i, true));
}

function equal(a: Elf, b: Elf, names: readonly string[]): boolean {
  return names.every((name) => {
    const [one, other] = [a.header(name), b.header(name)];
    // `.text` has to be where it was; a table's own address does not matter to what it says.
    if (one === undefined || other === undefined || one.size !== other.size) return false;
    if (name === '.text' && one.address !== other.address) return false;
    const [left, right] = [a.section(name), b.section(name)];
    return left !== undefined && right !== undefined && left.every((byte, i) => byte === right[i]);
  });
}
