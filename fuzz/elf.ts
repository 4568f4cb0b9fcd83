import { readFileSync } from 'node:fs';
import { address, SondeError } from '#base';
import { bytesSource, findInflatePoints, openElf, packing } from '#elf';
import { nodeInflate } from '../testing/binary-file.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { generator } from './random.ts';

/** A damaged ELF file must give an answer or a typed error, soon. Small stripped files keep the tables within reach of the damage. */
export async function run(options: { milliseconds: number; seed?: number }): Promise<number> {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const samples: Uint8Array[] = [];
  for (const toolchain of ['go1.18.10', 'local'] as const) {
    const path = await goFixture({ source: { 'main.go': 'package main\n\nfunc main() { println(1) }\n' }, toolchain });
    samples.push(new Uint8Array(readFileSync(path)));
  }
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const bytes = damaged(samples[inputs % samples.length]!, random);
    const start = performance.now();
    try {
      ask(bytes, random);
    } catch (error) {
      if (!(error instanceof SondeError)) throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 2_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function ask(bytes: Uint8Array, random: (below: number) => number): void {
  const elf = openElf(bytesSource(bytes), nodeInflate);
  for (const question of [
    () => elf.notes(),
    () => elf.symbols()?.find('main.main'),
    () => elf.symbols()?.at(0),
    () => elf.read(address(random(2 ** 32)), random(64)),
    () => elf.address(elf.fileOffset(elf.entry) ?? (0 as never)),
    () => elf.section('.debug_abbrev'),
    () => elf.window('.gopclntab')?.need(random(1 << 20), random(1 << 21)),
    () => {
      const header = elf.header('.debug_abbrev');
      const packed = header && packing(elf.source, header);
      if (packed?.method !== 'zlib') return;
      const stream = elf.source.read(packed.offset, packed.packedSize);
      const points = findInflatePoints(stream, new Uint8Array(packed.size), 64);
      elf.window('.debug_abbrev', points)?.need(0, packed.size);
    },
  ]) {
    try {
      question();
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
  }
}

/** Damage in the headers, the section headers, and the small sections at the end. */
function damaged(sample: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = sample.slice(0, random(4) === 0 ? random(sample.length + 1) : sample.length);
  const view = new DataView(sample.buffer, sample.byteOffset);
  const headers = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  for (let i = random(6) + (random(8) === 0 ? 0 : 1); i > 0; i--) {
    const section = headers + 64 * random(count);
    // Where that section's bytes begin: its compression header, its first notes, its first symbols.
    const content = Number(view.getBigUint64(section + 24, true));
    const at = [random(1024), headers + random(64 * count), section + 24 + random(16), content + random(64)][
      random(4)
    ]!;
    if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!;
  }
  return bytes;
}
