import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import * as iced from 'iced-x86';
import { expect, test } from 'vitest';
import { Assembler, immediate, type Program, r0, r1, r2, r6 } from '#asm';
import { attachUprobes, loadProgram, makeMap } from '#bpf';
import { bytesSource, openElf } from '#elf';
import { createX86Decoder, openPclntab } from '#gobin';
import { Fd, openSys } from '#sys';
import { goFixture } from '../../../testing/go-fixtures.ts';
import { startProcess } from '../../../testing/process.ts';
import { chooseSites, type SiteContext } from './index.ts';

/** Functions that are counted: a power of two. */
const most = 16_384;
const counts = { name: 'counts', type: 'array', keySize: 4, valueSize: most * 16, maxEntries: 1 } as const;
/** Offset of `flags` in x86-64's pt_regs. */
const flagsOffset = 144;

/** Adds one to word `word` of the two that belong to the function whose index is the cookie. */
function counting(word: 0 | 1, flagsMask: number): Program {
  const asm = new Assembler();
  const out = asm.newLabel();
  asm.mov(r6, r1);
  if (flagsMask !== 0) {
    asm.load(8, r2, r6, flagsOffset);
    asm.alu('and', r2, immediate(flagsMask));
    asm.jumpIf('ne', r2, immediate(0), out);
  }
  asm.mov(r1, r6);
  asm.call('get_attach_cookie');
  asm.alu('and', r0, immediate(most - 1));
  asm.alu('lsh', r0, immediate(4));
  asm.loadMapValue(r2, counts.name, 8 * word);
  asm.alu('add', r2, r0);
  asm.mov(r1, immediate(1));
  asm.atomicAdd(r2, 0, r1);
  if (flagsMask !== 0) asm.label(out);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('counting');
}

/** These leave by switching to another stack, or (deferreturn up to Go 1.17) are entered again by a jump. */
const leavesOtherwise =
  /^runtime\.(execute|schedule|park_m|newstack|go(exit|sched|preempt)|asyncPreempt|exitsyscall|mstart|deferreturn|preemptPark|stopm|schedinit|mcall|gosched)/;

test.each(['go1.17.13', 'local'] as const)(
  'every function of a running server, all at once: the kernel takes each site, every call is seen once, the server lives: %s',
  async (toolchain) => {
    const path = await goFixture({ source: 'examples/simple-gotracing', toolchain });
    const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => inflateSync(bytes) });
    const tab = openPclntab(elf)!;
    const decode = createX86Decoder(iced);
    const morestack = new Set(
      ['runtime.morestack', 'runtime.morestack_noctxt'].flatMap((name) =>
        tab.findByName(name).map((i) => tab.entry(i)),
      ),
    );
    const context: SiteContext = {
      architecture: 'amd64',
      isMorestack: (at) => morestack.has(at),
      fileOffset: (at) => elf.fileOffset(at),
      format: () => '',
      read: (at, size) => (elf.fileOffset(at) === undefined ? undefined : elf.read(at, size)),
    };
    const names: string[] = [];
    const sites = { returns: [], entries: [], checks: [] } as Record<string, { offset: number; cookie: number }[]>;
    for (let i = 0; i < tab.count && names.length < most; i++) {
      const fn = tab.function(i);
      if (fn.end <= fn.entry || fn.assembly) continue;
      const chosen = chooseSites(fn, decode(elf.read(fn.entry, fn.end - fn.entry), fn.entry), context, {
        entry: true,
        returns: true,
      });
      if (!chosen.ok) continue;
      const cookie = names.push(fn.name) - 1;
      const { entry, returns } = chosen.value;
      if (entry!.notTaken) expect(entry!.notTaken).toEqual({ flagsMask: 0x41, takenWhenAnySet: true });
      sites[entry!.notTaken ? 'checks' : 'entries']!.push({ offset: entry!.offset, cookie });
      sites.returns!.push(...returns.map(({ offset }) => ({ offset, cookie })));
    }
    expect(names.length).toBeGreaterThan(3000);

    await using server = await startProcess(path, { args: ['-port', '0'], ready: /listening on port (\d+)/ });
    const [, port] = await server.waitFor(/listening on port (\d+)/);
    const ask = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const answer = await fetch(`http://127.0.0.1:${port}/e?iters=20`, {
          headers: i % 3 === 0 ? { connection: 'close' } : {},
        });
        expect((await answer.text()).trim()).toBe('e = 2.7183');
      }
    };
    await ask(5);

    const sys = openSys();
    using map = makeMap(sys, counts);
    using executable = new Fd(sys, sys.open(`/proc/${server.pid}/exe`, 0));
    const attach = (program: Program, list: readonly { offset: number; cookie: number }[]) => {
      const loaded = loadProgram(sys, program, new Map([[counts.name, map]]), { multi: true });
      return attachUprobes(sys, loaded, { executable, pid: server.pid, sites: list });
    };
    // Entries last: where a function's entry and return are one instruction, they run first.
    const attached = [
      attach(counting(1, 0), sites.returns!),
      ...(sites.checks!.length > 0 ? [attach(counting(0, 0x41), sites.checks!)] : []),
      attach(counting(0, 0), sites.entries!),
    ];
    expect(attached.flatMap((each) => each.refused)).toEqual([]);
    await Promise.all([ask(100), ask(50), ask(50)]);
    // Now: while the probes of returns are taken off, those of entries go on counting what the runtime does by itself.
    const words = map.words.slice();
    for (const each of attached) each.close();
    await ask(5);
    expect(server.exit).toBeUndefined();

    const calls = (name: string): [number, number] => {
      const index = names.indexOf(name);
      return [Number(words[2 * index]), Number(words[2 * index + 1])];
    };
    expect(calls('main.computeE')).toEqual([200, 200]);
    let seen = 0;
    for (const [i, name] of names.entries()) {
      const [entries, returns] = [Number(words[2 * i]), Number(words[2 * i + 1])];
      seen += entries;
      // A few calls are open at either end: those that wait for the network.
      if (!leavesOtherwise.test(name))
        expect(Math.abs(entries - returns), `${name}: ${entries} entries, ${returns} returns`).toBeLessThan(12);
    }
    expect(seen).toBeGreaterThan(50_000);
  },
  120_000,
);
