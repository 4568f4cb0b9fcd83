import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { type ByteSource, bytesSource } from '#elf';
import { nodeInflate } from '../../testing/binary-file.ts';
import { type GoFixture, goFixture } from '../../testing/go-fixtures.ts';
import { type GoToolchain, goCommand, goEnvironment } from '../../testing/go-toolchain.ts';
import { createX86Decoder, type GoBinary, type IcedX86, OtherDebugFile, openGoBinary, type TypeRef } from './index.ts';

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);

async function open(fixture: Partial<GoFixture>): Promise<GoBinary> {
  const path = await goFixture({ source: 'src/gobin/testdata/shapes', ...fixture });
  return openGoBinary(bytesSource(new Uint8Array(readFileSync(path))), { inflate: nodeInflate, decode });
}

/** What of a type both ways must agree on; names are compared where both have a plain one. */
function shape(binary: GoBinary, ref: TypeRef) {
  const type = binary.type(ref);
  const name = /^[\w/.*[\]]+$/.test(type.name) ? type.name : '';
  const parts =
    type.kind === 'struct'
      ? type.fields.map(({ name, offset, embedded, type: of }) => [name, offset, embedded, binary.type(of).size])
      : type.kind === 'slice' || type.kind === 'array' || type.kind === 'chan'
        ? [binary.type(type.elem).kind, binary.type(type.elem).size]
        : type.kind === 'interface'
          ? [type.empty]
          : [];
  const header = (type.kind === 'map' || type.kind === 'chan') && type.header !== undefined ? type.header : undefined;
  return { kind: type.kind, size: type.size, name, parts, ...(header && { header: runtimeFields(binary, header) }) };
}

/** Where the fields lie by which entries and elements are found, in each of the runtime's structs that a header leads to. */
function runtimeFields(binary: GoBinary, header: TypeRef): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const visit = (ref: TypeRef, path: string): void => {
    const type = binary.type(ref);
    if (type.kind === 'pointer' && type.elem !== undefined) visit(type.elem, path);
    if (type.kind === 'array') found[`${path}[]`] = [type.count, binary.type(type.elem).size];
    if (type.kind === 'array' && path.endsWith('slots')) visit(type.elem, `${path}[]`);
    if (type.kind !== 'struct') return;
    if (/(bucket|buckets|data|slots\[\])$/.test(path)) found[path] = type.size;
    for (const field of type.fields) {
      const at = `${path}.${field.name}`;
      if (leading.has(field.name)) found[at] = field.offset;
      if (inner.has(field.name)) visit(field.type, at);
    }
  };
  visit(header, '');
  return found;
}

const inner = new Set(['buckets', 'dirPtr', 'groups', 'data', 'tophash', 'keys', 'values', 'slots', 'elems']);
const leading = new Set([
  ...['count', 'flags', 'B', 'buckets', 'oldbuckets', 'tophash', 'keys', 'values', 'overflow'],
  ...['used', 'dirPtr', 'dirLen', 'groups', 'data', 'lengthMask', 'ctrl', 'slots', 'key', 'elem', 'elems'],
  ...['qcount', 'dataqsiz', 'buf', 'closed', 'recvx'],
]);

const builds: readonly (Partial<GoFixture> & { readonly flags: readonly string[] })[] = [
  { toolchain: 'go1.17.13', flags: [] },
  { toolchain: 'go1.21.13', flags: ['-buildmode=pie'] },
  { toolchain: 'go1.23.12', flags: [] },
  { toolchain: 'go1.24.9', flags: [] },
  { toolchain: 'go1.24.9', flags: [], env: { GOEXPERIMENT: 'noswissmap' } },
  { toolchain: 'local', flags: [] },
  { toolchain: 'local', flags: ['-buildmode=pie'] },
  { toolchain: 'go1.27.3', flags: [] },
  { toolchain: 'go1.27.3', flags: ['-buildmode=pie'] },
  { toolchain: 'go1.27.3', flags: [], env: { GOEXPERIMENT: 'mapsplitgroup' } },
];

describe.each(builds)('type descriptors, $toolchain $flags $env', (build) => {
  it('say of every type what debug info says, of maps and channels also how they are laid out', async () => {
    const whole = await open(build);
    const stripped = await open({ ...build, flags: [...build.flags, '-ldflags=-s -w'] });
    expect([stripped.hasDebugInfo, stripped.hasSymbolTable]).toEqual([false, false]);
    const byName = new Map(whole.dynamicTypes().map(({ type }) => [whole.type(type).name, type]));
    const types = stripped.dynamicTypes();
    expect(types.length).toBeGreaterThan(200);
    let compared = 0;
    let headers = 0;
    for (const { type, address } of types) {
      const { name } = stripped.type(type);
      const twin = byName.get(name);
      if (twin === undefined) continue;
      compared++;
      const { kind } = stripped.type(type);
      if (kind === 'map' || kind === 'chan') headers++;
      const { name: own, ...told } = shape(stripped, type);
      const { name: known, ...debug } = shape(whole, twin);
      expect(told, name).toEqual(debug);
      if (own !== '' && known !== '') expect(own).toBe(known);
      expect(stripped.descriptorName(address), name).toBeDefined();
    }
    expect(compared).toBeGreaterThan(150);
    expect(headers).toBeGreaterThan(5);
  });
});

