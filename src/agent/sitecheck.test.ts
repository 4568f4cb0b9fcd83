import { beforeEach, expect, it } from 'vitest';
import { fileOffset } from '#base';
import type { Site } from '#probe';
import { FakeSys } from '#sys';
import type { Executable } from './executable.ts';
import { SiteCheck } from './sitecheck.ts';

const base = 0x4000;
const pid = 7;
let sys: FakeSys;
let memory: Uint8Array;
let fd: number;

/** A process whose program of four pages is mapped at `base`; every byte of the file is its offset's low byte. */
beforeEach(() => {
  sys = new FakeSys();
  memory = Uint8Array.from({ length: base + 0x4000 }, (_, i) => (i - base) & 0x7f);
  sys.files
    .set('/exe', new Uint8Array(4))
    .set(`/proc/${pid}/maps`, `${base.toString(16)}-${(base + 0x4000).toString(16)} r-xp 00000000 00:01 1 /exe\n`)
    .set(`/proc/${pid}/mem`, memory);
  sys.statuses.set('/exe', { device: 1n, inode: 1n });
  fd = sys.open('/exe');
});

function site(offset: number): Site {
  const bytes = Uint8Array.from([offset & 0x7f, (offset + 1) & 0x7f]);
  return { offset: fileOffset(offset), bytes, text: `at ${offset}`, address: offset } as unknown as Site;
}

function check(...offsets: number[]): SiteCheck {
  return new SiteCheck(sys, pid, { fd } as Executable, offsets.map(site));
}

/** What the kernel does when probes are placed, or come off. */
function breakpoints(on: boolean, ...offsets: number[]): void {
  for (const offset of offsets) memory[base + offset] = on ? 0xcc : offset & 0x7f;
}

it('counts the pages that become private copies: each once, none that is one already', () => {
  using first = check(0x10, 0x20, 0x1010);
  first.before();
  expect(first.newPages).toBe(2);
  breakpoints(true, 0x10, 0x20, 0x1010);
  using _probes = first.attached();
  first.placed();
  using second = check(0x10, 0x30, 0x1020, 0x2000, 0x2010);
  second.before();
  expect(second.newPages).toBe(1);
  expect(second.foreign).toEqual([]);
});

it("tells another tracer's breakpoints from our own", () => {
  breakpoints(true, 0x10);
  using first = check(0x10, 0x20);
  first.before();
  expect(first.foreign.map(({ offset }) => offset)).toEqual([0x10]);
  // Its page is a private copy already.
  expect(first.newPages).toBe(0);
  breakpoints(true, 0x20);
  const probes = first.attached();
  first.placed();
  using second = check(0x20);
  second.before();
  expect(second.foreign).toEqual([]);
  // Two of ours on one site: it stays ours until both are gone.
  using third = check(0x20);
  third.before();
  const more = third.attached();
  third.placed();
  probes[Symbol.dispose]();
  second.before();
  expect(second.foreign).toEqual([]);
  more[Symbol.dispose]();
  second.before();
  expect(second.foreign).toHaveLength(1);
});

it('knows our own in the next image of the same file, at another address', () => {
  using first = check(0x10);
  first.before();
  breakpoints(true, 0x10);
  using _probes = first.attached();
  first.placed();
  // The same program once more, position-independent: elsewhere. The kernel has placed the probe anew.
  const elsewhere = base + 0x1000;
  const moved = new Uint8Array(elsewhere + 0x4000);
  moved.set(memory.subarray(base), elsewhere);
  sys.files
    .set(
      `/proc/${pid}/maps`,
      `${elsewhere.toString(16)}-${(elsewhere + 0x4000).toString(16)} r-xp 00000000 00:01 1 /exe\n`,
    )
    .set(`/proc/${pid}/mem`, moved);
  using second = check(0x10);
  second.before();
  expect(second.foreign).toEqual([]);
});

it('refuses other bytes, what is not mapped, and a probe that is not seen', () => {
  memory[base + 0x11] = 0x99;
  using different = check(0x10);
  expect(() => different.before()).toThrow(/other bytes/);
  using unmapped = check(0x5000);
  expect(() => unmapped.before()).toThrow(/not mapped/);
  using unseen = check(0x20);
  unseen.before();
  expect(() => unseen.placed()).toThrow(/not mapped from the file/);
});

it('closes what it opens', () => {
  const open = sys.openDescriptors.length;
  check(0x10)[Symbol.dispose]();
  expect(sys.openDescriptors).toHaveLength(open);
});
