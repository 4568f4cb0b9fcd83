import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Assembler, immediate, r0 } from '#asm';
import { failedWith, openSys } from '#sys';
import { counters, countingProgram } from '../../testing/kernel-target.ts';
import { readKernelBtf } from './btf.ts';
import { calibrate } from './calibrate.ts';
import { kernelFeatures } from './features.ts';
import { makeMap } from './map.ts';
import { loadProgram, VerifierRejected } from './program.ts';

const sys = openSys();

it('finds what this kernel has', () => {
  const features = kernelFeatures(sys);
  const missing = Object.entries(features).filter(([, feature]) => !feature.present);
  expect(missing.map(([name]) => name)).toEqual(process.env.SONDE_NO_UPROBE_MULTI === '1' ? ['uprobeMulti'] : []);
});

it.each([true, false])('measures both kinds of hits: a stepped one costs more (uprobe_multi: %s)', async (multi) => {
  const cost = await calibrate(sys, { multi });
  expect(cost.emulatedNs).toBeGreaterThan(50);
  expect(cost.steppedNs).toBeGreaterThan(cost.emulatedNs);
  expect(cost.steppedNs).toBeLessThan(1_000_000);
  const { emulatedNs, steppedNs } = cost.latencyFloor;
  // Leaving one trap and entering the next is less than two whole hits, and not nothing.
  expect(emulatedNs).toBeGreaterThan(50);
  expect(emulatedNs).toBeLessThan(2 * cost.emulatedNs + 1_000);
  expect(steppedNs).toBeGreaterThan(50);
  expect(steppedNs).toBeLessThan(2 * cost.emulatedNs + 1_000);
});

it('reads field offsets from the kernel types', () => {
  const btf = readKernelBtf(sys);
  const offset = btf.fieldOffset('task_struct', 'thread.fsbase')!;
  expect(offset % 8).toBe(0);
  expect(offset).toBeGreaterThan(btf.fieldOffset('task_struct', 'thread')! - 1);
  expect(offset).toBeLessThan(btf.structSize('task_struct')!);
  expect(btf.enumValue('BPF_TRACE_UPROBE_MULTI')).toBe(48);
  expect(btf.fieldOffset('task_struct', 'no_such_field')).toBeUndefined();
  expect(btf.fieldOffset('no_such_struct', 'x')).toBeUndefined();
});

it("shows the verifier's own words, and keeps the whole log", () => {
  const asm = new Assembler();
  // More instructions before it than the first log buffer holds.
  for (let i = 0; i < 2_000; i++) asm.mov(r0, immediate(i));
  asm.load(8, r0, r0, 0);
  asm.exit();
  const bad = asm.program('reads_scalar');
  let thrown: unknown;
  try {
    loadProgram(sys, bad, new Map(), { multi: false });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(VerifierRejected);
  const rejected = thrown as VerifierRejected;
  expect(rejected.message).toMatch(/refused program reads_scalar \(EACCES\)/);
  expect(rejected.message).toMatch(/R0 invalid mem access 'scalar'/);
  expect(rejected.message.split('\n').length).toBeLessThan(12);
  expect(rejected.log).toMatch(/^.*0: /);
  expect(rejected.log.length).toBeGreaterThan(1 << 16);
});

it('keeps a value that is written through the mapped memory, and finds it by a system call', () => {
  using map = makeMap(sys, counters);
  const key = new Uint8Array(4);
  map.words[3] = 77n;
  expect(new BigUint64Array(map.lookup(key)!.buffer)[3]).toBe(77n);
  const value = new Uint8Array(64);
  value[0] = 9;
  map.update(key, value);
  expect(map.words[0]).toBe(9n);
});

it('keeps entries of a hash, and says when it is full', () => {
  using map = makeMap(sys, { name: 'a hash!', type: 'hash', keySize: 8, valueSize: 4, maxEntries: 2 });
  const key = (n: number) => new Uint8Array(new BigUint64Array([BigInt(n)]).buffer);
  const value = Uint8Array.of(1, 2, 3, 4);
  map.update(key(1), value);
  map.update(key(2), value);
  expect(map.lookup(key(1))).toEqual(value);
  expect(map.lookup(key(3))).toBeUndefined();
  let full: unknown;
  try {
    map.update(key(3), value);
  } catch (error) {
    full = error;
  }
  expect(failedWith(full, 'E2BIG')).toBe(true);
  expect(map.delete(key(1))).toBe(true);
  expect(map.delete(key(1))).toBe(false);
  map.updateAll(Uint8Array.of(...key(2), ...key(5)), Uint8Array.of(5, 6, 7, 8, ...value), 2);
  expect([map.lookup(key(2)), map.lookup(key(5))]).toEqual([Uint8Array.of(5, 6, 7, 8), value]);
});

it('leaves no descriptor behind', async () => {
  const count = () => sys.readDirectory('/proc/self/fd').length;
  await calibrate(sys);
  kernelFeatures(sys);
  // What is closed in the background needs a moment, longer without uprobe_multi.
  let before = count();
  for (let quiet = 0; quiet < 10; quiet++) {
    await setTimeout(100);
    if (count() !== before) quiet = 0;
    before = count();
  }
  for (let i = 0; i < 3; i++) {
    await calibrate(sys);
    kernelFeatures(sys);
    using map = makeMap(sys, counters);
    loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi: true }).close();
  }
  await expect.poll(count, { timeout: 5_000 }).toBe(before);
});
