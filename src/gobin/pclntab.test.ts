import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Address, address, SondeError } from '#base';
import { bytesSource, type Elf, openElf } from '#elf';
import { type GoFixture, goFixture } from '../../testing/go-fixtures.ts';
import { readBuildInfo } from './buildinfo.ts';
import { openPclntab } from './open-pclntab.ts';
import { Pclntab } from './pclntab.ts';

const demo = 'examples/simple-gotracing';

async function load(fixture: GoFixture): Promise<{ path: string; elf: Elf; tab: Pclntab }> {
  const path = await goFixture(fixture);
  const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => inflateSync(bytes) });
  return { path, elf, tab: openPclntab(elf) ?? expect.fail('no pclntab') };
}

/** Function symbols by address. In the symbol table a name has type arguments and ABI marks, and `.` for `·`. */
function symbols(elf: Elf): Map<number, string> {
  const found = new Map<number, string>();
  for (const symbol of elf.symbols()!) {
    if (symbol.type === 2 && symbol.size > 0) found.set(symbol.address, symbol.name.replace(/\.abi(0|internal)$/, ''));
  }
  return found;
}

const plain = (name: string): string => name.replace(/\[.*\]/, '[...]').replaceAll('·', '.');

describe('against the symbol table', () => {
  test.each([
    ['go1.17.13', {}],
    ['go1.18.10', {}],
    ['go1.21.13', {}],
    ['local', {}],
    ['local', { GOARCH: 'arm64' }],
  ] as const)('%s %j', { timeout: 300_000 }, async (toolchain, env) => {
    const { elf, tab } = await load({ source: demo, toolchain, env });
    const bySymbol = symbols(elf);
    let same = 0;
    for (let index = 0; index < tab.count; index++) {
      const symbol = bySymbol.get(tab.entry(index));
      if (symbol === undefined) continue;
      expect(plain(tab.name(index))).toBe(plain(symbol));
      same++;
    }
    // A few addresses have several symbols, marks of the linker none.
    expect(same).toBeGreaterThan(0.99 * tab.count);
    expect(tab.entry(0)).toBe(elf.symbols()!.find('runtime.text')!.address);
    expect(tab.end(tab.count - 1)).toBeLessThanOrEqual(elf.symbols()!.find('runtime.etext')!.address + 64);
  });
});

describe('stripped', () => {
  test.each([
    ['go1.18.10', ['-ldflags=-s -w']],
    ['go1.21.13', ['-buildmode=pie', '-ldflags=-s -w']],
    ['local', ['-ldflags=-s -w']],
    ['local', ['-buildmode=pie', '-ldflags=-s -w']],
  ] as const)('the same functions as with symbols: %s %j', { timeout: 300_000 }, async (toolchain, flags) => {
    const whole = await load({
      source: demo,
      toolchain,
      flags: flags.filter((flag) => flag !== '-ldflags=-s -w'),
    });
    const stripped = await load({ source: demo, toolchain, flags: [...flags] });
    expect(stripped.elf.symbols()).toBeUndefined();
    expect(stripped.tab.count).toBe(whole.tab.count);
    const start = whole.tab.entry(0);
    const startStripped = stripped.tab.entry(0);
    for (let index = 0; index < whole.tab.count; index += 7) {
      expect(stripped.tab.name(index)).toBe(whole.tab.name(index));
      expect(stripped.tab.entry(index) - startStripped).toBe(whole.tab.entry(index) - start);
    }
    expect(startStripped).toBe(stripped.elf.entry - (whole.elf.entry - start));
  });

  test('of a statically linked position-independent file: among other data', { timeout: 300_000 }, async () => {
    const flags = ['-buildmode=pie', '-tags=netgo,osusergo'];
    const linked = (more: string) => `-ldflags=${more}-linkmode=external -extldflags=-static-pie`;
    const cgo = { source: demo, toolchain: 'go1.21.13', env: { CGO_ENABLED: '1' } } as const;
    const { elf, tab } = await load({ ...cgo, flags: [...flags, linked('')] });
    expect(elf.sections.some(({ name }) => name.endsWith('gopclntab'))).toBe(false);
    const [index] = tab.findByName('main.computeE');
    expect(tab.entry(index!)).toBe(elf.symbols()!.find('main.computeE')!.address);
    const stripped = await load({ ...cgo, flags: [...flags, linked('-s -w ')] });
    expect(stripped.elf.symbols()).toBeUndefined();
    expect(stripped.tab.count).toBe(tab.count);
  });

  test('by another linker, position-independent: the text start waits for a relocation', {
    timeout: 300_000,
  }, async () => {
    const fixture: GoFixture = {
      source: { 'main.go': 'package main\n\nimport "C"\n\nfunc main() { println(1) }\n' },
      env: { CGO_ENABLED: '1' },
      flags: ['-buildmode=pie', '-ldflags=-linkmode=external'],
    };
    const { elf, tab } = await load(fixture);
    expect(tab.entry(0)).toBe(elf.symbols()!.find('runtime.text')!.address);
    const hidden = openPclntab({ ...elf, symbols: () => undefined })!;
    expect(hidden.entry(0)).toBe(tab.entry(0));
    // The C start-up code is in front: .text would have been wrong.
    expect(tab.entry(0)).toBeGreaterThan(elf.header('.text')!.address);
  });
});

