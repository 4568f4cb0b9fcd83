import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inflateSync } from 'node:zlib';
import * as iced from 'iced-x86';
import { describe, expect, test } from 'vitest';
import { type Address, address, fileOffset } from '#base';
import { bytesSource, type Elf, openElf } from '#elf';
import {
  createX86Decoder,
  createX86Formatter,
  type DecodedCode,
  decodeArm64,
  flow,
  openPclntab,
  type Pclntab,
  type Place,
} from '#gobin';
import { type GoFixture, goFixture } from '../../../testing/go-fixtures.ts';
import type { ProbeSites, Resolution } from '../types.ts';
import {
  allIntact,
  chooseRuntimeSites,
  chooseSites,
  type Intact,
  intactFor,
  runtimeProbes,
  type SiteContext,
  type SiteWants,
} from './index.ts';

const demo = 'examples/simple-gotracing';

/** Functions of every awkward form, in Go and in assembly. */
const forms: GoFixture['source'] = {
  'main.go': `package main

import "os"

//go:noinline
func spin(p *int) {
	for *p == 0 {
	}
}

type inner struct{ n int }

//go:noinline
func (b *inner) Get() int { return b.n }

type outer struct{ *inner }
type getter interface{ Get() int }

//go:noinline
func huge(n int) int {
	var block [9000]byte
	for i := range block {
		block[i] = byte(n * i)
	}
	return int(block[n]) + use(&block)
}

//go:noinline
func use(p *[9000]byte) int { return int(p[7]) }

//go:noinline
func empty() {}

//go:noinline
func kind(n int) int {
	switch n {
	case 0:
		return 17
	case 1:
		return 5
	case 2:
		return 81
	case 3:
		return 3
	case 4:
		return 99
	case 5:
		return 1
	case 6:
		return 54
	case 7:
		return 7
	case 8:
		return 1000
	}
	return n
}

//go:noinline
func never(n int) {
	panic(n)
}

//go:noinline
func count(p *int) { *p++ }

func conditionalTail()
func computedJump()

func main() {
	zero := 1
	spin(&zero)
	var g getter = outer{&inner{3}}
	if len(os.Args) > 4 {
		g = &outer{&inner{4}}
		conditionalTail()
		computedJump()
	}
	empty()
	count(&zero)
	defer func() { recover() }()
	println(huge(len(os.Args)), g.Get(), kind(len(os.Args)))
	never(len(os.Args))
}
`,
  'a_amd64.s': `#include "textflag.h"

TEXT ·conditionalTail(SB), NOSPLIT, $0-0
	CMPQ AX, $3
	BYTE $0x0f; BYTE $0x85; LONG $0x1000
	RET

TEXT ·computedJump(SB), NOSPLIT, $0-0
	JMP AX
`,
  'a_arm64.s': `#include "textflag.h"

TEXT ·conditionalTail(SB), NOSPLIT, $0-0
	RET

TEXT ·computedJump(SB), NOSPLIT, $0-0
	RET
`,
};

interface Loaded {
  readonly elf: Elf;
  readonly tab: Pclntab;
  readonly context: SiteContext;
  code(index: number): DecodedCode;
  choose(index: number, wants: SiteWants): Resolution<ProbeSites>;
  find(name: string): number;
}

async function load(fixture: GoFixture): Promise<Loaded & { readonly path: string }> {
  const path = await goFixture(fixture);
  const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => inflateSync(bytes) });
  const tab = openPclntab(elf)!;
  const architecture = elf.machine === 'arm64' ? 'arm64' : 'amd64';
  const decode = architecture === 'arm64' ? decodeArm64 : createX86Decoder(iced);
  const morestack = new Set(
    ['runtime.morestack', 'runtime.morestack_noctxt', 'runtime.morestackc'].flatMap((name) =>
      tab.findByName(name).map((index) => tab.entry(index)),
    ),
  );
  const context: SiteContext = {
    architecture,
    isMorestack: (at) => morestack.has(at),
    fileOffset: (at) => elf.fileOffset(at),
    format: architecture === 'arm64' ? () => '' : createX86Formatter(iced),
    read: (at, size) => (elf.fileOffset(at) === undefined ? undefined : elf.read(at, size)),
  };
  const code = (index: number): DecodedCode =>
    decode(elf.read(tab.entry(index), tab.end(index) - tab.entry(index)), tab.entry(index));
  return {
    path,
    elf,
    tab,
    context,
    code,
    choose: (index, wants) => chooseSites(tab.function(index), code(index), context, wants),
    find: (name) => tab.findByName(name)[0] ?? expect.fail(`no function ${name}`),
  };
}

