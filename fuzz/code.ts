import { readFileSync } from 'node:fs';
import * as iced from 'iced-x86';
import { type Address, address, fileOffset } from '#base';
import { bytesSource, openElf } from '#elf';
import { createX86Decoder, createX86Formatter, type DecodedCode, decodeArm64, flow, openPclntab } from '#gobin';
import { chooseSites, type SiteContext } from '#probe';
import { goFixture } from '../testing/go-fixtures.ts';
import { generator } from './random.ts';

/** Whatever bytes a function has: sites lie on instructions of it, no jump that is seen leads between the entry and its site. */
export async function run(options: { milliseconds: number; seed?: number }): Promise<number> {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const decoders = { amd64: createX86Decoder(iced), arm64: decodeArm64 };
  const format = createX86Formatter(iced);
  const samples = { amd64: await load({}), arm64: await load({ GOARCH: 'arm64' }) };
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const architecture = random(3) === 0 ? 'arm64' : 'amd64';
    const bytes = input(samples[architecture], random);
    const entry = address(0x400000 + random(0x1000) * 64);
    const context: SiteContext = {
      architecture,
      isMorestack: () => random(2) === 0,
      fileOffset: (at) => fileOffset(at - 0x400000),
      format: architecture === 'amd64' ? format : () => '',
      read: (_, size) => (random(8) === 0 ? undefined : Uint8Array.from({ length: size }, () => random(256))),
    };
    const start = performance.now();
    try {
      const code = decoders[architecture](bytes, entry);
      const fn = { name: 'main.f', entry, end: (entry + bytes.length) as Address, assembly: random(2) === 0 };
      const result = chooseSites(fn, code, context, { entry: random(4) > 0, returns: random(4) > 0 });
      if (result.ok) {
        const { entry: site, returns } = result.value;
        for (const each of [...(site ? [site] : []), ...returns]) check(code, each.address, each.bytes);
        if (site && jumpedInto(code, site.address - entry)) throw new Error('something jumps in front of the site');
      }
    } catch (error) {
      throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 1_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function check(code: DecodedCode, at: Address, bytes: Uint8Array): void {
  const index = code.offsets.indexOf(at - code.entry);
  if (index < 0 || index >= code.count) throw new Error('not on an instruction');
  const size = code.offsets[index + 1]! - code.offsets[index]!;
  if (bytes.length !== size) throw new Error('not the bytes of the instruction');
}

function jumpedInto(code: DecodedCode, site: number): boolean {
  return code.targets.some((target, i) => target > 0 && target <= site && code.flow[i] !== flow.call);
}

/** Noise, or a real function with some bytes changed or cut off. */
function input(functions: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  if (random(4) === 0) return Uint8Array.from({ length: random(200) }, () => random(256));
  const real = functions[random(functions.length)]!;
  const copy = real.slice(0, random(4) === 0 ? random(real.length + 1) : real.length);
  for (let i = random(4); i > 0 && copy.length > 0; i--) copy[random(copy.length)] = random(256);
  return copy;
}

async function load(env: Record<string, string>): Promise<Uint8Array[]> {
  const path = await goFixture({ source: { 'main.go': 'package main\n\nfunc main() { println(1) }\n' }, env });
  const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => bytes });
  const table = openPclntab(elf)!;
  const found: Uint8Array[] = [];
  for (let i = 0; i < table.count; i++) {
    const size = table.end(i) - table.entry(i);
    if (size > 0 && size < 2000) found.push(Uint8Array.from(elf.read(table.entry(i), size)));
  }
  return found;
}
