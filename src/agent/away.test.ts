import { expect, it } from 'vitest';
import { Away } from './away.ts';

const ms = (count: number) => BigInt(count) * 1_000_000n;

it('one line for all processes, with the first of them', () => {
  expect(new Away().add(7, 0n).notices).toEqual([]);
  const one = new Away().add(7, ms(12));
  expect(one.notices).toEqual([
    'the process 7 has replaced itself by exec: calls in the new program were not seen until the probes were in place there (12 ms)',
  ]);
  const two = one.with([
    { upid: { pid: 8 }, awayNs: ms(30) },
    { upid: { pid: 9 }, awayNs: 0n },
  ]);
  expect(two.notices).toEqual([
    '2 processes (7, 8) have replaced themselves by exec: calls in the new programs were not seen until the probes were in place there (42 ms in all, at most 30 ms)',
  ]);
  for (let pid = 10; pid < 1000; pid++) two.add(pid, ms(1));
  expect(two.notices).toEqual([
    expect.stringMatching(/^992 processes \(7, 8, 10, …\) have .* \(1032 ms in all, at most 30 ms\)$/),
  ]);
  expect(one.notices).toHaveLength(1);
  expect(one.notices[0]).toMatch(/^the process 7 /);
});
