import { type Address, address, SondeError } from '#base';
import type { Elf, Section, SectionWindow } from '#elf';
import { readBuildInfo } from './buildinfo.ts';
import { pclntabHeader } from './pclntab.ts';
import { relativeRelocations } from './relocations.ts';
import { minorVersion } from './runtime.ts';

/** Offsets in `runtime.moduledata` (runtime/symtab.go): six slices stand between `pcHeader` and these. By the first version that has them so. */
const always = { minpc: 160, text: 176 } as const;
const byVersion = [
  [16, { types: 280, typelinks: 320 }],
  [18, { types: 280, gofunc: 304, typelinks: 336 }],
  [20, { types: 296, gofunc: 320, typelinks: 352 }],
  [26, { types: 296, gofunc: 320, typelinks: 360 }],
  // Types and itabs lie one behind the other: lists of them are gone.
  [27, { types: 296, typeDescriptorBytes: 304, itabOffset: 320, itabBytes: 328, gofunc: 344 }],
] as const satisfies readonly (readonly [number, ModuledataFields])[];

interface ModuledataFields {
  readonly types: number;
  /** A slice; behind it that of the itabs. */
  readonly typelinks?: number;
  readonly typeDescriptorBytes?: number;
  readonly itabOffset?: number;
  readonly itabBytes?: number;
  readonly gofunc?: number;
}

type Range = readonly [from: number, to: number];
interface Ranges {
  readonly types: Range;
  readonly itabs: Range;
}

/** The function table's section. */
export const tableSections = ['.gopclntab', '.data.rel.ro.gopclntab'] as const;

const tableAlignment = 32;

/** Where moduledata may lie: a section of its own from Go 1.26 on, before that it is among other data. */
const places = ['.go.module', '.noptrdata', '.data', '.data.rel.ro'] as const;

/** Words of the runtime's own description of the executable, as they are in a process without load bias. */
export class Moduledata {
  readonly #elf: Elf;
  readonly #start: Address | undefined;
  readonly #fields: ModuledataFields;
  #relocations: ReadonlyMap<number, number> | undefined;

  /** `table`: the address of the function table, with which moduledata begins. */
  constructor(elf: Elf, table: Address, layout: '1.16' | '1.18' | '1.20') {
    this.#elf = elf;
    const minor = minorVersion(readBuildInfo(elf)?.goVersion) ?? Number(layout.slice(2));
    this.#fields = byVersion.findLast(([from]) => from <= minor)?.[1] ?? byVersion[0][1];
    this.#start = this.#find(table);
  }

  get text(): Address | undefined {
    return this.#address(always.text);
  }

  get types(): Address | undefined {
    return this.#address(this.#fields.types);
  }

  get gofunc(): Address | undefined {
    return this.#address(this.#fields.gofunc);
  }

  /** Up to Go 1.26: where the lists of the types that reflection can find and of the program's itabs lie. */
  get links(): Ranges | undefined {
    const { typelinks } = this.#fields;
    if (typelinks === undefined) return undefined;
    const range = (field: number, size: number): Range | undefined => {
      const [from, count] = [this.#word(field), this.#word(field + 8)];
      return from === undefined || count === undefined ? undefined : [from, from + size * count];
    };
    const [types, itabs] = [range(typelinks, 4), range(typelinks + 24, 8)];
    return types && itabs && { types, itabs };
  }

  /** From Go 1.27 on: where these types and itabs themselves lie, one behind the other. */
  get listed(): Ranges | undefined {
    const { typeDescriptorBytes, itabOffset, itabBytes } = this.#fields;
    const types = this.types;
    const [length, offset, size] = [typeDescriptorBytes, itabOffset, itabBytes].map((field) => this.#word(field));
    if (types === undefined || length === undefined || offset === undefined || size === undefined) return undefined;
    return { types: [types, types + length], itabs: [types + offset, types + offset + size] };
  }

  #address(field: number | undefined): Address | undefined {
    const word = this.#word(field);
    return word === undefined || word === 0 ? undefined : address(word);
  }

  #word(field: number | undefined): number | undefined {
    if (field === undefined || this.#start === undefined) return undefined;
    const bytes = this.#elf.read(address(this.#start + field), 8);
    const word = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if (word === 0n) return this.#relocated(this.#start + field) ?? 0;
    return word < 1n << 52n ? Number(word) : undefined;
  }

  #relocated(place: number): number | undefined {
    this.#relocations ??= this.#elf.pie ? relativeRelocations(this.#elf) : new Map();
    return this.#relocations.get(place);
  }

