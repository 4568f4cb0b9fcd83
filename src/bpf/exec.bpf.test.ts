import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { clock, openSys } from '#sys';
import { startProcess } from '../../testing/process.ts';
import { root } from '../../testing/root.ts';
import { type ExecEvent, ExecWatch } from './exec.ts';

const sys = openSys();

it('tells when a watched process replaces itself, and says nothing of others', async () => {
  const events: ExecEvent[] = [];
  using watch = new ExecWatch(sys, (event) => events.push(event));
  // Waits for a line, then becomes another program under the same pid.
  const children = [1, 2].map(() =>
    spawn('/bin/sh', ['-c', 'read line; exec sleep 60'], { stdio: ['pipe', 'ignore', 'ignore'] }),
  );
  try {
    const [watched, other] = children;
    watch.watch(watched!.pid!);
    const before = sys.clockGettime(clock.monotonic);
    for (const child of children) child.stdin!.end('go\n');
    await expect.poll(() => events.length).toBe(1);
    expect(events[0]!.pid).toBe(watched!.pid);
    expect(events[0]!.ktime).toBeGreaterThan(before);
    expect(events[0]!.ktime).toBeLessThan(sys.clockGettime(clock.monotonic));
    watch.unwatch(watched!.pid!);
    expect(other!.pid).not.toBe(watched!.pid);
  } finally {
    for (const child of children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
});

/** Run as pid 1 of a pid namespace: one shell beside it, one in a namespace below; both exec. */
const inNamespace = `
  import { spawn } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  import { openSys } from '#sys';
  import { ExecWatch, kernelFeatures } from '#bpf';
  const sys = openSys();
  const shell = ['/bin/sh', '-c', 'read line; exec sleep 60'];
  const beside = spawn(shell[0], shell.slice(1), { stdio: ['pipe', 'ignore', 'inherit'] });
  const wrapper = spawn('unshare', ['-pf', '--kill-child', ...shell], { stdio: ['pipe', 'ignore', 'inherit'] });
  let below = '';
  for (let i = 0; below === '' && i < 500; i++) {
    await setTimeout(10);
    below = readFileSync('/proc/' + wrapper.pid + '/task/' + wrapper.pid + '/children', 'utf8').trim();
  }
  const seen = [];
  const watch = new ExecWatch(sys, ({ pid }) => seen.push(pid === beside.pid ? 'beside' : String(pid)));
  watch.watch(beside.pid);
  beside.stdin.end('go\\n');
  while (seen.length < 1) await setTimeout(5);
  watch.watch(Number(below));
  wrapper.stdin.end('go\\n');
  while (seen.length < 2) await setTimeout(5);
  console.log('self', process.pid, 'seen', [...new Set(seen)].join(), 'multi', kernelFeatures(sys).uprobeMulti.present);
  process.exit(0);
`;

it('translates pids where we live in a pid namespace, and says when it cannot', async () => {
  const args = ['-pf', '--mount-proc', '--kill-child', process.execPath, '--input-type=module', '-e', inNamespace];
  const env = { ...process.env, SONDE_NO_UPROBE_MULTI: '0' };
  await using started = await startProcess('unshare', { args, env, cwd: root });
  const [line] = await started.waitFor(/self.*\n/, 20_000);
  expect(line.trim()).toBe('self 1 seen beside,undefined multi true');
});