test.each(['local', 'go1.27.3', 'go1.21.13'] as const)(
  'named types of each kind have their names: %s',
  async (toolchain) => {
    const main = `package main

import "fmt"

type (
	aMap    map[string]int
	aFunc   func(int) error
	aChan   chan int
	aSlice  []int
	anArray [2]int
	aStruct struct{ A int }
	aNumber int
	anAny   any
)

func main() {
	fmt.Println(aMap{}, aFunc(nil), aChan(nil), aSlice{}, anArray{}, aStruct{}, aNumber(1), []anAny{1})
}
`;
    const source = { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.18\n' };
    const binary = await open({ source, toolchain, flags: ['-ldflags=-s -w'] });
    const names = ['aMap', 'aFunc', 'aChan', 'aSlice', 'anArray', 'aStruct', 'aNumber', 'anAny'];
    const found = names.map((name) => binary.declaredTypes.named(`main.${name}`));
    expect(found.map((ref) => ref && binary.type(ref).kind)).toEqual([
      'map',
      'func',
      'chan',
      'slice',
      'array',
      'struct',
      'int',
      'interface',
    ]);
  },
);

test('a position-independent file of another linker, whose lists of types are in no section of their own', async () => {
  const errors = (binary: GoBinary) => binary.dynamicTypes().filter(({ isError }) => isError).length;
  const source = { 'main.go': 'package main\n\nimport "C"\nimport "fmt"\n\nfunc main() { fmt.Println(1) }\n' };
  const cgo = { source, env: { CGO_ENABLED: '1' } };
  const usual = await open(cgo);
  const foreign = await open({ ...cgo, flags: ['-buildmode=pie', '-ldflags=-linkmode=external'] });
  expect(foreign.dynamicTypes().length).toBe(usual.dynamicTypes().length);
  expect(errors(foreign)).toBe(errors(usual));
  expect(errors(usual)).toBeGreaterThan(5);
});

test('beside debug info: a number that only its descriptor tells of has no names of constants', async () => {
  const binary = await open({});
  const described = binary.declaredTypes.named('syscall.Errno');
  expect(binary.type(described!)).toMatchObject({ name: 'syscall.Errno', kind: 'uint' });
  expect(binary.constants(described!)).toBeUndefined();
});

/** The same sources built in the same folder, with debug info and without: file paths are in both. */
async function twins(
  toolchain: GoToolchain,
  flags: readonly string[],
): Promise<{ whole: ByteSource; stripped: ByteSource }> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-twins-'));
  try {
    cpSync(new URL('testdata/shapes', import.meta.url).pathname, folder, { recursive: true });
    if (!existsSync(join(folder, 'go.mod'))) writeFileSync(join(folder, 'go.mod'), 'module twins\n\ngo 1.17\n');
    const env = { ...(await goEnvironment(toolchain)), CGO_ENABLED: '0' };
    const build = async (name: string, ldflags: readonly string[]) => {
      await goCommand(['build', ...flags, ...ldflags, '-o', name, '.'], env, folder);
      return bytesSource(new Uint8Array(readFileSync(join(folder, name))));
    };
    return { whole: await build('whole', []), stripped: await build('stripped', ['-ldflags=-s -w']) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a debug file', () => {
  it.each([
    ['go1.17.13', []],
    ['local', ['-buildmode=pie']],
    ['go1.27.3', []],
  ] as const)('of the same packages, linked with other flags: %s %j', async (toolchain, flags) => {
    const { whole: source, stripped } = await twins(toolchain, flags);
    const whole = openGoBinary(source, { inflate: nodeInflate, decode });
    const twin = openGoBinary(stripped, { inflate: nodeInflate, decode, debugFile: source });
    const lookup = twin.findFunction('main.many');
    if (lookup.kind !== 'found') throw new Error('main.many');
    const one = twin.signature(lookup.function);
    expect(one.parameters.length).toBeGreaterThan(8);
    expect(one).toEqual(whole.signature(lookup.function));
    // Go notes linker flags in the binary (1.18), so data lies elsewhere; before, all is where it was.
    expect(twin.packageVariable('os', 'Args').kind).toBe(toolchain === 'go1.17.13' ? 'found' : 'no-package');
  });

  test('of another build is refused, with both ids', async () => {
    const [own, other] = [await open({ flags: ['-ldflags=-s -w'] }), await open({ toolchain: 'go1.21.13' })];
    const beside = () => openGoBinary(own.elf.source, { inflate: nodeInflate, decode, debugFile: other.elf.source });
    expect(beside).toThrow(OtherDebugFile);
    expect(beside).toThrow(own.elf.goBuildId);
    expect(beside).toThrow(other.elf.goBuildId);
  });
});
