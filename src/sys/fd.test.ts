import { expect, it } from 'vitest';
import { FakeSys } from './fake.ts';
import { Fd } from './fd.ts';

it('is closed exactly once, however often it is asked', async () => {
  const sys = new FakeSys();
  sys.files.set('/a', 'x');
  const fd = new Fd(sys, sys.open('/a'));
  expect(sys.openDescriptors).toEqual([fd.number]);
  fd.close();
  fd.close();
  fd[Symbol.dispose]();
  await fd.closeInBackground();
  expect(sys.calls.filter(({ call }) => call === 'close')).toHaveLength(1);
  expect(fd.isOpen).toBe(false);
});

it('is a bug error to use it after that', () => {
  const sys = new FakeSys();
  sys.files.set('/a', 'x');
  const fd = new Fd(sys, sys.open('/a'));
  void fd.closeInBackground();
  expect(() => fd.number).toThrow(/used after it was closed/);
});
