import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { fileSource, nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { createX86Decoder, type IcedX86, openGoBinary } from './index.ts';

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);

const source = `package main

import "os"

var n int

func withName(s string) func() { return func() { n += len(s) } }

func withSize(k int) func() {
	return func() { n += k }
}

func pair(k int) (func(), func()) {
	return func() { n += k }, func() { n -= k }
}

func two(k int) (func(), func()) {
	a := func() { n += k }
	b := func() { n -= k }
	return a, b
}

var kept = []interface{}{withName, pair}

//go:noinline
func run(fs ...func()) {
	for _, f := range fs {
		f()
	}
}

//go:noinline
func other(s string) { run(withName(s), withName(s+"x")) }

func main() {
	other(os.Args[0])
	a, b := pair(len(os.Args))
	c, d := two(len(os.Args))
	run(withName(os.Args[0]), withSize(len(os.Args)), a, b, c, d)
	println(n, len(kept))
}
`;

describe.each([
  ['local', []],
  ['local', ['-ldflags=-s -w']],
  ['go1.21.13', []],
] as const)('closures of functions that are inlined, by %s %j', (toolchain, flags) => {
  const stripped = flags.length > 0;
  const open = async () => {
    const file = await goFixture({ source: { 'main.go': source }, toolchain, flags: [...flags] });
    return openGoBinary(fileSource(file), { inflate: nodeInflate, decode });
  };

  it('stand for what they are compiled to wherever the function is inlined', async () => {
    const binary = await open();
    const set = binary.selectFunctions('main.withName.func1');
    const names = set?.functions.map(({ name }) => name.replace(/\d+$/, 'N'));
    expect(names?.toSorted()).toEqual([
      'main.main.withName.funcN',
      'main.other.withName.funcN',
      'main.other.withName.funcN',
      'main.withName.funcN',
    ]);
  });

  it('are found where the function itself is nowhere, unless they could be others', async () => {
    const binary = await open();
    const names = binary.selectFunctions('main.withSize.func1')?.functions.map(({ name }) => name.replace(/\d+$/, 'N'));
    expect(names).toEqual(stripped ? undefined : ['main.main.withSize.funcN']);
    expect(binary.selectFunctions('main.two.func1')).toBeUndefined();
    const found = binary.findFunction('main.two.func1');
    expect(found.kind).toBe('missing');
    const near = found.kind === 'missing' ? found.nearest.filter((name) => name.includes('.two.func')) : [];
    expect(near.length).toBe(stripped ? 0 : 2);
    const pair = binary.selectFunctions('main.pair.func1');
    expect([pair?.functions.map(({ name }) => name), pair?.unsure?.length]).toEqual([['main.pair.func1'], 2]);
  });
});

it('by Go 1.27 there is one', async () => {
  const file = await goFixture({ source: { 'main.go': source }, toolchain: 'go1.27.3' });
  const binary = openGoBinary(fileSource(file), { inflate: nodeInflate, decode });
  expect(binary.selectFunctions('main.withName.func1')).toBeUndefined();
  expect(binary.findFunction('main.withName.func1').kind).toBe('found');
});
