import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { Follower } from './follow.ts';
import type { Processes } from './processes.ts';

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
  const follower = new Follower(
    sys,
    { goProcess: () => undefined } as unknown as Processes,
    () => [{ name: 'calls', selector: { name: 'shop' } }],
    tell,
  );
  const first = follower.look();
  await new Promise(setImmediate);
  await Promise.all([first, follower.look(), follower.look()]);
  follower.close();
  expect({ rounds, most }).toEqual({ rounds: 2, most: 1 });
});
