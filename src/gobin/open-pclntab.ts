import { type Address, address, ByteReader } from '#base';
import type { Elf } from '#elf';
import { findFunctionTable, Moduledata, moduledataOf, tableSections } from './moduledata.ts';
import { Pclntab, UnknownPclntab } from './pclntab.ts';

/** Finds and opens the function table of a Go binary, stripped or not. Undefined: the file has none. Throws MalformedPclntab. */
export function openPclntab(elf: Elf): Pclntab | undefined {
  const table = findFunctionTable(elf);
  if (table === undefined) return undefined;
  const { header, window } = table;
  let found: Moduledata | undefined;
  const moduledata = () => (found ??= new Moduledata(elf, table.address, header.layout));
  // Layout 1.16 has absolute addresses and ignores the start.
  const start = header.layout === '1.16' ? address(0) : (header.textStart ?? findTextStart(elf, moduledata()));
  if (start === undefined) return undefined;
  const read = (at: Address, size: number) => {
    const inside = elf.sections.some(({ address: from, size: room }) => at >= from && at + size <= from + room);
    return inside ? elf.read(at, size) : undefined;
  };
  return new Pclntab(window, start, { start: () => moduledata().gofunc, read });
}

/** Why a file with a function table has none that `openPclntab` can read. Undefined: it has no such section. */
export function unknownPclntab(elf: Elf): UnknownPclntab | undefined {
  const section = tableSections.find((name) => elf.header(name) !== undefined);
  const window = section && elf.window(section);
  if (window === undefined || window.bytes.length < 4) return undefined;
  window.need(0, 4);
  return new UnknownPclntab(new ByteReader(window.bytes).u32());
}

/** Address of `runtime.types`, from which the offsets of type descriptors count; undefined where nothing says it. */
export function typesStart(elf: Elf): Address | undefined {
  return elf.symbols()?.find('runtime.types')?.address ?? moduledataOf(elf)?.types;
}

/** Address of `runtime.text`, from which the offsets of code count. */
export function textStart(elf: Elf): Address | undefined {
  const known = elf.symbols()?.find('runtime.text')?.address;
  if (known !== undefined) return known;
  const table = findFunctionTable(elf);
  return table && (table.header.textStart ?? findTextStart(elf, moduledataOf(elf)));
}

/** From moduledata, as a stripped file has it too; else from the symbol table; else the start of `.text`. */
function findTextStart(elf: Elf, moduledata: Moduledata | undefined): Address | undefined {
  return moduledata?.text ?? elf.symbols()?.find('runtime.text')?.address ?? elf.header('.text')?.address;
}
