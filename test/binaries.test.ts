/** Programs as they are found: position-independent, stripped, deleted, replaced, in a mount namespace of their own. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment, type TracedCall } from '../testing/px.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
const folder = mkdtempSync(join(tmpdir(), 'sonde-binaries-'));
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
  rmSync(folder, { recursive: true, force: true });
});

/** Traces stillHere while the program calls it twice. */
async function twoCalls(program: CallsProgram, options: readonly string[] = []): Promise<TracedCall[]> {
  const trace = await sonde.trace(program.pid, 'main.stillHere', options);
  await program.command('stillHere 41');
  await program.command('stillHere -7');
  await trace.atLeast(2);
  const { calls, stderr } = await trace.stop();
  expect(stderr).toMatch(/2 calls, 2 rows, 0 drops/);
  return calls;
}

const exact = [
  { args: { n: 41 }, results: { $0: 42 }, outcome: 'returned' },
  { args: { n: -7 }, results: { $0: -6 }, outcome: 'returned' },
];

it.each([
  ['position-independent', ['-buildmode=pie']],
  ['with debug info that is not compressed', ['-ldflags=-compressdwarf=false']],
  ['not optimised', ['-gcflags=all=-N -l']],
])('%s', async (_, flags) => {
  expect(await twoCalls(await CallsProgram.start({ flags }))).toMatchObject(exact);
});

it('position-independent, Go 1.18', async () => {
  expect(await twoCalls(await CallsProgram.start({ flags: ['-buildmode=pie'], toolchain: 'go1.18.10' }))).toMatchObject(
    exact,
  );
});

it.each([
  ['without debug info', ['-ldflags=-w']],
  ['stripped of symbols too', ['-ldflags=-s -w']],
])('%s: calls, outcomes and latency still, arguments said not to be known', async (_, flags) => {
  const program = await CallsProgram.start({ flags });
  const calls = await twoCalls(program);
  for (const call of calls) {
    expect(call.outcome).toBe('returned');
    expect(call.latency_ns).toBeGreaterThan(0);
    expect(Object.values(call.args).filter((value) => value !== null)).toEqual([]);
    expect(JSON.stringify(call.notes)).toMatch(/debug info/);
  }
  const [row] = (await sonde.rows<{ pid: number; debug_info: boolean }>(['ps'])).filter(
    ({ pid }) => pid === program.pid,
  );
  expect(row).toMatchObject({ debug_info: false });
});

