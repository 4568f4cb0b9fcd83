import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { address, SondeError } from '#base';
import { bytesSource, openElf } from '#elf';
import { BadPattern, createX86Decoder, type GoBinary, type IcedX86, openGoBinary, type TypeRef } from '#gobin';
import { nodeInflate } from '../testing/binary-file.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { generator } from './random.ts';

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);

/** What tells places: ranges, scopes and lines of debug info; type descriptors and their lists; tables by pc. */
const damagedSections = [
  '.debug_ranges',
  '.debug_rnglists',
  '.debug_line',
  '.debug_loc',
  '.debug_loclists',
  '.debug_info',
  '.debug_addr',
  '.typelink',
  '.itablink',
  '.rodata',
  '.gopclntab',
  '.go.module',
  '.noptrdata',
];

const source = `package main

import (
	"errors"
	"fmt"
	"os"
)

type thing struct {
	n    int
	next *thing
}

func small(a, b int) int { return a*b + 1 }

//go:noinline
func big(t *thing, xs []string) (int, error) {
	sum := 0
	for i, x := range xs {
		y := small(i, len(x))
		sum += small(y, t.n)
	}
	if sum == 7 {
		return 0, errors.New("seven")
	}
	return sum, nil
}

func main() { fmt.Println(big(&thing{n: len(os.Args)}, os.Args)) }
`;

/** Binaries that are damaged where places are told, whole and stripped, must give an answer or a typed error, soon. */
export async function run(options: { milliseconds: number; seed?: number }): Promise<number> {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const builds = [
    ['go1.17.13', ['-ldflags=-compressdwarf=false']],
    ['local', ['-ldflags=-compressdwarf=false']],
    ['local', ['-ldflags=-s -w']],
    ['local', ['-buildmode=pie', '-ldflags=-s -w']],
  ] as const;
  const samples: Uint8Array[] = [];
  for (const [toolchain, flags] of builds) {
    samples.push(new Uint8Array(readFileSync(await goFixture({ source: { 'main.go': source }, toolchain, flags }))));
  }
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const bytes = damaged(samples[inputs % samples.length]!, random);
    const start = performance.now();
    try {
      ask(openGoBinary(bytesSource(bytes), { inflate: nodeInflate, decode }), random);
    } catch (error) {
      if (!(error instanceof SondeError)) throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 5_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function ask(binary: GoBinary, random: (below: number) => number): void {
  const questions: (() => void)[] = [
    () => {
      for (const copy of binary.inlinedCopies('main.small')) {
        for (const { start, end } of copy.ranges.slice(0, 20)) {
          copy.at(address(Math.max(0, start)));
          copy.at(address(Math.max(0, Math.floor((start + end) / 2))));
        }
        binary.code(copy.into);
      }
    },
    () => {
      const found = binary.line('main.go', 10 + random(25));
      if (found?.kind !== 'found') return;
      for (const spot of found.spots.slice(0, 50)) {
        spot.at(address(Math.max(0, spot.start)));
        for (const statement of spot.statements.slice(0, 20)) spot.at(address(Math.max(0, statement)));
      }
    },
    () => {
      for (const { type, address: at } of binary.dynamicTypes().slice(0, 2_000)) {
        lookInto(binary, type, 6);
        binary.descriptorName(at);
      }
      for (const name of ['main.thing', 'os.File', 'error']) binary.declaredTypes.named(name);
    },
    () => {
      const found = binary.findFunction('main.big');
      if (found.kind !== 'found') return;
      const fn = found.function;
      binary.signature(fn);
      const int = binary.declaredTypes.make({ kind: 'int', name: 'int', size: 8 });
      const type = binary.declaredTypes.named('main.thing') ?? int;
      binary.placeDeclared(fn, { parameters: [{ name: 'a', type }], results: [{ name: '', type: int }] });
      binary.sourceLine(fn);
    },
    () => void binary.allgs,
    () => void binary.selectFunctions('impl:error.Error'),
    () => void binary.selectFunctions('re:^main[.]'),
  ];
  for (const question of questions) {
    try {
      question();
    } catch (error) {
      if (!(error instanceof SondeError) && !(error instanceof BadPattern)) throw error;
    }
  }
}

/** Maps and channels with the structs of the runtime that they point to. */
function lookInto(binary: GoBinary, ref: TypeRef, depth: number): void {
  const type = binary.type(ref);
  if (depth === 0) return;
  const isRuntime = (type.kind === 'map' || type.kind === 'chan') && type.header !== undefined;
  if (isRuntime) lookInto(binary, type.header!, depth - 1);
  if (type.kind === 'struct' && /</.test(type.name))
    for (const field of type.fields) lookInto(binary, field.type, depth - 1);
  if (type.kind === 'pointer' && type.elem !== undefined && /</.test(type.name)) lookInto(binary, type.elem, depth - 1);
}

function damaged(file: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = file.slice();
  const elf = openElf(bytesSource(file), nodeInflate);
  const present = damagedSections.flatMap((name) => elf.header(name) ?? []);
  for (let i = random(3); i >= 0; i--) {
    const { offset, size } = present[random(present.length)]!;
    if (size === 0) continue;
    // Near each other: what belongs together is broken together.
    const around = random(size);
    for (let k = random(12) + 1; k > 0; k--) {
      const at = offset + Math.min(size - 1, around + random(200));
      copy[at] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)]!;
    }
  }
  return copy;
}
