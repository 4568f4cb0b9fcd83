import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytesSource, NotElf } from '#elf';
import { nodeInflate } from '../../testing/binary-file.ts';
import { type GoFixture, goFixture } from '../../testing/go-fixtures.ts';
import {
  createX86Decoder,
  formatSignature,
  type GoBinary,
  type GoFunction,
  type GoVariable,
  type IcedX86,
  NotGo,
  openGoBinary,
  UnknownPclntab,
  withoutTypeArguments,
} from './index.ts';

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);

async function open(fixture: Partial<GoFixture> = {}, index?: Uint8Array): Promise<GoBinary> {
  const path = await goFixture({ source: 'src/gobin/testdata/shapes', ...fixture });
  return openGoBinary(bytesSource(new Uint8Array(readFileSync(path))), {
    inflate: nodeInflate,
    decode,
    ...(index && { index }),
  });
}

function found(binary: GoBinary, name: string): GoFunction {
  const lookup = binary.findFunction(name);
  if (lookup.kind !== 'found') throw new Error(`${name}: ${JSON.stringify(lookup)}`);
  return lookup.function;
}

/** `a=RAX b=RBX,RCX c=8(SP) p=?`: places in short; a `?` where the place is not known. */
function places(binary: GoBinary, name: string): string {
  const signature = binary.signature(found(binary, name));
  if (signature.unknown !== undefined) return signature.unknown;
  const one = (variable: GoVariable) =>
    `${variable.name}=${variable.unknown === undefined ? variable.places.map(place).join(',') : '?'}`;
  const results = signature.resultsUnknown === undefined ? signature.results.map(one).join(' ') : '?';
  const parameters = signature.parametersUnknown === undefined ? signature.parameters.map(one).join(' ') : '?';
  return `${parameters} -> ${results}`.trim();
}

const registers = ['RAX', 'RDX', 'RCX', 'RBX', 'RSI', 'RDI', 'RBP', 'RSP', 'R8', 'R9', 'R10', 'R11'];
function place(at: GoVariable['places'][number]): string {
  if (at.kind === 'stack') return `${at.frameOffset}(SP)`;
  return at.kind === 'register' ? registers[at.register]! : `X${at.register - 17}`;
}

const blanksListed = {
  computeE: 'iterations=RAX -> $0=X0',
  'main.blanks': '#0=RAX a=RBX,RCX #2=X0 b=RDI,RSI,R8 #4=R9,R10 c=R11 -> $0=RAX,RBX $1=RCX',
  'main.unnamed': '#0=RAX #1=RBX,RCX -> $0=RAX',
  'main.oneBlank': '#0=RAX -> $0=RAX',
  'main.padding': 's=RAX,RBX #1=RCX a=RDI p=RSI -> $0=RAX',
  'main.(*Server).blankRecv': '#0=RAX x=RBX #2=RCX y=RDI,RSI -> $0=RAX,RBX',
  'main.(*Server).Handle': 's=RAX ctx=RBX,RCX name=RDI,RSI body=R8,R9,R10 n=R11 ok=8(SP) -> $0=RAX $1=RBX,RCX',
  'main.Point.Sum': 'p=RAX,RBX,RCX,RDI,RSI,R8 scale=X0 c=X1 -> total=X0 err=RAX,RBX',
  'main.many':
    'a=RAX b=RBX c=RCX d=RDI e=RSI f=R8 g=R9 h=R10 i=R11 j=8(SP) s=16(SP) k=32(SP) x=40(SP) y=56(SP) -> p=RAX q=RBX r=72(SP)',
  'main.stackOnly': 'a=8(SP) b=RAX,RBX -> $0=40(SP)',
  // Only c is used: for the others debug info has no place.
  'main.useless': 'a=RAX b=RBX,RCX c=RDI,RSI,R8 d=R9,R10 e=8(SP) f=32(SP) -> $0=RAX',
  'main.cplx': 'c=X0,X1 d=X2,X3 f=X4 -> $0=X0,X1',
  'main.blankResults': 'n=RAX -> $0=RAX s=RBX,RCX $2=RDI,RSI',
  'main.smallBlank': 'a=RAX #1=RBX b=RCX -> $0=RAX',
  'main.empty': '#0= a=RAX #2= b=RBX,RCX -> $0=RAX',
  'main.deadNames': 'ctx=RAX,RBX r=RCX n=RDI -> $0=RAX',
  'main.handler.ServeHTTP': 'h=RAX w=RBX,RCX r=RDI ->',
  // The dictionary is hidden in RBX, behind the receiver; in RAX for a plain function.
  'main.(*Box[go.shape.int]).Set': 'b=RAX v=RCX n=RDI -> $0=RAX',
  'main.(*Box[go.shape.int]).blanks': '#0=RAX #1=RCX k=RDI -> $0=RAX',
  'main.shapeBlanks[go.shape.int]': '#0=RBX v=RCX #2=RDI,RSI k=R8 -> $0=RAX',
  'main.noArgs': '->',
};