it('stripped, with a declared signature, which is held against the function table', async () => {
  const program = await CallsProgram.start({ flags: ['-ldflags=-s -w'] });
  expect(await twoCalls(program, ['--signature', 'func(n int) int'])).toMatchObject(exact);
  const wrong = await sonde.run(['trace', String(program.pid), 'main.stillHere', '--signature', 'func(n, m int) int']);
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toMatch(/arguments of main\.stillHere take 8 bytes, those declared take 16/);
  const misspelt = await sonde.run([
    'trace',
    String(program.pid),
    'main.stillHere',
    '--signature',
    'func(n strin) int',
  ]);
  expect(misspelt.stderr).toMatch(
    /no type information of main\.strin.* \(at character 8 of [\s\S]*did you mean string\?/,
  );
});

it('stripped, with its debug info in a file of its own: found by .gnu_debuglink, or given; that of another build is refused', async () => {
  const whole = await goFixture({ source: 'calls' });
  const split = join(folder, 'split');
  execFileSync('objcopy', ['--only-keep-debug', whole, `${split}.debug`]);
  execFileSync('objcopy', ['--strip-all', `--add-gnu-debuglink=${split}.debug`, whole, split]);
  const linked = await CallsProgram.run(split);
  expect(await twoCalls(linked)).toMatchObject(exact);
  const alone = join(folder, 'alone');
  execFileSync('objcopy', ['--strip-all', whole, alone]);
  const program = await CallsProgram.run(alone);
  expect(await twoCalls(program, ['--debug-file', whole])).toMatchObject(exact);
  const other = await goFixture({ source: 'calls', toolchain: 'go1.21.13' });
  const refused = await sonde.run(['trace', String(program.pid), 'main.stillHere', '--debug-file', other]);
  expect(refused.stderr).toMatch(
    /debug file .* cannot be used: it is of another build: the executable has build id \S+, the debug file \S+,/,
  );
});

it('a debug file in a container: links lead to its own files, never out', async () => {
  const whole = await goFixture({ source: 'calls' });
  const root = join(folder, 'root');
  mkdirSync(join(root, 'debug'), { recursive: true });
  const debug = join(folder, 'inner.debug');
  execFileSync('objcopy', ['--only-keep-debug', whole, debug]);
  let files = 0;
  const inside = async () => {
    // Another file each time: what the agent has read of one it keeps for a while.
    const name = `inner${files++}`;
    execFileSync('objcopy', ['--strip-all', `--add-gnu-debuglink=${debug}`, whole, join(root, name)]);
    return CallsProgram.of(await startProcess('chroot', { args: [root, `/${name}`], ready: /^ready$/m }));
  };
  // Out of the root: by a path that is there for the agent, and by one that climbs.
  for (const link of [debug, `${'../'.repeat(20)}${debug.slice(1)}`, '/proc/self/root']) {
    symlinkSync(link, join(root, 'inner.debug'));
    const [call] = await twoCalls(await inside());
    expect(JSON.stringify(call!.notes), link).toMatch(/debug info/);
    rmSync(join(root, 'inner.debug'));
  }
  // An absolute link to the container's own file.
  copyFileSync(debug, join(root, 'debug', 'file'));
  symlinkSync('/debug/file', join(root, 'inner.debug'));
  expect(await twoCalls(await inside())).toMatchObject(exact);
});

it('deleted while it runs', async () => {
  const copy = join(folder, 'deleted');
  copyFileSync(await goFixture({ source: 'calls' }), copy);
  const program = await CallsProgram.run(copy);
  rmSync(copy);
  expect(await twoCalls(program)).toMatchObject(exact);
  const [row] = (await sonde.rows<{ pid: number; deleted: boolean }>(['ps'])).filter(({ pid }) => pid === program.pid);
  expect(row).toMatchObject({ deleted: true });
});

it('replaced on disk by another build while it runs', async () => {
  const copy = join(folder, 'replaced');
  copyFileSync(await goFixture({ source: 'calls' }), copy);
  const program = await CallsProgram.run(copy);
  const other = join(folder, 'other');
  copyFileSync(await goFixture({ source: 'calls', toolchain: 'go1.21.13' }), other);
  renameSync(other, copy);
  expect(await twoCalls(program)).toMatchObject(exact);
  expect(await twoCalls(await CallsProgram.run(copy))).toMatchObject(exact);
});

it('in a mount namespace of its own, at a path that means another file outside', async () => {
  const mount = join(folder, 'mount');
  mkdirSync(mount);
  // Outside, the same path is another program.
  copyFileSync('/bin/sleep', join(mount, 'program'));
  const inside = await goFixture({ source: 'calls' });
  const shell = await startProcess('unshare', {
    args: [
      '--mount',
      '/bin/bash',
      '-c',
      `mount -t tmpfs none "$1" && cp "$2" "$1/program" && exec "$1/program"`,
      'bash',
      mount,
      inside,
    ],
    ready: /^ready$/m,
  });
  expect(await twoCalls(CallsProgram.of(shell))).toMatchObject(exact);
});

it('generic functions and methods, whose hidden dictionary takes a register', async () => {
  const program = await startProcess(
    await goFixture({ source: { 'go.mod': 'module generic\n\ngo 1.18\n', 'main.go': generic } }),
    {
      ready: /ready/,
    },
  );
  const functions = await sonde.rows<{ name: string }>(['funcs', String(program.pid), 'main.pick']);
  const shape = functions.find(({ name }) => name.includes('go.shape'))!.name;
  const trace = await sonde.trace(program.pid, shape, ['--count', '2']);
  program.write('go\n');
  const { calls } = await trace.ended();
  expect(calls.map((call) => call.args.n)).toEqual([3, 4]);
});

const generic = `package main

import (
	"bufio"
	"fmt"
	"os"
)

//go:noinline
func pick[T any](n int, values ...T) T {
	fmt.Fprintf(os.Stderr, "%T", values)
	return values[n%len(values)]
}

func main() {
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\\n')
	fmt.Println(pick(3, "a", "b"), pick(4, "c"))
	bufio.NewReader(os.Stdin).ReadString('\\n')
}
`;
