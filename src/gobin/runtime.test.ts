import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import * as iced from 'iced-x86';
import { describe, expect, test } from 'vitest';
import { bytesSource, openElf } from '#elf';
import { goFixture } from '../../testing/go-fixtures.ts';
import type { GoToolchain } from '../../testing/go-toolchain.ts';
import { openGoBinary } from './open.ts';
import { openPclntab } from './open-pclntab.ts';
import { findAllgs, findTlsG, minorVersion, runtimeOffsets, tlsFunctions } from './runtime.ts';
import { createX86Decoder } from './x86.ts';

/** Every Go program has these functions. */
const source = { 'main.go': 'package main\n\nfunc main() { println(1) }\n' };

async function load(toolchain: GoToolchain, flags: readonly string[] = [], env: Record<string, string> = {}) {
  const path = await goFixture({ source, toolchain, flags, env });
  const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => inflateSync(bytes) });
  return { elf, tab: openPclntab(elf)! };
}

describe('struct offsets', () => {
  test('come from debug info where it has them', () => {
    const fields: Record<string, number> = {
      'runtime.g.goid': 1,
      'runtime.g.m': 2,
      'runtime.m.curg': 3,
      'runtime.g._panic': 4,
      'runtime.g.sigcode0': 5,
      'runtime.g.gopc': 8,
      'runtime._panic.sp': 6,
    };
    const lookupField = (struct: string, field: string): number | undefined => fields[`${struct}.${field}`];
    // Up to Go 1.21: no startSP.
    expect(runtimeOffsets({ lookupField, goVersion: 'go1.26' })).toEqual({
      gGoid: 1,
      gM: 2,
      mCurg: 3,
      gSigcode0: 5,
      gGopc: 8,
      gLabels: 352,
      gSched: 56,
      gStatus: 144,
      gSyscallSp: 104,
      gSyscallPc: 112,
    });
    fields['runtime._panic.startSP'] = 7;
    expect(runtimeOffsets({ lookupField, tlsG: -8 })).toEqual({
      gGoid: 1,
      gM: 2,
      mCurg: 3,
      gPanic: 4,
      panicSp: 6,
      gGopc: 8,
      tlsG: -8,
    });
  });

  test('else from the table, but only for versions that were looked at', () => {
    expect(runtimeOffsets({ goVersion: 'go1.17.13' })).toEqual({
      gGoid: 152,
      gM: 48,
      mCurg: 192,
      gSigcode0: 272,
      gDefer: 40,
      deferSp: 8,
      deferStarted: 4,
      deferLink: 40,
      gGopc: 296,
      gLabels: 360,
      gSched: 56,
      gStatus: 144,
      gSyscallSp: 112,
      gSyscallPc: 120,
    });
    expect(runtimeOffsets({ goVersion: 'go1.23.1' })).toMatchObject({ gGoid: 160, panicSp: 48 });
    expect(runtimeOffsets({ goVersion: 'go1.26.8 X:nodwarf5' })).toEqual({
      gGoid: 152,
      gM: 48,
      mCurg: 184,
      gPanic: 32,
      panicSp: 40,
      gParentGoid: 280,
      gGopc: 288,
      gLabels: 352,
      gSched: 56,
      gStatus: 144,
      gSyscallSp: 104,
      gSyscallPc: 112,
    });
    expect(runtimeOffsets({ goVersion: 'go1.27.3' })).toMatchObject({ gGoid: 152, panicSp: 48 });
    expect(runtimeOffsets({ goVersion: 'go1.28rc1' })).toEqual({});
    expect(runtimeOffsets({ goVersion: 'devel +abc' })).toEqual({});
    expect(runtimeOffsets({ goVersion: 'go1.16.3' })).toEqual({});
    expect(runtimeOffsets({})).toEqual({});
  });

  test.each(['go1.17.13', 'go1.18.10', 'go1.21.13', 'go1.23.12', 'local', 'go1.27.3'] as const)(
    'the table says what debug info says: %s',
    async (toolchain) => {
      const path = await goFixture({ source, toolchain });
      const binary = openGoBinary(bytesSource(readFileSync(path)), {
        inflate: { zlib: (bytes) => inflateSync(bytes) },
        decode: createX86Decoder(iced),
      });
      expect(binary.hasDebugInfo).toBe(true);
      const { tlsG: _, ...fromDebugInfo } = binary.runtime;
      expect(fromDebugInfo).toEqual(runtimeOffsets({ goVersion: binary.goVersion }));
      const code = binary.functionNamed('runtime.allgadd')!;
      const bytes = binary.elf.read(code.entry, code.end - code.entry);
      expect(findAllgs(bytes, code.entry)).toBe(binary.symbol('runtime.allgs'));
    },
    120_000,
  );

  test('versions', () => {
    expect(['go1.26.8', 'go1.27rc1', 'go1.9', 'go1', 'go2.1', 'devel go1.27-x', undefined].map(minorVersion)).toEqual([
      26,
      27,
      9,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('thread-local g', () => {
  const find = async (...args: Parameters<typeof load>): Promise<(number | undefined)[]> => {
    const { elf, tab } = await load(...args);
    return tlsFunctions
      .flatMap((name) => tab.findByName(name))
      .map((index) => findTlsG(elf.read(tab.entry(index), tab.end(index) - tab.entry(index))));
  };

  test.each(['go1.17.13', 'go1.18.10', 'go1.21.13', 'local'] as const)(
    '%s',
    async (toolchain) => {
      const found = await find(toolchain);
      expect(found.filter((offset) => offset === -8).length).toBeGreaterThan(1);
      expect(found.every((offset) => offset === undefined || offset === -8)).toBe(true);
    },
    120_000,
  );

  test('by another linker, position-independent', async () => {
    const found = await find('local', ['-buildmode=pie', '-ldflags=-linkmode=external'], { CGO_ENABLED: '1' });
    expect(found).toContain(-8);
  }, 120_000);

  test('forms', () => {
    expect(findTlsG(Uint8Array.of(0x90, 0x64, 0x4c, 0x8b, 0x34, 0x25, 0xb8, 0xe0, 0xff, 0xff))).toBe(-0x1f48);
    expect(findTlsG(Uint8Array.of(0x48, 0xc7, 0xc1, 0xf0, 0xff, 0xff, 0xff, 0x64, 0x4c, 0x8b, 0x31))).toBe(-16);
    // Another register was set, or it is loaded from the GOT: not known from the file.
    expect(findTlsG(Uint8Array.of(0x48, 0xc7, 0xc2, 0xf0, 0xff, 0xff, 0xff, 0x64, 0x4c, 0x8b, 0x31))).toBeUndefined();
    expect(findTlsG(Uint8Array.of(0x4c, 0x8b, 0x35, 0, 0, 0, 0, 0x64, 0x4d, 0x8b, 0x36))).toBeUndefined();
    expect(findTlsG(Uint8Array.of(0x64, 0x4c, 0x8b, 0x34, 0x25, 0xb8))).toBeUndefined();
  });
});
