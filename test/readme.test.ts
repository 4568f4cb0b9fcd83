/** The README's commands do what it says, in the order in which it says them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { shellBlocks } from '../testing/readme.ts';
import { root } from '../testing/root.ts';
import { printedTables } from '../testing/table.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const sonde = new PxEnvironment();
afterAll(async () => {
  await killStarted();
  await sonde.dispose();
});

it.each([
  ['README.md', 'by hand'],
  ['examples/simple-gotracing/README.md', 'on one machine'],
])('%s, %s: the commands in their order', async (file, part) => {
  const port = await freePort();
  const folder = mkdtempSync(join(sonde.folder, 'readme-'));
  const program = join(folder, 'gotracing');
  symlinkSync(sonde.px, join(folder, 'px'));
  // What a person reads off the screen, a script asks for: the UPID, and the moment when the server listens.
  const upid = `UPID=$(px ps -o json | sed -n "s#.*\\"upid\\":\\"\\([0-9a-f-]*\\)\\",\\"executable\\":\\"${program}\\".*#\\1#p")`;
  const script = shellBlocks(readFileSync(join(root, file), 'utf8'), part)
    .join('')
    .replaceAll('9090', String(port))
    .replaceAll('/tmp/gotracing', program)
    .replaceAll(/px (trace|funcs)( --open)? gotracing/g, 'px $1$2 "$UPID"')
    .replaceAll('--for 10s', '--for 1s')
    // Until Ctrl-C.
    .replaceAll(/^(px trace "\$UPID" \S+)$/gm, 'timeout --preserve-status -s INT 2 $1')
    // Partial (4) when a goroutine was on a CPU just then.
    .replaceAll(/^(px trace --open .*)$/gm, '$1 || [ $? = 4 ]')
    .replace(/&\n/, `&\nuntil curl -s -o /dev/null 'http://localhost:${port}/e?iters=0'; do sleep 0.1; done\n${upid}\n`)
    .replaceAll('<UPID>', '"$UPID"');
  const shell = await startProcess('/bin/bash', {
    args: ['-c', `set -euxm\n${script}`],
    env: { ...sonde.env, PATH: `${folder}:${sonde.env.PATH}`, PORT: String(port) },
    cwd: join(root, dirname(file)),
  });
  await shell.until('its end', () => shell.exit, 60_000);
  expect(shell.exit!.code, `${shell.stderr}\n${shell.stdout}`).toBe(0);
  // What other commands print follows the tables: only lines of six columns are rows.
  const outputs = printedTables(shell.stdout)
    .filter((table) => table.id === 'output')
    .map((table) => table.rows.filter((row) => row.length === 6).map((row) => row[4]));
  expect(outputs).toEqual([[], ['100', '2', '200']]);
});

it('make targets that it names are there', () => {
  for (const [, target] of readme.matchAll(/`?make ([a-z]+)/g)) {
    const { status, stderr } = spawnSync('make', ['-n', target!], { cwd: root, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  }
});

it.each(['README.md', 'examples/simple-gotracing/README.md'])('%s: px commands and links are there', async (file) => {
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, path] of text.matchAll(/\]\(([^)#:]+)\)/g))
    expect([path, existsSync(join(root, dirname(file), path!))]).toEqual([path, true]);
  const commands = new Set(
    [...text.matchAll(/\bpx ((?:tracepoint|agent|debug) [a-z]+|[a-z]+)/g)].map((match) => match[1]!),
  );
  for (const command of commands) {
    const { code } = await sonde.run([...command.split(' '), '--help']);
    expect([command, code]).toEqual([command, 0]);
  }
});

it('make demo shows three rows, says each step and leaves nothing behind', async () => {
  const { SONDE_DIR, ...env } = sonde.env;
  const demo = await startProcess('make', { args: ['demo'], env: { ...env, TMPDIR: sonde.folder }, cwd: root });
  const exit = await demo.exited;
  expect(exit.code, demo.stdout + demo.stderr).toBe(0);
  expect(demo.stdout.match(/^==> /gm)!.length).toBeGreaterThanOrEqual(7);
  expect(demo.stdout).toMatch(/agent stopped/);
  expect(existsSync(/-o (\S+)\/gotracing/.exec(demo.stdout)![1]!)).toBe(false);
});