function sites(result: Resolution<ProbeSites>): ProbeSites {
  if (!result.ok) expect.fail(JSON.stringify(result.diagnostics));
  return result.value;
}

/** Chooses for every function of a program, checks what must hold of every site, and counts. */
function survey(loaded: Loaded): Map<string, number> {
  const { tab, elf } = loaded;
  const counts = new Map<string, number>();
  const add = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
  /** All that any code of the program jumps to or calls, but for jumps from a stack check's block to the entry. */
  const targets = new Set<number>();
  const chosen: { name: string; entry: Address; site: Address }[] = [];
  for (let index = 0; index < tab.count; index++) {
    const fn = tab.function(index);
    if (fn.end <= fn.entry) continue;
    const code = loaded.code(index);
    for (let i = 0; i < code.count; i++) {
      if (!Number.isNaN(code.targets[i])) targets.add(fn.entry + code.targets[i]!);
    }
    const kind = fn.assembly ? 'assembly' : 'go';
    for (const wants of [
      { entry: true, returns: false },
      // With nothing wanted, the site may lie furthest from the entry.
      { entry: true, returns: false, intact: { registers: 0, floats: 0, memory: false } },
      { entry: false, returns: true },
    ]) {
      const result = chooseSites(fn, code, loaded.context, wants);
      const loose = 'intact' in wants ? 'loose ' : '';
      if (!result.ok) {
        for (const diagnostic of result.diagnostics) add(`${loose}${kind} ${diagnostic.id}`);
        continue;
      }
      const { entry, returns } = result.value;
      for (const site of [...(entry ? [entry] : []), ...returns]) {
        expect(site.class).not.toBe('refused');
        expect(site.address >= fn.entry && site.address < fn.end).toBe(true);
        expect(Uint8Array.from(elf.read(site.address, site.bytes.length))).toEqual(site.bytes);
        expect(elf.fileOffset(site.address)).toBe(site.offset);
        expect(isLongNop(site.bytes)).toBe(false);
      }
      if (entry) {
        add(`${loose}${kind} entry ${entry.class}${entry.notTaken ? ' at the check' : ''}`);
        if (!fn.assembly) chosen.push({ name: fn.name, entry: fn.entry, site: entry.address });
      }
      for (const site of returns) add(`${kind} ${site.role} ${site.class}`);
    }
  }
  for (const { name, entry, site } of chosen) {
    for (let at: number = entry + 1; at <= site; at++) {
      expect(targets.has(at), `something jumps to ${name}+${at - entry}, site at +${site - entry}`).toBe(false);
    }
  }
  return counts;
}

/** nops of more than one byte: newer kernels rewrite probed ones. */
function isLongNop(bytes: Uint8Array): boolean {
  const start = bytes.findIndex((byte) => byte !== 0x66 && byte !== 0x2e);
  return bytes.length > 1 && bytes[start] === 0x0f && bytes[start + 1] === 0x1f;
}