describe('lookups', () => {
  test('by name and by address, with lines', async () => {
    const { path, tab } = await load({ source: demo });
    const [index, ...others] = tab.findByName('main.computeE');
    expect(others).toEqual([]);
    const fn = tab.function(index!);
    expect(fn).toMatchObject({ name: 'main.computeE', assembly: false });
    expect(tab.findByPc(fn.entry)).toBe(index);
    expect(tab.findByPc(address(fn.end - 1))).toBe(index);
    expect(tab.findByPc(fn.end)).toBe(index! + 1);
    expect(tab.findByPc(address(tab.entry(0) - 1))).toBe(-1);
    expect(tab.findByPc(tab.end(tab.count - 1))).toBe(-1);
    expect(tab.findByName('main.computeF')).toEqual([]);
    const all = Array.from({ length: tab.count }, (_, i) => i);
    for (const suffix of ['-fm', '.computeE', 'main.computeE']) {
      expect(tab.namesEndingIn(suffix)).toEqual(all.filter((i) => tab.name(i).endsWith(suffix)));
      expect(tab.namesEndingIn(suffix).length).toBeGreaterThan(0);
    }
    // What Go says of some addresses.
    const pcs = [50, 100, 2000, 4000, 4500].flatMap((i) => [tab.entry(i), address(tab.entry(i) + 12)]).concat(fn.entry);
    const lines = await addr2line(path, pcs);
    expect(pcs.map((pc) => tab.lineAt(pc))).toEqual(lines);
    expect(tab.entryLine(index!)).toEqual(lines.at(-1));
  });

  test('assembly and wrappers: the body comes before the wrapper of its name', async () => {
    for (const toolchain of ['go1.17.13', 'go1.18.10', 'local'] as const) {
      const { tab } = await load({ source: demo, toolchain });
      const names = new Map<string, number>();
      let twice = 0;
      for (let index = 0; index < tab.count; index++) {
        const name = tab.name(index);
        if (names.has(name) && tab.wrapper(index) !== tab.wrapper(names.get(name)!)) {
          twice++;
          const found = tab.findByName(name);
          expect(tab.wrapper(found[0]!)).toBe(false);
          expect(tab.wrapper(found[1]!)).toBe(true);
        }
        names.set(name, index);
      }
      expect(twice).toBeGreaterThan(20);
      const [asm] = tab.findByName('runtime.memmove');
      expect(tab.assembly(asm!)).toBe(true);
      expect(tab.entryLine(asm!)!.file).toMatch(/memmove_amd64\.s$/);
      expect(tab.topFrame(tab.findByName('runtime.goexit')[0]!)).toBe(true);
    }
  });
});

/** File and line of addresses by `go tool addr2line`. */
async function addr2line(
  path: string,
  pcs: readonly Address[],
): Promise<({ file: string; line: number } | undefined)[]> {
  const child = promisify(execFile)('go', ['tool', 'addr2line', path]);
  child.child.stdin!.end(pcs.map((pc) => `0x${pc.toString(16)}\n`).join(''));
  const { stdout } = await child;
  return stdout
    .trim()
    .split('\n')
    .filter((_, i) => i % 2 === 1)
    .map((text) => {
      const at = text.lastIndexOf(':');
      return text.startsWith('?') ? undefined : { file: text.slice(0, at), line: Number(text.slice(at + 1)) };
    });
}

test('broken tables give typed errors', async () => {
  const { elf } = await load({ source: { 'main.go': 'package main\n\nfunc main() {}\n' } });
  const good = Uint8Array.from(elf.section('.gopclntab')!);
  expect(() => new Pclntab(good.subarray(0, 71), address(0))).toThrow(SondeError);
  for (const at of [8, 32, 40, 48, 56, 64]) {
    const bad = good.slice();
    bad.fill(0xff, at, at + 8);
    expect(() => new Pclntab(bad, address(0))).toThrow(SondeError);
  }
  expect(() => new Pclntab(good.subarray(0, 4096), address(0))).toThrow(SondeError);
});

describe('build info', () => {
  test.each(['go1.17.13', 'go1.18.10', 'local'] as const)('%s', async (toolchain) => {
    const { path, elf } = await load({ source: demo, toolchain });
    const info = readBuildInfo(elf)!;
    const { stdout } = await promisify(execFile)('go', ['version', '-m', path]);
    expect(stdout.split('\n')[0]).toMatch(new RegExp(`: ${info.goVersion.replaceAll('.', '\\.')}$`));
    expect(info).toMatchObject({ module: 'gotracing', path: 'gotracing' });
    const settings = [...stdout.matchAll(/^\tbuild\t([^=]+)=(.*)$/gm)].map(([, key, value]) => [key, value]);
    expect([...info.settings]).toEqual(settings);
    if (toolchain !== 'go1.17.13') expect(info.settings.get('GOARCH')).toBe('amd64');
  });

  test('none in a file without its section', () => {
    const sections = { section: () => undefined, read: () => new Uint8Array() };
    expect(readBuildInfo(sections)).toBeUndefined();
    expect(readBuildInfo({ ...sections, section: () => Uint8Array.of(0xff, 0x20, 0x47) })).toBeUndefined();
  });
});