  #find(table: Address): Address | undefined {
    for (const name of places) {
      const section = this.#elf.header(name);
      const bytes = sectionOrNone(this.#elf, name);
      if (section === undefined || bytes === undefined) continue;
      const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const low = table % 0x1_0000_0000;
      const high = Math.floor(table / 0x1_0000_0000);
      for (let at = 0; at + always.text + 8 <= bytes.length; at += 8) {
        if (words.getUint32(at, true) !== low || words.getUint32(at + 4, true) !== high) continue;
        const text = words.getBigUint64(at + always.text, true);
        const lowest = words.getBigUint64(at + always.minpc, true);
        if (text > 0n && text <= lowest && lowest < 1n << 52n) return address(section.address + at);
      }
    }
    // In a position-independent file that another linker made, it is zeros in the file; its relocations tell what comes there.
    if (!this.#elf.pie) return undefined;
    this.#relocations ??= relativeRelocations(this.#elf);
    for (const [place, word] of this.#relocations) if (word === table) return address(place);
    return undefined;
  }
}

/** The function table, in the file: `window` begins with it. */
export interface FunctionTablePlace {
  readonly address: Address;
  readonly window: SectionWindow;
  readonly header: NonNullable<ReturnType<typeof pclntabHeader>>;
}

/** Undefined: the file has no function table of Go's. */
export function findFunctionTable(elf: Elf): FunctionTablePlace | undefined {
  for (const name of tableSections) {
    const found = tableIn(elf, name, () => [0]);
    if (found !== undefined) return found;
  }
  // Up to Go 1.25 another linker puts that of a position-independent file together with other data.
  return tableIn(elf, '.data.rel.ro', (window, section) => {
    const known = elf.symbols()?.find('runtime.pclntab')?.address;
    if (known !== undefined) return [known - section.address];
    window.need(0, window.bytes.length);
    const first = -section.address & (tableAlignment - 1);
    return Array.from(
      { length: Math.floor(window.bytes.length / tableAlignment) },
      (_, i) => first + tableAlignment * i,
    );
  });
}

function tableIn(
  elf: Elf,
  name: string,
  offsets: (window: SectionWindow, section: Section) => Iterable<number>,
): FunctionTablePlace | undefined {
  const section = elf.header(name);
  const window = section && elf.window(name);
  if (window === undefined) return undefined;
  for (const offset of offsets(window, section!)) {
    if (offset < 0 || offset + 128 > window.bytes.length) continue;
    window.need(offset, offset + 128);
    const bytes = window.bytes.subarray(offset);
    const header = pclntabHeader(bytes);
    if (header === undefined) continue;
    const need = (from: number, to: number) => window.need(offset + from, offset + to);
    return { address: address(section!.address + offset), window: { bytes, need }, header };
  }
  return undefined;
}

/** Undefined: the file has no function table of Go's. */
export function moduledataOf(elf: Elf): Moduledata | undefined {
  const table = findFunctionTable(elf);
  return table && new Moduledata(elf, table.address, table.header.layout);
}

function sectionOrNone(elf: Elf, name: string): Uint8Array | undefined {
  try {
    return elf.section(name);
  } catch (error) {
    if (error instanceof SondeError) return undefined;
    throw error;
  }
}