describe('whole programs', () => {
  test.each([
    ['go1.18.10', []],
    ['go1.21.13', []],
    ['local', []],
    ['local', ['-gcflags=all=-N -l']],
    ['local', ['-buildmode=pie', '-ldflags=-s -w']],
  ] as const)('%s %j', { timeout: 300_000 }, async (toolchain, flags) => {
    const loaded = await load({ source: demo, toolchain, flags: [...flags] });
    const counts = survey(loaded);
    const of = (key: string): number => counts.get(key) ?? 0;
    // FACTS: four in five functions have a stack check.
    expect(of('go entry emulated at the check')).toBeGreaterThan(0.6 * loaded.tab.count);
    // Only bodies like `lock and; ret`, loop heads and two empty marks of the linker have no entry site.
    expect(of('go probe.no-entry-site')).toBeLessThan(10);
    expect(of('go probe.loop-head')).toBeLessThan(3);
    expect(of('go probe.no-return-site')).toBe(0);
    expect(of('go probe.undecodable')).toBe(0);
    expect(of('go return stepped')).toBeGreaterThan(loaded.tab.count);
    expect(of('go tail emulated')).toBeGreaterThan(5);
  });

  test('arm64: checks by b.ls, simulated returns', { timeout: 300_000 }, async () => {
    const loaded = await load({ source: demo, env: { GOARCH: 'arm64' } });
    const counts = survey(loaded);
    expect(counts.get('go entry emulated at the check')).toBeGreaterThan(0.7 * loaded.tab.count);
    expect(counts.get('go return emulated')).toBeGreaterThan(loaded.tab.count);
    const { entry } = sites(loaded.choose(loaded.find('net/http.(*Server).Serve'), { entry: true, returns: false }));
    expect(entry!.notTaken).toEqual({
      flagsMask: (1 << 29) | (1 << 30),
      takenWhenAnySet: true,
      flagsInverted: 1 << 29,
    });
  });

  test('instruction boundaries are those of go tool objdump', { timeout: 60_000 }, async () => {
    for (const env of [{}, { GOARCH: 'arm64' }]) {
      const loaded = await load({ source: forms, env });
      const { stdout } = await promisify(execFile)(
        'go',
        ['tool', 'objdump', '-s', '^(main|strconv|fmt)\\.', loaded.path],
        {
          maxBuffer: 1 << 28,
        },
      );
      let compared = 0;
      const known = new Set([...stdout.matchAll(/^ {2}\S+\t+(0x[0-9a-f]+)\t/gm)].map(([, at]) => Number(at)));
      for (let index = 0; index < loaded.tab.count; index++) {
        if (!known.has(loaded.tab.entry(index))) continue;
        const code = loaded.code(index);
        for (let i = 0; i < code.count; i++) {
          // Padding between functions is not listed.
          if (code.flow[i] === flow.other) continue;
          expect(known.has(code.entry + code.offsets[i]!), `${loaded.tab.name(index)}+${code.offsets[i]}`).toBe(true);
          compared++;
        }
      }
      expect(compared).toBeGreaterThan(200);
    }
  });
});

