import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { address, SondeError } from '#base';
import { nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import type { GoToolchain } from '../../testing/go-toolchain.ts';
import {
  bytesSource,
  type Elf,
  findInflatePoints,
  MalformedElf,
  NotElf,
  openElf,
  packing,
  UnsupportedElf,
} from './index.ts';

const shapes = 'src/gobin/testdata/shapes';

async function build(toolchain: GoToolchain, flags: string[] = [], env: Record<string, string> = {}) {
  const path = await goFixture({ source: shapes, toolchain, flags, env });
  const bytes = new Uint8Array(readFileSync(path));
  return { path, bytes, elf: openElf(bytesSource(bytes), nodeInflate) };
}

let newest: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  newest = await build('local');
}, 300_000);

function readelf(path: string, ...flags: string[]): string {
  return execFileSync('readelf', [...flags, '-W', path], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' });
}

test('sections are those that readelf shows', () => {
  const shown = [
    ...readelf(newest.path, '-S').matchAll(/\[ *\d+\] (\.\S+) +\S+ +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)/g),
  ];
  expect(shown.length).toBeGreaterThan(15);
  for (const [, name, at, offset, size] of shown) {
    expect(newest.elf.header(name!)).toMatchObject({
      name,
      address: Number.parseInt(at!, 16),
      offset: Number.parseInt(offset!, 16),
      size: Number.parseInt(size!, 16),
    });
  }
});

test('build ids are those that readelf and go show', () => {
  expect(readelf(newest.path, '-n')).toContain(newest.elf.gnuBuildId!);
  expect(execFileSync('go', ['tool', 'buildid', newest.path], { encoding: 'utf8' }).trim()).toBe(newest.elf.goBuildId);
});

