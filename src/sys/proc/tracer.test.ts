import { expect, it } from 'vitest';
import { FakeSys } from '../fake.ts';
import { findTracer } from './tracer.ts';

const status = (name: string, tgid: number, tracer: number) =>
  `Name:\t${name}\nTgid:\t${tgid}\nTracerPid:\t${tracer}\n`;

it('finds the process of the thread that traces any thread', () => {
  const sys = new FakeSys();
  sys.files
    .set('/proc/50/task/50/status', status('srv', 50, 0))
    .set('/proc/50/task/51/status', status('srv', 50, 73))
    .set('/proc/73/status', status('dlv worker', 70, 0))
    .set('/proc/70/status', status('dlv', 70, 0));
  expect(findTracer(sys, 50)).toEqual({ pid: 70, name: 'dlv' });
});

it('a tracer of another pid namespace: what the kernel shows is 0, as for none', () => {
  const sys = new FakeSys();
  sys.files.set('/proc/50/task/50/status', status('srv', 50, 0));
  expect(findTracer(sys, 50)).toBeUndefined();
  expect(findTracer(sys, 51)).toBeUndefined();
});

it('a tracer that is gone again', () => {
  const sys = new FakeSys();
  sys.files.set('/proc/50/task/50/status', status('srv', 50, 73));
  expect(findTracer(sys, 50)).toEqual({ pid: 73, name: '' });
});