describe('one function', () => {
  test("the demo's computeE is probed at its jmp, where the argument is still in RAX", async () => {
    const loaded = await load({ source: demo });
    const index = loaded.find('main.computeE');
    const rax = { registers: 1, floats: 0, memory: false };
    const { entry, returns, warnings } = sites(loaded.choose(index, { entry: true, returns: true, intact: rax }));
    const code = loaded.code(index);
    const jump = loaded.tab.entry(index) + code.offsets[code.flow.indexOf(flow.jump)]!;
    expect(entry).toMatchObject({ class: 'emulated', role: 'entry', address: jump });
    expect(jump).toBeGreaterThan(loaded.tab.entry(index));
    expect(entry!.text).toMatch(/^jmp/);
    expect(returns).toMatchObject([{ class: 'stepped', role: 'return', text: 'ret' }]);
    expect(warnings).toEqual([]);
    // When every register that could hold an argument must be in place, only the first instruction is left.
    const all = sites(loaded.choose(index, { entry: true, returns: false }));
    expect(all.entry).toMatchObject({ class: 'stepped', address: loaded.tab.entry(index) });
    expect(all.warnings).toEqual([expect.stringContaining('two traps')]);
  });

  test('a function that begins with its loop has returns, but no entry', async () => {
    const loaded = await load({ source: forms });
    const index = loaded.find('main.spin');
    expect(loaded.choose(index, { entry: true, returns: true })).toMatchObject({
      ok: false,
      diagnostics: [{ id: 'probe.loop-head', message: expect.stringContaining('loop head') }],
    });
    expect(sites(loaded.choose(index, { entry: false, returns: true })).returns).toHaveLength(1);
  });

  test('a wrapper of an embedded method leaves by a tail jump', async () => {
    const loaded = await load({ source: forms });
    const { returns } = sites(loaded.choose(loaded.find('main.(*outer).Get'), { entry: true, returns: true }));
    expect(returns).toContainEqual(expect.objectContaining({ role: 'tail', class: 'emulated' }));
  });

  test('a huge frame has two checks; the site is the last', async () => {
    for (const toolchain of ['go1.18.10', 'local'] as const) {
      const loaded = await load({ source: { ...(forms as object), 'go.mod': 'module forms\n\ngo 1.18\n' }, toolchain });
      const index = loaded.find('main.huge');
      const code = loaded.code(index);
      const { entry } = sites(loaded.choose(index, { entry: true, returns: false }));
      const at = entry!.address - code.entry;
      const before = [...code.flow].filter((kind, i) => kind === flow.conditional && code.offsets[i]! < at);
      expect(entry!.notTaken).toEqual({ flagsMask: 0x41, takenWhenAnySet: true });
      expect(before).toHaveLength(1);
    }
  });

  test('switch tables close nothing', async () => {
    const loaded = await load({ source: forms });
    const index = loaded.find('main.kind');
    expect([...loaded.code(index).flow]).toContain(flow.indirectJump);
    const { entry, returns } = sites(loaded.choose(index, { entry: true, returns: true }));
    expect(entry).toMatchObject({ class: 'emulated' });
    expect(returns.every((site) => site.role === 'return')).toBe(true);
    // Without a look at the table, only the first instruction is sure not to be jumped to.
    const { read: _, ...blind } = loaded.context;
    const careful = sites(
      chooseSites(loaded.tab.function(index), loaded.code(index), blind, { entry: true, returns: false }),
    );
    expect(careful.entry!.address).toBe(loaded.tab.entry(index));
  });

  test('a function that only panics has no returns and says so', async () => {
    const loaded = await load({ source: forms });
    const { returns, warnings } = sites(loaded.choose(loaded.find('main.never'), { entry: true, returns: true }));
    expect(returns).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('no return instruction')]);
  });

  test('the entry site of a function that changes what its argument points to is before the change', async () => {
    const loaded = await load({ source: forms });
    const index = loaded.find('main.count');
    const { entry } = sites(loaded.choose(index, { entry: true, returns: false }));
    expect(entry!.address).toBe(loaded.tab.entry(index));
  });

  test('one instruction, entry and return', async () => {
    const loaded = await load({ source: forms });
    const { entry, returns } = sites(loaded.choose(loaded.find('main.empty'), { entry: true, returns: true }));
    expect(returns.map((site) => site.address)).toEqual([entry!.address]);
  });

  test('assembly that leaves in ways that cannot be followed is refused by reason', async () => {
    const loaded = await load({ source: forms });
    const reason = (name: string): unknown => {
      const result = loaded.choose(loaded.find(name), { entry: false, returns: true });
      return result.ok ? 'found' : result.diagnostics[0]!.message;
    };
    expect(reason('main.computedJump')).toContain('computed jump');
    expect(reason('main.conditionalTail')).toContain('conditional jump');
  });

  test('a file that does not hold the address is refused', async () => {
    const loaded = await load({ source: forms });
    const index = loaded.find('main.huge');
    const context = { ...loaded.context, fileOffset: () => undefined };
    const result = chooseSites(loaded.tab.function(index), loaded.code(index), context, { entry: true, returns: true });
    expect(result).toMatchObject({ ok: false });
    expect(result.ok || result.diagnostics[0]!.id).toBe('probe.not-in-file');
  });
});

