import { type Address, address, SondeError } from '#base';
import type { Elf } from '#elf';
import { Pclntab, pclntabHeader } from './pclntab.ts';

/** Offsets in `runtime.moduledata` (Go 1.16 – 1.26): six slices stand between `pcHeader` and these. */
const moduledata = {
  pcHeader: 0,
  minpc: 160,
  text: 176,
  types: 280,
  types20: 296,
  gofunc18: 304,
  gofunc20: 320,
} as const;

const sections = ['.gopclntab', '.data.rel.ro.gopclntab'] as const;

/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE: the word becomes load address + addend. */
const relativeRelocations = { 'x86-64': 8, arm64: 1027 } as const;

/**
 * Finds and opens the function table of a Go binary, stripped or not. Undefined: the file has none. Throws MalformedPclntab.
 * The section is `.gopclntab`, in position-independent files up to Go 1.25 `.data.rel.ro.gopclntab`.
 */
export function openPclntab(elf: Elf): Pclntab | undefined {
  for (const name of sections) {
    const section = elf.header(name);
    const window = section && elf.window(name);
    window?.need(0, 128);
    const header = window && pclntabHeader(window.bytes);
    if (header === undefined) continue;
    // Layout 1.16 has absolute addresses and ignores the start.
    const start = header.layout === '1.16' ? address(0) : (header.textStart ?? findTextStart(elf, section!.address));
    if (start === undefined) continue;
    const since = header.layout === '1.18' ? moduledata.gofunc18 : moduledata.gofunc20;
    const read = (at: Address, size: number) => {
      const inside = elf.sections.some(({ address: from, size: room }) => at >= from && at + size <= from + room);
      return inside ? elf.read(at, size) : undefined;
    };
    const at = section!.address;
    return new Pclntab(window!, start, {
      start: () => fromModuledata(elf, at, since) ?? fromRelocations(elf, at, since),
      read,
    });
  }
  return undefined;
}

/** Address of `runtime.types`, from which the offsets of type descriptors count; undefined where nothing says it. */
export function typesStart(elf: Elf): Address | undefined {
  const known = elf.symbols()?.find('runtime.types')?.address;
  if (known !== undefined) return known;
  const table = headerOf(elf);
  if (table === undefined) return undefined;
  const field = table.layout === '1.20' ? moduledata.types20 : moduledata.types;
  return fromModuledata(elf, table.address, field) ?? fromRelocations(elf, table.address, field);
}

/** Address of `runtime.text`, from which the offsets of code count. */
export function textStart(elf: Elf): Address | undefined {
  const known = elf.symbols()?.find('runtime.text')?.address;
  if (known !== undefined) return known;
  const table = headerOf(elf);
  return table && (table.textStart ?? findTextStart(elf, table.address));
}

function headerOf(elf: Elf) {
  for (const name of sections) {
    const section = elf.header(name);
    const window = section && elf.window(name);
    window?.need(0, 128);
    const header = window && pclntabHeader(window.bytes);
    if (header !== undefined) return { ...header, address: section!.address };
  }
  return undefined;
}

/** Address of `runtime.text`: from moduledata, as a stripped file has it too; else from the symbol table; else the start of `.text`. */
function findTextStart(elf: Elf, pclntab: Address): Address | undefined {
  return (
    fromModuledata(elf, pclntab, moduledata.text) ??
    fromRelocations(elf, pclntab, moduledata.text) ??
    elf.symbols()?.find('runtime.text')?.address ??
    elf.header('.text')?.address
  );
}

/** moduledata begins with the table's address; its own section is `.go.module` from Go 1.26 on, before that it lies among other data. */
function fromModuledata(elf: Elf, pclntab: Address, field: number): Address | undefined {
  for (const name of ['.go.module', '.noptrdata', '.data', '.data.rel.ro']) {
    const bytes = sectionOrNone(elf, name);
    if (bytes === undefined) continue;
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const low = pclntab % 0x1_0000_0000;
    const high = Math.floor(pclntab / 0x1_0000_0000);
    for (let at = 0; at + field + 8 <= bytes.length; at += 8) {
      if (words.getUint32(at, true) !== low || words.getUint32(at + 4, true) !== high) continue;
      const text = words.getBigUint64(at + moduledata.text, true);
      const lowest = words.getBigUint64(at + moduledata.minpc, true);
      if (text > 0n && text <= lowest && lowest < 1n << 52n) {
        return address(Number(words.getBigUint64(at + field, true)));
      }
    }
  }
  return undefined;
}

/** In a position-independent file that another linker made, moduledata is zeros in the file; its relocations tell what comes there. */
function fromRelocations(elf: Elf, pclntab: Address, field: number): Address | undefined {
  const bytes = sectionOrNone(elf, '.rela.dyn');
  if (bytes === undefined) return undefined;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = relativeRelocations[elf.machine];
  const find = (test: (offset: number, addend: number) => boolean): number | undefined => {
    for (let at = 0; at + 24 <= bytes.length; at += 24) {
      if (words.getUint32(at + 8, true) !== wanted) continue;
      const offset = Number(words.getBigUint64(at, true));
      const addend = Number(words.getBigInt64(at + 16, true));
      if (test(offset, addend)) return at;
    }
    return undefined;
  };
  const head = find((_, addend) => addend === pclntab);
  if (head === undefined) return undefined;
  const start = Number(words.getBigUint64(head, true));
  const found = find((offset) => offset === start + field);
  return found === undefined ? undefined : address(Number(words.getBigInt64(found + 16, true)));
}

function sectionOrNone(elf: Elf, name: string): Uint8Array | undefined {
  try {
    return elf.section(name);
  } catch (error) {
    if (error instanceof SondeError) return undefined;
    throw error;
  }
}
