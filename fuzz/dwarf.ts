import { readFileSync } from 'node:fs';
import { encodeUtf8, SondeError } from '#base';
import { attribute, openDwarf, readSubprogram, runLineProgram, wholeSection } from '#dwarf';
import { bytesSource, openElf } from '#elf';
import { TypeReader } from '#gobin';
import { nodeInflate } from '../testing/binary-file.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { generator } from './random.ts';

const names = ['info', 'abbrev', 'addr', 'line', 'loc', 'loclists', 'str'].map((name) => `.debug_${name}`);
/** At most so many bytes of `.debug_info` are kept, whole units. */
const infoSize = 1_500_000;

/** Damaged debug info of DWARF 4 and 5 must give an answer or a typed error, soon. */
export async function run(options: { milliseconds: number; seed?: number }): Promise<number> {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const samples: Map<string, Uint8Array>[] = [];
  for (const toolchain of ['go1.17.13', 'go1.21.13', 'local'] as const) {
    const path = await goFixture({ source: { 'main.go': 'package main\n\nfunc main() { println(1) }\n' }, toolchain });
    samples.push(sections(new Uint8Array(readFileSync(path))));
  }
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const sample = new Map(samples[inputs % samples.length]!);
    for (let i = random(3); i >= 0; i--) {
      // A damaged abbreviation hides most units.
      const name = random(4) > 0 ? '.debug_info' : names[random(names.length)]!;
      const bytes = sample.get(name);
      if (bytes) sample.set(name, damaged(bytes, random));
    }
    const start = performance.now();
    try {
      ask(sample, random);
    } catch (error) {
      if (!(error instanceof SondeError)) throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 2_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function ask(sample: ReadonlyMap<string, Uint8Array>, random: (below: number) => number): void {
  const dwarf = openDwarf((name) => {
    const bytes = sample.get(name);
    return bytes && wholeSection(bytes);
  });
  if (dwarf === undefined) return;
  const table = dwarf.functions();
  table.find(encodeUtf8('main.main'));
  table.findSuffix(encodeUtf8('main'));
  const types = new TypeReader(dwarf);
  const questions = [
    () => types.type(random(infoSize)),
    ...Array.from({ length: 12 }, () => () => {
      if (table.count === 0) return;
      const index = random(table.count);
      table.at(index);
      const subprogram = readSubprogram(dwarf, table.die[index]!);
      for (const parameter of subprogram?.parameters ?? []) {
        parameter.locations();
        if (parameter.type !== undefined) types.type(parameter.type);
      }
      const line = subprogram && dwarf.lineHeader(subprogram.die);
      const section = dwarf.section('.debug_line');
      let rows = 0;
      if (line && section) runLineProgram(section, line, () => ++rows > 10_000);
      if (subprogram) dwarf.string(subprogram.die, attribute.name);
    }),
  ];
  for (const question of questions) {
    try {
      question();
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
  }
}

function sections(file: Uint8Array): Map<string, Uint8Array> {
  const elf = openElf(bytesSource(file), nodeInflate);
  const found = new Map<string, Uint8Array>();
  for (const name of names) {
    const bytes = elf.section(name);
    if (bytes) found.set(name, bytes.slice());
  }
  const info = found.get('.debug_info')!;
  const view = new DataView(info.buffer, info.byteOffset);
  let end = 0;
  while (end < info.length && end + 4 + view.getUint32(end, true) <= infoSize) end += 4 + view.getUint32(end, true);
  found.set('.debug_info', info.slice(0, end));
  // Large sections are copied for each input that damages them.
  for (const name of ['.debug_line', '.debug_loc', '.debug_loclists']) {
    const bytes = found.get(name);
    if (bytes) found.set(name, bytes.slice(0, 100_000));
  }
  return found;
}

function damaged(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = bytes.slice(0, random(6) === 0 ? random(bytes.length + 1) : bytes.length);
  for (let i = random(10) + 1; i > 0 && copy.length > 0; i--) {
    // Seldom in the first header: with that broken nothing else is looked at.
    const at = random(60) === 0 ? random(Math.min(64, copy.length)) : random(copy.length);
    copy[at] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!;
  }
  return copy;
}
