/** Agent, px and target in a pid namespace of their own, as in a container: pids are those of that namespace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import type { TracedCall } from '../testing/px.ts';
import { root } from '../testing/root.ts';
import { probeScript } from '../testing/script.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-pidns-'));
afterAll(async () => {
  await killStarted();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs in the namespace; when its first process ends, the kernel ends all others. */
const inside = `
set -eu
mkfifo "$SONDE_DIR/in"
"$PROGRAM" <"$SONDE_DIR/in" >"$SONDE_DIR/out" &
target=$!
exec 3>"$SONDE_DIR/in"
until grep -q ready "$SONDE_DIR/out"; do sleep 0.05; done
echo "target $target" >&2
upid=$("$PX" ps -o json | sed -n "s/.*\\"pid\\":$target,\\"upid\\":\\"\\([0-9a-f-]*\\)\\".*/\\1/p")
echo "upid $upid" >&2
sed "s/UPID_HERE/$upid/" "$SONDE_DIR/script" >"$SONDE_DIR/script.pxl"
"$PX" run -f "$SONDE_DIR/script.pxl" >/dev/null
"$PX" trace "$target" main.stillHere -o json --count 2 >"$SONDE_DIR/calls" 2>"$SONDE_DIR/err" &
trace=$!
until grep -q armed "$SONDE_DIR/err"; do kill -0 $trace; sleep 0.05; done
echo 'stillHere 1' >&3
echo 'stillHere 2' >&3
wait $trace
cat "$SONDE_DIR/calls"
echo ---
"$PX" run -f "$SONDE_DIR/script.pxl" -o json
"$PX" agent stop >&2
`;

it('sees pids of its namespace and counts exactly', { timeout: 60_000 }, async () => {
  const program = await goFixture({ source: 'calls' });
  writeFileSync(
    join(folder, 'script'),
    probeScript({
      upid: 'UPID_HERE',
      name: 'inside',
      function: 'main.stillHere',
      columns: { n: "ArgExpr('n')", r: "RetExpr('$0')" },
    }),
  );
  const shell = await startProcess('unshare', {
    args: ['--pid', '--fork', '--mount-proc', '--kill-child', '/bin/bash', '-c', inside],
    env: { ...process.env, SONDE_DIR: folder, PX: join(root, 'px'), PROGRAM: program, TZ: 'UTC' },
  });
  const exit = await shell.exited;
  expect(exit.code, `${shell.stderr}\n${shell.stdout}`).toBe(0);
  const target = Number(/target (\d+)/.exec(shell.stderr)![1]);
  expect(target).toBeLessThan(1000);
  const upid = /upid (\S+)/.exec(shell.stderr)![1]!;
  expect(Number.parseInt(upid.slice(9, 18).replace('-', ''), 16)).toBe(target);
  const [calls, rows] = shell.stdout.split('---\n').map((part) =>
    part
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  );
  expect((calls as TracedCall[]).map((call) => [call.upid, call.args.n, call.results!.$0])).toEqual([
    [upid, 1, 2],
    [upid, 2, 3],
  ]);
  expect(rows).toMatchObject([
    { upid, n: 1, r: 2 },
    { upid, n: 2, r: 3 },
  ]);
});