test('symbols are those of go tool nm', () => {
  const table = newest.elf.symbols()!;
  const lines = execFileSync('go', ['tool', 'nm', '-size', newest.path], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const shown = [...lines.matchAll(/^ *([0-9a-f]+) +(\d+) [Tt] (.+)$/gm)];
  expect(shown.length).toBeGreaterThan(3000);
  const found = new Map([...table].map((symbol) => [symbol.name, symbol]));
  for (const [, at, size, name] of shown) {
    expect(found.get(name!), name).toMatchObject({ address: Number.parseInt(at!, 16), size: Number(size) });
  }
  expect(table.find('main.computeE')).toEqual(found.get('main.computeE'));
  expect(table.find('main.comput')).toBeUndefined();
  expect(table.find('ain.computeE')).toBeUndefined();
});

test('address and file offset', () => {
  const { elf, bytes } = newest;
  const symbol = elf.symbols()!.find('main.computeE')!;
  const offset = elf.fileOffset(symbol.address)!;
  expect(elf.address(offset)).toBe(symbol.address);
  expect(elf.read(symbol.address, symbol.size)).toEqual(bytes.subarray(offset, offset + symbol.size));
  expect(elf.fileOffset(address(1))).toBeUndefined();
  expect(() => elf.read(address(1), 4)).toThrow(SondeError);
  expect(elf.view(symbol.address, symbol.size)).toEqual(bytes.subarray(offset, offset + symbol.size));
  expect(elf.view(address(1), 4)).toBeUndefined();
  // .bss has addresses, but no bytes in the file.
  const bss = elf.header('.noptrbss')!;
  expect(elf.fileOffset(address(bss.address + bss.size - 1))).toBeUndefined();
});

describe('compressed sections', () => {
  // Up to Go 1.18 the linker wrote .zdebug_* sections.
  test.each(['local', 'go1.18.10'] as const)(
    'of %s hold what objcopy makes of them',
    async (toolchain) => {
      const { elf, path } = await build(toolchain);
      const folder = mkdtempSync(join(tmpdir(), 'sonde-elf-'));
      try {
        execFileSync('objcopy', ['--decompress-debug-sections', path, join(folder, 'plain')]);
        const plain = openElf(bytesSource(new Uint8Array(readFileSync(join(folder, 'plain')))), nodeInflate);
        expect(elf.sections.some(({ name }) => name === (toolchain === 'local' ? '.debug_info' : '.zdebug_info'))).toBe(
          true,
        );
        for (const name of ['.debug_info', '.debug_abbrev', '.debug_line']) {
          expect(elf.header(name)!.size).toBeLessThan(plain.header(name)!.size);
          expect(Buffer.compare(elf.section(name)!, plain.section(name)!), name).toBe(0);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    300_000,
  );

  test('a section read part by part is the whole section', () => {
    const { elf, bytes } = newest;
    const whole = elf.section('.debug_info')!;
    const packed = packing(elf.source, elf.header('.debug_info')!);
    const points = findInflatePoints(bytes.subarray(packed.offset, packed.offset + packed.packedSize), whole, 60_000);
    expect(points.outputs.length).toBeGreaterThan(8);
    // Blocks begin inside bytes: all eight places are there to be tried.
    expect(new Set(Array.from(points.bits, (bit) => bit % 8)).size).toBeGreaterThan(5);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length), fc.nat(5000)), { minLength: 1, maxLength: 5 }), (reads) => {
        const window = openElf(bytesSource(bytes), nodeInflate).window('.debug_info', points)!;
        for (const [start, length] of reads) {
          window.need(start, start + length);
          expect(
            Buffer.compare(window.bytes.subarray(start, start + length), whole.subarray(start, start + length)),
          ).toBe(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('an uncompressed section is read part by part', () => {
    let read = 0;
    const source = {
      size: newest.bytes.length,
      read: (at: number, n: number) => {
        read += n;
        return newest.bytes.subarray(at, at + n);
      },
    };
    const elf = openElf(source, nodeInflate);
    const header = elf.header('.gopclntab')!;
    const window = elf.window('.gopclntab')!;
    read = 0;
    window.need(header.size - 10, header.size + 100);
    expect(read).toBeLessThanOrEqual(65_536);
    expect(window.bytes.at(-1)).toBe(newest.bytes[header.offset + header.size - 1]);
  });
});

test('position-independent files say so', async () => {
  const { elf, path } = await build('local', ['-buildmode=pie']);
  expect([newest.elf.pie, elf.pie]).toEqual([false, true]);
  expect(readelf(path, '-h')).toContain(`0x${elf.entry.toString(16)}`);
}, 300_000);

test('arm64', async () => {
  const { elf } = await build('local', [], { GOARCH: 'arm64' });
  expect(elf.machine).toBe('arm64');
}, 300_000);

describe('what is refused', () => {
  const changed = (offset: number, value: number) => {
    const bytes = newest.bytes.slice(0, 4096);
    bytes[offset] = value;
    return () => openElf(bytesSource(bytes), nodeInflate);
  };

  test('what is not ELF', () => {
    expect(() => openElf(bytesSource(new Uint8Array(0)), nodeInflate)).toThrow(NotElf);
    expect(() => openElf(bytesSource(Buffer.from('#!/bin/sh\n')), nodeInflate)).toThrow(NotElf);
  });

  test.each([
    ['32 bits', 4, 1],
    ['big-endian', 5, 2],
    ['another machine', 18, 8],
    ['an object file', 16, 1],
  ])('%s', (_, offset, value) => {
    expect(changed(offset, value)).toThrow(UnsupportedElf);
  });

  test('a section that unpacks to more than it says', () => {
    const bytes = newest.bytes.slice();
    const { offset } = newest.elf.header('.debug_info')!;
    // ch_size, behind ch_type and ch_reserved.
    new DataView(bytes.buffer).setUint32(offset + 8, 1000, true);
    expect(() => openElf(bytesSource(bytes), nodeInflate).section('.debug_info')).toThrow(MalformedElf);
  });

  test('damaged files give errors of ours or work', () => {
    const { bytes } = newest;
    const exercise = (elf: Elf) => {
      elf.notes();
      elf.symbols()?.find('main.main');
      for (const name of ['.debug_abbrev', '.gopclntab', '.shstrtab']) elf.section(name);
    };
    const head = bytes.slice(0, 8192);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 6 }), fc.nat(8192), (edits, cut) => {
        const damaged = head.slice(0, cut > 8000 ? 8192 : Math.max(cut, 64));
        for (const [at, value] of edits) if (at < damaged.length) damaged[at] = value;
        // The rest of the file is there, so that most headers still lead somewhere.
        const source = {
          size: bytes.length,
          read: (at: number, n: number) => {
            const part = bytes.slice(at, at + Math.min(n, 1 << 24));
            if (at < damaged.length) part.set(damaged.subarray(at, at + part.length));
            return part;
          },
        };
        try {
          exercise(openElf(source, nodeInflate));
        } catch (error) {
          if (!(error instanceof SondeError)) throw error;
        }
      }),
      { numRuns: 60 },
    );
  });
});