describe('up to where the state of the entry is in place', () => {
  const none = { registers: 0, floats: 0, memory: false };
  /** Where the entry site is in `code`, followed by a jump to a `ret`. */
  const siteOf = (code: string, intact: Intact, assembly = false): number => {
    const hex = `${code} eb 00 c3`.split(' ');
    const bytes = Uint8Array.from(hex, (byte) => Number.parseInt(byte, 16));
    const entry = address(0x1000);
    const context: SiteContext = {
      architecture: 'amd64',
      isMorestack: () => false,
      fileOffset: (at) => fileOffset(at),
      format: () => '',
    };
    const fn = { name: 'main.f', entry, end: address(0x1000 + bytes.length), assembly };
    const chosen = sites(
      chooseSites(fn, createX86Decoder(iced)(bytes, entry), context, { entry: true, returns: false, intact }),
    );
    return chosen.entry!.address - entry;
  };

  test('registers', () => {
    const ecx = 'b9 01 00 00 00';
    expect(siteOf(ecx, { ...none, registers: 1 << 0 })).toBe(5);
    expect(siteOf(ecx, { ...none, registers: 1 << 2 })).toBe(0);
  });
  test('float registers', () => {
    const xmm1 = 'f2 0f 10 08';
    expect(siteOf(xmm1, { ...none, floats: 1 << 0 })).toBe(4);
    expect(siteOf(xmm1, { ...none, floats: 1 << 1 })).toBe(0);
  });
  test('memory', () => {
    const increment = '48 ff 00';
    expect(siteOf(increment, none)).toBe(3);
    expect(siteOf(increment, { ...none, memory: true })).toBe(0);
  });
  test('SP always, g but in assembly', () => {
    expect(siteOf('48 83 ec 08', none)).toBe(0);
    expect(siteOf('49 89 c6', none)).toBe(0);
    expect(siteOf('49 89 c6', none, true)).toBe(3);
  });
  test('not beyond an instruction that is jumped to', () => {
    // cmp %rax,%rcx; then the loop: dec %rcx; jne back to dec
    expect(siteOf('48 39 c1 48 ff c9 75 fb', none)).toBe(0);
    expect(siteOf('48 39 c1 48 ff c9 75 00', none)).toBe(6);
  });
  test('places of arguments say what is needed', () => {
    const part = { offset: 0, size: 8 };
    const places: Place[][] = [
      [{ kind: 'register', register: 3, ...part }],
      [{ kind: 'float-register', register: 19, ...part }],
    ];
    expect(intactFor('amd64', places, false)).toEqual({ registers: 8, floats: 4, memory: false });
    expect(intactFor('amd64', places, true).memory).toBe(true);
    expect(intactFor('amd64', [[{ kind: 'stack', frameOffset: 8, ...part }]], false).memory).toBe(true);
  });
});

test('code that cannot be decoded is refused', () => {
  // A push that is cut off behind its prefix.
  const code = createX86Decoder(iced)(Uint8Array.of(0x55, 0xc3, 0x48), address(0x1000));
  const fn = { name: 'main.cut', entry: address(0x1000), end: address(0x1003), assembly: false };
  const context: SiteContext = {
    architecture: 'amd64',
    isMorestack: () => false,
    fileOffset: () => undefined,
    format: () => '',
  };
  expect(chooseSites(fn, code, context, { entry: true, returns: true })).toMatchObject({
    ok: false,
    diagnostics: [{ id: 'probe.undecodable' }],
  });
});

const exits = `package main

import "runtime"

func main() {
	defer func() { recover() }()
	go runtime.Goexit()
	panic(1)
}
`;

test.each(['go1.18.10', 'go1.21.13', 'local'] as const)(
  'recovery and Goexit have sites: %s',
  async (toolchain) => {
    const loaded = await load({ source: { 'main.go': exits }, toolchain });
    const of = (name: string) => {
      const index = loaded.find(name);
      return { function: loaded.tab.function(index), code: loaded.code(index) };
    };
    const found = chooseRuntimeSites(
      { recovery: of(runtimeProbes.recovery), goexit: of(runtimeProbes.goexit) },
      loaded.context,
    );
    expect(found).toMatchObject({
      recovery: { role: 'recovery', class: 'emulated' },
      goexit: { role: 'goexit', class: 'emulated' },
      diagnostics: [],
    });
    // The linker leaves out what a program does not use: nothing is missing then.
    expect(chooseRuntimeSites({}, loaded.context)).toEqual({ diagnostics: [] });
  },
  120_000,
);

test('everything that may hold an argument must be intact by default', () => {
  expect(allIntact('amd64')).toEqual({ registers: 0b1111_0011_1111, floats: 0x7fff, memory: true });
  expect(allIntact('arm64')).toEqual({ registers: 0x0400_ffff, floats: 0xffff, memory: true });
});