/** Where blank parameters are not listed, the others must be where they are all the same. */
const blanksLeftOut = {
  ...blanksListed,
  'main.blanks': 'a=RBX,RCX b=RDI,RSI,R8 c=R11 -> $0=RAX,RBX $1=RCX',
  'main.unnamed': '? -> $0=RAX',
  // Its frame is as large as that of an ABI wrapper without parameters, whose result would be on the stack.
  'main.oneBlank': '? -> $0=RAX',
  'main.padding': 's=RAX,RBX a=RDI p=RSI -> $0=RAX',
  'main.(*Server).blankRecv': 'x=RBX y=RDI,RSI -> $0=RAX,RBX',
  'main.smallBlank': 'a=RAX b=RCX -> $0=RAX',
  'main.empty': 'a=RAX b=RBX,RCX -> $0=RAX',
  'main.(*Box[go.shape.int]).blanks': 'k=RDI -> $0=RAX',
  'main.shapeBlanks[go.shape.int]': 'v=RCX k=R8 -> $0=RAX',
};

describe('places of parameters and results', () => {
  test.each([
    ['local', [], blanksListed],
    ['local', ['-gcflags=all=-N -l'], blanksListed],
    ['go1.22.12', [], blanksListed],
    ['go1.21.13', [], blanksLeftOut],
    ['go1.20.14', [], blanksLeftOut],
    // The dictionary before the receiver.
    ['go1.18.10', [], { ...blanksLeftOut, 'main.(*Box[go.shape.int]).Set': 'b=RBX v=RCX n=RDI -> $0=RAX' }],
  ] as const)('%s %s', { timeout: 600_000 }, async (toolchain, flags, expected) => {
    const binary = await open({ toolchain, flags });
    const names = Object.keys(expected) as (keyof typeof expected)[];
    // Go 1.18 calls a shape go.shape.int_0.
    const actual = names.map((name) => [
      name,
      places(binary, toolchain === 'go1.18.10' ? name.replace('int]', 'int_0]') : name),
    ]);
    expect(Object.fromEntries(actual)).toEqual(expected);
  });

  test.each([
    ['local', []],
    ['local', ['-buildmode=pie']],
    ['go1.18.10', []],
  ] as const)('of an instantiation, by its dictionary: %s %s', { timeout: 600_000 }, async (toolchain, flags) => {
    const binary = await open({ toolchain, flags });
    const told = (start: string, end: string) =>
      [...binary.functions()]
        .filter(({ name }) => name.startsWith(start) && name.endsWith(end))
        .flatMap((fn) => binary.instantiations(fn))
        .map(({ typeArguments, signature: { parameters, results } }) => {
          const types = (list: readonly GoVariable[]) =>
            list.map((each) => `${each.name} ${binary.type(each.type).name}`);
          return `[${typeArguments}] ${types(parameters).join(', ')} -> ${types(results).join(', ')}`;
        })
        .sort();
    expect(told('main.(*Box[', '.Set')).toEqual([
      '[int] b *main.Box[int], v int, n int -> $0 int',
      '[string] b *main.Box[string], v string, n int -> $0 string',
    ]);
    expect(told('main.Map[', ']')).toEqual([
      '[int,string] in []int, f func(int) string -> $0 []string',
      '[string,int] in []string, f func(string) int -> $0 []int',
    ]);
  });

  test('an instantiation is of the shape that its types have, whatever pointers in them lead to', async () => {
    const main = `package main

type a struct{ B *b }
type b struct{ A *a }

//go:noinline
func get[T any](v *T) *T { return v }

func main() { println(get(&a{}), get(&b{}), get(&[]*a{}), get(&[]*b{})) }
`;
    const binary = await open({ source: { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.18\n' } });
    const shapes = [...binary.functions()].filter(({ name }) => name.startsWith('main.get['));
    const told = shapes.map((fn) => binary.instantiations(fn).map(({ typeArguments }) => typeArguments));
    expect(told.sort()).toEqual([['[]*main.a'], ['[]*main.b'], ['main.a'], ['main.b']]);
  });

  test.each(['local', 'go1.21.13'] as const)(
    'blank results of functions that are inlined elsewhere are in order: %s',
    async (toolchain) => {
      const main = `package main

type frame struct{ A, B, C, D, E int }

var n int

func next(x int) (_ frame, more bool, _ error, last int) { return frame{A: n}, x > 3, nil, x * 2 }

var called = next

func main() {
	_, more, _, last := next(n)
	println(more, last)
	called(1)
}
`;
      const binary = await open({ source: { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.18\n' }, toolchain });
      expect(formatSignature(binary, found(binary, 'main.next'))).toBe(
        'func(x int) (_ frame, more bool, _ error, last int)',
      );
    },
  );

  test('of functions that range over a function, results without names are not listed, blank ones among others too, and that is said', async () => {
    const body = (code: string) =>
      `for i, v := range ${code} {\n\t\tif v == want {\n\t\t\treturn i, nil\n\t\t}\n\t}\n\treturn 0, nil`;
    const main = `package main

import "slices"

//go:noinline
func inlined(list []int, want int) (int, error) {
	${body('slices.All(list)')}
}

//go:noinline
func called(list []int, want int) (int, error) {
	defer func() { recover() }()
	${body('each(list)')}
}

//go:noinline
func named(list []int, want int) (_ int, err error) {
	${body('slices.All(list)')}
}

//go:noinline
func each(list []int) func(func(int, int) bool) {
	return func(yield func(int, int) bool) { yield(0, list[0]) }
}

func main() {
	list := []int{1, 2}
	inlined(list, 2)
	called(list, 2)
	named(list, 2)
}
`;
    const binary = await open({ source: { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.23\n' } });
    const told = ['inlined', 'called', 'named', 'each'].map((name) =>
      formatSignature(binary, found(binary, `main.${name}`)),
    );
    expect(told).toEqual([
      'func(list []int, want int) ?',
      'func(list []int, want int) ?',
      'func(list []int, want int) ?',
      'func(list []int) func(func(int, int) bool)',
    ]);
  });

  test('Go 1.17: results are not listed, and that is said', { timeout: 600_000 }, async () => {
    const binary = await open({ toolchain: 'go1.17.13' });
    expect(places(binary, 'computeE')).toBe('iterations=RAX -> ?');
    expect(places(binary, 'main.(*Server).Handle')).toBe(
      's=RAX ctx=RBX,RCX name=RDI,RSI body=R8,R9,R10 n=R11 ok=8(SP) -> ?',
    );
    expect(places(binary, 'main.blanks')).toBe('a=RBX,RCX b=RDI,RSI,R8 c=R11 -> ?');
    expect(formatSignature(binary, found(binary, 'computeE'))).toBe('func(iterations int64) ?');
  });

  test('of every function of a program are known', { timeout: 600_000 }, async () => {
    const binary = await open();
    const doubtful: string[] = [];
    let functions = 0;
    for (const fn of binary.functions()) {
      if (fn.assembly) continue;
      const { parameters, results, unknown } = binary.signature(fn);
      functions++;
      if (unknown !== undefined || [...parameters, ...results].some((variable) => variable.unknown !== undefined))
        doubtful.push(fn.name);
    }
    expect(functions).toBeGreaterThan(4000);
    // Functions without debug info: the linker's own marks; and closures that the compiler gave hidden parameters.
    expect(doubtful.filter((name) => !/^go:|^_?cgo|\.func\d/.test(name))).toEqual([]);
  });
});

describe('names', () => {
  test.each(['local', 'go1.18.10'] as const)(
    'without debug info every function is found as with it: %s',
    async (toolchain) => {
      const [whole, stripped] = await Promise.all([
        open({ toolchain }),
        open({ toolchain, flags: ['-ldflags=-s -w'] }),
      ]);
      const all = whole.selectFunctions('re:^')!;
      const names = [...all.functions.map(({ name }) => name), ...all.inlined].filter(
        (name, i) => !name.includes('[') && i % 8 === 0,
      );
      // Each by its whole name, and without its package.
      const asked = new Set(names.flatMap((name) => [name, name.replace(/^[^.]*(?:\/[^.]*)?\./, '')]));
      const answer = (binary: GoBinary, name: string) => {
        const lookup = binary.findFunction(name);
        if (lookup.kind === 'found') return lookup.function.name;
        // Older function tables have no type arguments.
        if (lookup.kind === 'ambiguous') return lookup.candidates.map(withoutTypeArguments);
        return lookup.kind;
      };
      for (const name of asked) expect([name, answer(stripped, name)]).toEqual([name, answer(whole, name)]);
      expect(all.inlined.length).toBeGreaterThan(100);
    },
  );

  test('exact, by suffix, without type arguments, misspelt', async () => {
    const binary = await open();
    expect(found(binary, 'computeE').name).toBe('main.computeE');
    expect(found(binary, '(*Server).Handle').name).toBe('main.(*Server).Handle');
    expect(binary.findFunction('main.Map[bool,error]')).toEqual({ kind: 'missing', nearest: ['main.Map'] });
    expect(binary.findFunction('main.Map')).toEqual({
      kind: 'ambiguous',
      candidates: ['main.Map[go.shape.int,go.shape.string]', 'main.Map[go.shape.string,go.shape.int]'],
      more: 0,
    });
    expect(binary.findFunction('omputeE').kind).toBe('missing');
    expect(binary.findFunction('compteE')).toMatchObject({
      kind: 'missing',
      nearest: expect.arrayContaining(['main.computeE']),
    });
    expect(binary.findFunction('main.handle')).toMatchObject({ kind: 'missing' });
    const strings = binary.findFunction('String');
    if (strings.kind !== 'ambiguous') throw new Error(`String is ${strings.kind}`);
    expect(strings.candidates).toHaveLength(20);
    expect(strings.more).toBeGreaterThan(5);
    expect(binary.findFunction('os.Getpid')).toEqual({ kind: 'inlined', copies: expect.any(Number) });
    // A generic function without code: its instances count, as a plain one's copies do.
    expect(binary.findFunction('cmp.isNaN')).toEqual({ kind: 'inlined', copies: expect.any(Number) });
    // As a stack trace has it.
    expect(binary.findFunction('cmp.isNaN[...]')).toEqual({ kind: 'inlined', copies: expect.any(Number) });
    expect(binary.findFunction('isNoN')).toEqual({
      kind: 'missing',
      nearest: expect.not.arrayContaining([expect.stringMatching(/^type:/)]),
    });
    expect(binary.findFunction('main.inlinable')).toMatchObject({ kind: 'found', inlinedCopies: 2 });
  });

  test('a body, not its ABI wrapper', async () => {
    const binary = await open();
    const symbols = new Map([...binary.elf.symbols()!].map((symbol) => [symbol.name, symbol]));
    const wrapped = [...symbols.keys()].filter((name) => name.endsWith('.abi0') && symbols.has(name.slice(0, -5)));
    expect(wrapped.length).toBeGreaterThan(10);
    for (const name of wrapped) {
      // The plain symbol is ABIInternal: the body of a Go function, the wrapper of an assembly one.
      const fn = found(binary, name.slice(0, -5));
      expect(fn.entry, fn.name).toBe(symbols.get(fn.assembly ? name : fn.name)!.address);
    }
  });

  test('are the linker’s, at its addresses', async () => {
    const binary = await open();
    const symbols = new Map([...binary.elf.symbols()!].map((symbol) => [symbol.address as number, symbol.name]));
    const names = [...binary.functions()].filter(
      (fn) => symbols.has(fn.entry) && !symbols.get(fn.entry)!.endsWith('.abi0'),
    );
    expect(names.length).toBeGreaterThan(4000);
    const different = names.filter(
      (fn) => symbols.get(fn.entry) !== fn.name.replace('·', '.') && !fn.name.startsWith('runtime.etext'),
    );
    expect(
      different.map((fn) => `${fn.name} ${symbols.get(fn.entry)}`).filter((text) => !text.includes('abi0')),
    ).toEqual([]);
  });
});

test('signatures as Go writes them', async () => {
  const binary = await open();
  const text = (name: string) => formatSignature(binary, found(binary, name));
  expect(text('computeE')).toBe('func(iterations int64) float64');
  expect(text('main.(*Server).Handle')).toBe(
    'func (s *Server) Handle(ctx context.Context, name string, body []uint8, n int8, ok bool) (int, error)',
  );
  expect(text('main.Point.Sum')).toBe('func (p Point) Sum(scale float64, c Celsius) (total float64, err error)');
  expect(text('main.blankResults')).toBe('func(n int) (_ int, s string, _ error)');
  expect(text('main.handler.ServeHTTP')).toBe('func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request)');
});

test('types', async () => {
  const binary = await open();
  const server = binary.signature(found(binary, 'main.(*Server).Handle')).parameters[0]!;
  const pointer = binary.type(server.type);
  const struct = binary.type(pointer.kind === 'pointer' ? pointer.elem! : 0);
  const fields = struct.kind === 'struct' ? struct.fields : [];
  expect(
    fields.map(
      (field) => `${field.name} ${field.offset} ${binary.type(field.type).kind}${field.embedded ? ' embedded' : ''}`,
    ),
  ).toEqual([
    'name 0 string',
    'count 16 int',
    'peers 24 map',
    'Point 32 struct embedded',
    'next 72 pointer',
    'arr 80 array',
    'one 88 array',
    'none 96 array',
    'f 96 func',
    'ch 104 chan',
  ]);
  const point = binary.type(fields[3]!.type);
  expect(point).toMatchObject({ name: 'main.Point', size: 40 });
  expect(point.kind === 'struct' && point.fields.map((field) => field.name)).toEqual(['X', 'Y', 'Tag', '_', 'z']);
  const kinds = binary
    .signature(found(binary, 'main.anyArgs'))
    .parameters.map((variable) => binary.type(variable.type));
  expect(kinds.map((type) => `${type.name} ${type.kind}`)).toEqual([
    'interface {} interface',
    'error interface',
    'main.Stringer interface',
    '*int pointer',
    'map[string]int map',
    'func() int func',
    'chan<- int chan',
  ]);
  expect(kinds.slice(0, 3).map((type) => type.kind === 'interface' && type.empty)).toEqual([true, false, false]);
});

test.each(['local', 'go1.21.13', 'go1.17.13'] as const)(
  '%s: lines, code, runtime',
  { timeout: 600_000 },
  async (toolchain) => {
    const binary = await open({ toolchain });
    const source = readFileSync(new URL('testdata/shapes/main.go', import.meta.url), 'utf8').split('\n');
    for (const name of ['computeE', 'main.many', 'main.recursive', 'main.(*Server).Handle']) {
      const fn = found(binary, name);
      const { file, line } = binary.sourceLine(fn)!;
      expect(file).toMatch(/\/main\.go$/);
      expect(source[line - 1], name).toMatch(new RegExp(`^func .*${name.replace(/.*\./, '')}`));
      const code = binary.code(fn);
      expect([code.invalidAt, code.offsets[code.count]]).toEqual([-1, fn.end - fn.entry]);
      expect(binary.functionAt(fn.entry)).toMatchObject({ name: fn.name, entry: fn.entry });
    }
    expect(binary.runtime.gGoid).toBe(152);
    expect(binary.runtime.tlsG).toBe(-8);
    expect(binary.goVersion).toMatch(/^go1\./);
  },
);

describe('an index', () => {
  test('gives the same answers', async () => {
    const plain = await open();
    const bytes = plain.exportIndex()!;
    const indexed = await open({}, bytes);
    const inflated = new Set<number>();
    const path = await goFixture({ source: 'src/gobin/testdata/shapes' });
    const watched = openGoBinary(bytesSource(new Uint8Array(readFileSync(path))), {
      inflate: {
        ...nodeInflate,
        zlib(data, size) {
          inflated.add(size);
          return nodeInflate.zlib(data, size);
        },
      },
      decode,
      index: bytes,
    });
    const names = [
      ...Object.keys(blanksListed),
      'main.inlinable',
      'os.Getpid',
      'net/http.(*Server).Serve',
      'runtime.mstart0',
    ];
    for (const name of names) {
      expect(watched.findFunction(name), name).toEqual(plain.findFunction(name));
      const lookup = plain.findFunction(name);
      if (lookup.kind !== 'found') continue;
      expect(watched.signature(lookup.function), name).toEqual(plain.signature(lookup.function));
      expect(watched.contested(lookup.function), name).toEqual(plain.contested(lookup.function));
      expect(watched.sourceLine(lookup.function), name).toEqual(plain.sourceLine(lookup.function));
    }
    expect(watched.runtime).toEqual(plain.runtime);
    expect(watched.exportIndex()).toBe(bytes);
    // .debug_info was never unpacked as a whole.
    expect(inflated.has(plain.elf.section('.debug_info')!.length)).toBe(false);
    // Only the way through everything tells what is near.
    expect(indexed.findFunction('compteE')).toEqual(plain.findFunction('compteE'));
    expect(indexed.findFunction('String')).toEqual(plain.findFunction('String'));
  });

  test('of another binary, cut or broken is not used', async () => {
    const bytes = (await open()).exportIndex()!;
    const other = await open({ toolchain: 'go1.21.13' }, bytes);
    expect(found(other, 'computeE').entry).not.toBe(found(await open(), 'computeE').entry);
    for (const broken of [new Uint8Array(0), bytes.slice(0, 1000), bytes.slice(1)]) {
      expect(found(await open({}, broken), 'computeE').name).toBe('main.computeE');
    }
    // Right at the beginning and at the end, nonsense in between: found out when it is used.
    const nonsense = bytes.slice();
    nonsense.fill(0x55, 2000, nonsense.length - 100_000);
    const binary = await open({}, nonsense);
    expect(places(binary, 'computeE')).toBe(blanksListed.computeE);
  });
});

describe('other kinds of files', () => {
  test.each([
    ['stripped', ['-ldflags=-s -w'], UnknownPclntab],
    ['with debug info', [], undefined],
  ])('a function table of no known layout: %s', async (_case, flags, error) => {
    const bytes = new Uint8Array(readFileSync(await goFixture({ source: 'src/gobin/testdata/shapes', flags })));
    const { offset } = openGoBinary(bytesSource(bytes), { inflate: nodeInflate, decode }).elf.header('.gopclntab')!;
    bytes.set([0x10, 0x9c, 0xfc, 0x02], offset);
    const binary = openGoBinary(bytesSource(bytes), { inflate: nodeInflate, decode });
    const look = () => binary.findFunction('main.main');
    if (error === undefined) expect(look()).toMatchObject({ kind: 'found' });
    else expect(look).toThrow(error);
  });

  test('stripped: functions and lines, no signature', async () => {
    const binary = await open({ flags: ['-ldflags=-s -w'] });
    expect([binary.hasDebugInfo, binary.hasSymbolTable]).toEqual([false, false]);
    const fn = found(binary, 'computeE');
    expect(fn.name).toBe('main.computeE');
    expect(binary.signature(fn).unknown).toMatch(/no debug info/);
    expect(formatSignature(binary, fn)).toBe('func?');
    expect(binary.sourceLine(fn)!.line).toBe((await open()).sourceLine(found(await open(), 'computeE'))!.line);
    expect(binary.findFunction('compteE')).toMatchObject({
      kind: 'missing',
      nearest: expect.arrayContaining(['main.computeE']),
    });
    expect(binary.exportIndex()).toBeUndefined();
  });

  test('position-independent', async () => {
    const binary = await open({ flags: ['-buildmode=pie'] });
    expect(binary.pie).toBe(true);
    expect(places(binary, 'main.many')).toBe(blanksListed['main.many']);
  });

  test('arm64', async () => {
    const binary = await open({ env: { GOARCH: 'arm64' } });
    const { parameters } = binary.signature(found(binary, 'main.many'));
    expect(binary.architecture).toBe('arm64');
    expect(parameters.every((parameter) => parameter.unknown === undefined)).toBe(true);
    expect(parameters[10]!.places).toMatchObject([{ register: 10 }, { register: 11 }]);
  });

  test('without its debug info moved elsewhere, not Go, not ELF', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-gobin-'));
    try {
      copyFileSync('/bin/true', join(folder, 'true'));
      execFileSync('chmod', ['u+w', join(folder, 'true')]);
      const bytes = new Uint8Array(readFileSync(join(folder, 'true')));
      expect(() => openGoBinary(bytesSource(bytes), { inflate: nodeInflate, decode })).toThrow(NotGo);
      expect(() => openGoBinary(bytesSource(new Uint8Array(10)), { inflate: nodeInflate, decode })).toThrow(NotElf);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
