import { readdirSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { floatTrialProgram } from '#probe';
import { openSys, readCpus } from '#sys';
import { realTimeThreads, withoutKickersOn } from '../../testing/kickers.ts';
import { findFloats, floatTrial } from './floats.ts';
import { Kickers } from './kickers.ts';

const sys = openSys();
let kickers: Kickers | undefined;
afterEach(() => {
  kickers?.close();
  kickers = undefined;
});

const descriptors = () => readdirSync('/proc/self/fd').length;

it('a pinned thread of SCHED_FIFO 1 on each CPU, and nothing left of them', () => {
  const before = descriptors();
  const schedFifo = 1;
  kickers = new Kickers(sys);
  const cpus = readCpus(sys, 'online');
  expect(kickers.cpus).toEqual(cpus);
  expect(kickers.lacking.size).toBe(0);
  expect(realTimeThreads().sort()).toEqual(cpus.map((cpu) => [String(cpu), schedFifo, 1]));
  kickers.close();
  expect(realTimeThreads()).toEqual([]);
  expect(descriptors()).toBe(before);
});

it('a CPU that cannot be had is named, the others work; none at all is an error; nothing is left', () => {
  const cpus = readCpus(sys, 'online');
  const before = descriptors();
  kickers = new Kickers(withoutKickersOn(sys, [0]));
  expect([...kickers.lacking]).toEqual([[0, 'sched_setaffinity to CPU 0: EINVAL']]);
  expect(kickers.cpus).toEqual(cpus.filter((cpu) => cpu !== 0));
  expect(realTimeThreads()).toHaveLength(cpus.length - 1);
  kickers.close();
  expect(() => new Kickers(withoutKickersOn(sys, cpus))).toThrow(/sched_setaffinity/);
  expect([realTimeThreads(), descriptors()]).toEqual([[], before]);
});

it('the kernel says by one bit that it has saved the registers, the same bit each time', () => {
  kickers = new Kickers(sys);
  const find = (multi: boolean) =>
    findFloats(sys, kickers!, { multi, program: (place, kick) => floatTrialProgram(place, floatTrial, kick) });
  const { state, saveNs } = find(true);
  expect(find(false).state).toEqual(state);
  expect(saveNs).toBeGreaterThan(500);
  // Where nobody is kicked, nothing is saved: then no bit can be told.
  const never = {
    multi: true,
    program: (place: Parameters<typeof floatTrialProgram>[0]) => floatTrialProgram(place, floatTrial, false),
  };
  expect(() => findFloats(sys, kickers!, never)).toThrow(/in \d+ of 24 trials/);
});
