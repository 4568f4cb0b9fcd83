import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { Follower } from './follow.ts';
import type { GoProcess } from './processes.ts';

it('looks in rounds that never overlap, and once for all who ask while a round is under way', async () => {
  let now = 0;
  let most = 0;
  let rounds = 0;
  const tell = async () => {
    rounds++;
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now--;
  };
  const sys = new FakeSys();
  sys.files.set('/proc/version', Buffer.from('Linux'));
  const follower = new Follower({
    sys,
    processes: { goProcess: () => undefined },
    execs: { watchAll: () => () => {} },
    followed: () => [{ name: 'calls', selector: { name: 'shop' } }],
    tell,
  });
  const first = follower.look();
  await new Promise(setImmediate);
  await Promise.all([first, follower.look(), follower.look()]);
  follower.close();
  expect({ rounds, most }).toEqual({ rounds: 2, most: 1 });
});

it('looks at once at a process that has begun to run a program, once for what it fits, and not for what it does not', async () => {
  const sys = new FakeSys();
  sys.files.set('/proc/version', 'Linux');
  const start = (pid: number, name: string) => {
    const fields = ['S', '1', ...Array<string>(17).fill('0'), String(100 + pid)];
    sys.files.set(`/proc/${pid}/stat`, `${pid} (${name}) ${fields.join(' ')} 0 0\n`);
    sys.files.set(`/proc/${pid}/cmdline`, `${name}\0`);
    sys.links.set(`/proc/${pid}/exe`, `/bin/${name}`);
    execed(pid);
  };
  let execed: (pid: number | undefined) => void = () => {};
  const told: [string, number[]][] = [];
  const follower = new Follower({
    sys,
    processes: {
      goProcess: (pid) => ({ upid: { agentId: 1, pid, startTicks: BigInt(100 + pid) } }) as GoProcess,
    },
    execs: {
      watchAll: (listener) => {
        execed = listener;
        return () => {};
      },
    },
    followed: () => ['shop', 'cart'].map((name) => ({ name, selector: { name } })),
    tell: async (name, upids) => void told.push([name, upids.map(({ pid }) => pid)]),
  });
  await follower.look();
  told.length = 0;
  start(7, 'shop');
  start(8, 'make');
  execed(7);
  await new Promise(setImmediate);
  start(9, 'shop');
  await new Promise(setImmediate);
  follower.close();
  expect(told).toEqual([
    ['shop', [7]],
    ['shop', [7, 9]],
  ]);
});
