import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '#base';
import { bytesSource, openElf } from '#elf';
import { TypeReader } from '#gobin';
import { nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { attribute, openDwarf, readSubprogram, wholeSection } from './index.ts';

/** What testdata/dump prints: the same questions, answered by Go's debug/dwarf. */
interface Dump {
  readonly dies: number;
  readonly units: number;
  readonly abstract: number;
  readonly inlined: Readonly<Record<string, number>>;
  readonly functions: readonly {
    readonly name: string;
    readonly low: number;
    readonly size: number;
    readonly line: number;
    readonly file: string;
    readonly parameters: readonly { name: string; type: number; text: string; size: number; result: boolean }[];
  }[];
}

async function load(toolchain: 'local' | 'go1.17.13' | 'go1.18.10' | 'go1.21.13', flags: string[] = []) {
  const path = await goFixture({ source: 'src/gobin/testdata/shapes', toolchain, flags });
  const tool = await goFixture({ source: 'src/dwarf/testdata/dump' });
  const dump = JSON.parse(execFileSync(tool, [path], { encoding: 'utf8', maxBuffer: 1 << 28 })) as Dump;
  const elf = openElf(bytesSource(new Uint8Array(readFileSync(path))), nodeInflate);
  const dwarf = openDwarf((name) => {
    const bytes = elf.section(name);
    return bytes && wholeSection(bytes);
  })!;
  return { elf, dwarf, dump };
}

// DWARF 4 with .debug_loc (1.17, 1.18 in .zdebug_* sections), DWARF 5 (1.25 and later); no inlining at all.
describe.each([
  ['local', []],
  ['local', ['-gcflags=all=-N -l']],
  ['go1.21.13', []],
  ['go1.18.10', []],
  ['go1.17.13', []],
] as const)('debug info of %s %s is what debug/dwarf reads', (toolchain, flags) => {
  test('units, entries, functions, inlined copies', { timeout: 600_000 }, async () => {
    const { dwarf, dump } = await load(toolchain, [...flags]);
    const table = dwarf.functions();
    expect(dwarf.problems).toEqual([]);
    expect(dwarf.units().length).toBe(dump.units);
    expect(table.dies).toBe(dump.dies);
    expect(table.count).toBe(dump.functions.length);
    expect(table.abstractDie.length).toBe(dump.abstract);
    expect(dump.functions.map(({ name, low, size }) => ({ name, low, size }))).toEqual(
      Array.from({ length: table.count }, (_, i) => {
        const { name, low, size } = table.at(i);
        return { name, low, size };
      }),
    );
    const inlined: Record<string, number> = {};
    for (let i = 0; i < table.abstractDie.length; i++) {
      const copies = table.inlinedCopies(table.abstractDie[i]!);
      if (copies > 0) inlined[table.abstractName(i)] = (inlined[table.abstractName(i)] ?? 0) + copies;
    }
    expect(inlined).toEqual(dump.inlined);
  });

  test('parameters, types, lines', { timeout: 600_000 }, async () => {
    const { dwarf, dump } = await load(toolchain, [...flags]);
    const table = dwarf.functions();
    const types = new TypeReader(dwarf);
    const files = new Set<string>();
    for (const [i, wanted] of dump.functions.entries()) {
      const subprogram = readSubprogram(dwarf, table.die[i]!)!;
      expect(subprogram.name).toBe(wanted.name);
      expect(subprogram.declLine ?? 0, wanted.name).toBe(wanted.line);
      if (wanted.file !== '') {
        files.add(wanted.file);
        expect(dwarf.lineHeader(subprogram.die)!.files[subprogram.declFile!], wanted.name).toBe(wanted.file);
      }
      const listed = new Map(subprogram.parameters.map((parameter) => [parameter.name, parameter]));
      for (const parameter of wanted.parameters) {
        const mine = listed.get(parameter.name)!;
        expect({ type: mine.type, result: mine.isResult }, `${wanted.name} ${parameter.name}`).toEqual({
          type: parameter.type,
          result: parameter.result,
        });
        const type = types.type(parameter.type);
        // Go's package gives -1 for pointers and the like. A .paramN stands for a type argument, whose name is ours.
        if (parameter.size >= 0)
          expect(type.size, `${wanted.name} ${parameter.name} ${type.name}`).toBe(parameter.size);
        if (!parameter.text.startsWith('.param')) expect(type.name).toBe(parameter.text);
      }
    }
    expect(files.size).toBeGreaterThan(100);
  });
});

test('location lists end and hold addresses of their function', async () => {
  for (const toolchain of ['local', 'go1.18.10'] as const) {
    const { dwarf } = await load(toolchain);
    const table = dwarf.functions();
    let lists = 0;
    for (const name of ['main.many', 'main.blanks', 'main.(*Server).Handle', 'net/http.(*Server).Serve']) {
      const index = table.find(encodeUtf8(name))[0]!;
      const { low, size } = table.at(index);
      for (const parameter of readSubprogram(dwarf, table.die[index]!)!.parameters) {
        for (const range of parameter.locations()) {
          if (range.end === Number.MAX_SAFE_INTEGER) continue;
          lists++;
          expect(range.start).toBeGreaterThanOrEqual(low);
          expect(range.end).toBeLessThanOrEqual(low + size);
          expect(range.end).toBeGreaterThanOrEqual(range.start);
        }
      }
    }
    expect(lists).toBeGreaterThan(20);
  }
}, 300_000);

test('structs of the runtime have their fields', async () => {
  const { dwarf } = await load('local');
  const index = dwarf.functions().find(encodeUtf8('runtime.casgstatus'))[0]!;
  const g = readSubprogram(dwarf, dwarf.functions().die[index]!)!.parameters[0]!;
  const types = new TypeReader(dwarf);
  const pointer = types.type(g.type!);
  expect(pointer).toMatchObject({ kind: 'pointer', name: '*runtime.g', size: 8 });
  const struct = types.type(pointer.kind === 'pointer' ? pointer.elem! : 0);
  expect(struct.kind === 'struct' && struct.fields.slice(0, 3).map(({ name, offset }) => ({ name, offset }))).toEqual([
    { name: 'stack', offset: 0 },
    { name: 'stackguard0', offset: 16 },
    { name: 'stackguard1', offset: 24 },
  ]);
  expect(dwarf.die(dwarf.units()[0]!.root)!.attributes.has(attribute.producer)).toBe(true);
});
