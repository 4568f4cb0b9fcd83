import { readFileSync } from 'node:fs';
import { type Address, address, SondeError } from '#base';
import { bytesSource, openElf } from '#elf';
import { Pclntab, readBuildInfo } from '#gobin';
import { goFixture } from '../testing/go-fixtures.ts';
import { generator } from './random.ts';

/** A damaged function table, and damaged build info, must give an answer or a typed error, soon. */
export async function run(options: { milliseconds: number; seed?: number }): Promise<number> {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const samples = await Promise.all(['go1.17.13', 'go1.18.10', 'local'].map((toolchain) => load(toolchain as 'local')));
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const { table, textStart, buildInfo } = samples[inputs % samples.length]!;
    const start = performance.now();
    try {
      const size = random(4) === 0 ? random(table.length + 1) : table.length;
      ask(new Pclntab(damaged(table.subarray(0, size), random), textStart), random);
    } catch (error) {
      if (!(error instanceof SondeError)) throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const info = damaged(buildInfo, random);
    readBuildInfo({ section: () => info, read: (_, length) => info.subarray(random(info.length), length) });
    const took = performance.now() - start;
    if (took > 1_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

/** The questions that are asked of a table. */
function ask(table: Pclntab, random: (below: number) => number): void {
  for (let i = 0; i < 20 && table.count > 0; i++) {
    const index = random(table.count);
    const fn = table.function(index);
    table.entryLine(index);
    table.lineAt(address(fn.entry + random(64)) as Address);
    table.topFrame(index);
    const found = table.findByName(fn.name);
    // Bytes that are no UTF-8 do not come back as the same bytes.
    if (!fn.name.includes('\ufffd') && !found.includes(index)) throw new Error(`lost ${fn.name}`);
    const at = table.findByPc(fn.entry);
    if (at >= 0 && !(table.entry(at) <= fn.entry && fn.entry < table.end(at)))
      throw new Error('outside of its function');
  }
}

async function load(toolchain: 'local'): Promise<{ table: Uint8Array; textStart: Address; buildInfo: Uint8Array }> {
  const path = await goFixture({ source: { 'main.go': 'package main\n\nfunc main() { println(1) }\n' }, toolchain });
  const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => bytes });
  return {
    table: Uint8Array.from(elf.section('.gopclntab')!),
    textStart: elf.header('.text')!.address,
    buildInfo: Uint8Array.from(elf.section('.go.buildinfo')!),
  };
}

function damaged(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let i = random(12); i > 0 && copy.length > 0; i--) {
    // The header and what it points to matter most.
    const at = random(2) === 0 ? random(Math.min(80, copy.length)) : random(copy.length);
    copy[at] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!;
  }
  return copy;
}
