import { beforeEach, expect, it } from 'vitest';
import { fileOffset } from '#base';
import { FakeSys, openProcessMemory, parseMaps } from '#sys';
import { checkSites, unarmedSites } from './verify.ts';

const maps = parseMaps(
  ['00001000-00002000 r-xp 00000400 fe:00 7 /bin/x', '00003000-00004000 r--p 00001400 fe:00 7 /bin/x'].join('\n'),
);
const push = { offset: fileOffset(0x410), bytes: Uint8Array.of(0x55) };
const move = { offset: fileOffset(0x411), bytes: Uint8Array.of(0x48, 0x89, 0xe5) };

let sys: FakeSys;
let memory: Uint8Array;
beforeEach(() => {
  sys = new FakeSys();
  memory = new Uint8Array(0x2000);
  memory.set([0x55, 0x48, 0x89, 0xe5], 0x1010);
  sys.files.set('/proc/5/mem', memory);
});

function states(own: readonly number[] = [], sites = [push, move]) {
  using opened = openProcessMemory(sys, 5)!;
  return checkSites(sys, { memory: opened, mappings: maps, own: new Set(own) }, sites).map(({ state }) => state);
}

it('finds equal bytes where the file is mapped', () => {
  expect(states()).toEqual(['as-in-file', 'as-in-file']);
});

it('sees other bytes, also behind the first', () => {
  memory[0x1013] = 0xe4;
  expect(states()).toEqual(['as-in-file', 'different']);
});

it('tells our own breakpoint from one of another tracer', () => {
  memory[0x1011] = 0xcc;
  expect(states()).toEqual(['as-in-file', 'foreign-breakpoint']);
  expect(states([0x1011])).toEqual(['as-in-file', 'own-breakpoint']);
  memory[0x1012] = 0;
  expect(states([0x1011])).toEqual(['as-in-file', 'different']);
});

it('does not take a breakpoint inside an instruction for one on it', () => {
  memory[0x1012] = 0xcc;
  expect(states()).toEqual(['as-in-file', 'different']);
  expect(states([0x1012])).toEqual(['as-in-file', 'own-breakpoint']);
});

it('says when the file is not mapped there, not executable, or the process is gone', () => {
  const data = { offset: fileOffset(0x1500), bytes: Uint8Array.of(0) };
  const outside = { offset: fileOffset(0x9000), bytes: Uint8Array.of(0) };
  expect(states([], [data, outside])).toEqual(['not-mapped', 'not-mapped']);
  sys.files.set('/proc/5/mem', new Uint8Array(0));
  expect(states()).toEqual(['unreadable', 'unreadable']);
  expect(openProcessMemory(sys, 6)).toBeUndefined();
});

it('calls armed only what shows the breakpoint', () => {
  memory[0x1010] = 0xcc;
  using opened = openProcessMemory(sys, 5)!;
  const left = unarmedSites(sys, { memory: opened, mappings: maps }, [push, move]);
  expect(left.map(({ site, state, address }) => [site, state, address])).toEqual([[move, 'as-in-file', 0x1011]]);
});
