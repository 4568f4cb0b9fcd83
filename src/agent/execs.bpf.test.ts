import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDescriptors, TestDeployer } from '../../testing/deployer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { killStarted, type RunningProcess, startProcess } from '../../testing/process.ts';
import { Away } from './away.ts';

/**
 * `call N`: main.hit(N). `hold N`: main.hold(N) on another goroutine, which does not return. `exec FILE ARGS…`: in the midst of main.replace.
 * With arguments `chain FILE ARGS…` it does that at once. Else it says `ready` with its name.
 */
const source = (name: string, padding: string) => `package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

${padding}

//go:noinline
func hit(n int64) int64 { return n*2 + 1 }

//go:noinline
func hold(n int64) int64 {
	select {}
}

//go:noinline
func replace(n int64, args []string) error {
	return syscall.Exec(args[0], args, os.Environ())
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "chain" {
		replace(8, os.Args[2:])
	}
	fmt.Println("ready ${name}")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		n, _ := strconv.ParseInt(words[1], 10, 64)
		switch words[0] {
		case "call":
			fmt.Println("hit", hit(n))
		case "hold":
			go hold(n)
			fmt.Println("holding")
		case "exec":
			fmt.Println(replace(7, words[1:]))
		}
	}
}
`;
const padding = `//go:noinline
func other(s string) string { return strings.ToUpper(s) + strings.Repeat(s, 3) }

func init() { os.Setenv(other("a"), "b") }
`;

describe.each([
  ['not position-independent', [] as string[]],
  ['position-independent', ['-buildmode=pie']],
])('a process that replaces itself by exec (%s)', (_name, flags) => {
  let folder: string;
  let first: string;
  let second: string;
  let target: RunningProcess;
  let sonde: TestDeployer;
  let before: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-exec-'));
    first = join(folder, 'first');
    second = join(folder, 'second');
    copyFileSync(await goFixture({ source: { 'main.go': source('first', '') }, flags }), first);
    copyFileSync(await goFixture({ source: { 'main.go': source('second', padding) }, flags }), second);
    sonde = new TestDeployer();
    // What is opened once stays: the reader's thread, the cached binaries.
    target = await startProcess(first, { ready: /ready first/ });
    const warm = await Promise.all([sonde.place(target.pid, 'main.hit'), sonde.place(target.pid, 'main.replace')]);
    target.write(`exec ${second}\n`);
    await target.waitFor(/ready second/);
    await Promise.all(warm.map(({ deployment }) => deployment.close()));
    await target.kill();
  });
  afterAll(async () => {
    await sonde[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    target = await startProcess(first, { ready: /ready first/ });
    before = openDescriptors() - 3; // its pipes
  });
  afterEach(async () => {
    await target.kill();
    await killStarted();
    // Cached binaries are closed after a while; exec'd ones may have been opened since. The kernel takes probes away on another thread.
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before + 2);
  });

  /** Waits for the tracepoint to have followed: calls are seen again. */
  async function call(n: number): Promise<void> {
    const line = `hit ${2 * n + 1}`;
    target.write(`call ${n}\n`);
    await target.until(line, () => target.lines.includes(line));
  }

  async function following(deployment: { hits: number }): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const hits = deployment.hits;
      await call(500 + tries);
      if (deployment.hits > hits) return;
      await sleep(20);
    }
    throw new Error('the tracepoint did not follow');
  }

  it.each([
    ['the same file', () => first, /ready first\n(?:.|\n)*ready first/],
    ['another program with the same function', () => second, /ready second/],
  ])('by %s: the tracepoint follows', async (_case, file, ready) => {
    const { deployment, rows } = await sonde.place(target.pid, 'main.hit');
    const replace = await sonde.place(target.pid, 'main.replace');
    const held = await sonde.place(target.pid, 'main.hold');
    await call(1);
    target.write('hold 5\n');
    await expect.poll(async () => (await held.deployment.running()).length).toBe(1);
    target.write(`exec ${file()}\n`);
    await target.waitFor(ready);
    await following(deployment);
    // How long that took is known when all of it is done, the first calls are seen before.
    await expect
      .poll(() => new Away().with([deployment]).notices.join())
      .toMatch(/^the process \d+ has replaced itself by exec: calls in the new program were not seen .* \(\d+ ms\)$/);
    await call(2);
    await deployment.flush();
    const seen = rows.map(({ args, outcome }) => [args.n, outcome]);
    expect(seen[0]).toEqual([1, 'returned']);
    expect(seen.at(-1)).toEqual([2, 'returned']);
    expect(seen.slice(1, -1).every(([n, outcome]) => Number(n) >= 500 && outcome === 'returned')).toBe(true);
    // Calls that the exec cut off.
    for (const { rows: cut, deployment: of } of [replace, held]) {
      await of.flush();
      expect(cut).toHaveLength(1);
      expect(cut[0]).toMatchObject({ outcome: 'exited' });
      expect(cut[0]!.notes).toMatch(/exec/);
      expect(await of.running()).toEqual([]);
    }
    for (const each of [deployment, replace.deployment, held.deployment]) {
      expect(each.warnings.join()).not.toMatch(/another tracer/);
      await each.close();
    }
  });

  it('by a program that is not Go: it ends with the reason, the open call as exited', async () => {
    const { ended, rows } = await sonde.place(target.pid, 'main.replace');
    target.write('exec /bin/sleep 60\n');
    const [state, reason] = await ended;
    expect(state).toBe('TERMINATED');
    expect(reason).toMatch(/replaced itself by exec: .*(not a Go|no Go)/i);
    expect(rows.map(({ args, outcome }) => [args.n, outcome])).toEqual([[7, 'exited']]);
  });

  it('by a program that ends at once', async () => {
    const placed = await Promise.all(['main.replace', 'main.hit'].map((fn) => sonde.place(target.pid, fn)));
    target.write('exec /bin/true\n');
    for (const { ended } of placed) {
      const [state, reason] = await ended;
      expect(state).toBe('TERMINATED');
      expect(reason).toMatch(/ended|exec/);
    }
    expect(placed[0]!.rows.map(({ outcome }) => outcome)).toEqual(['exited']);
  });

  it('twice and thrice in a row', async () => {
    const { deployment, rows } = await sonde.place(target.pid, 'main.hit');
    await call(1);
    target.write(`exec ${second} chain ${first} chain ${first} chain ${second}\n`);
    await target.waitFor(/ready second/);
    await following(deployment);
    await deployment.flush();
    expect(rows.every(({ args, outcome }) => (args.n === 1 || Number(args.n) >= 500) && outcome === 'returned')).toBe(
      true,
    );
    await deployment.close();
  });

  it('while it is being armed', async () => {
    for (let round = 0; round < 4; round++) {
      const arming = sonde.place(target.pid, 'main.hit');
      target.write(`exec ${round % 2 === 0 ? second : first} x\n`);
      const { deployment, rows } = await arming;
      await following(deployment);
      await deployment.close();
      expect(rows.every(({ args, outcome }) => Number(args.n) >= 500 && outcome === 'returned')).toBe(true);
      expect(rows.length).toBeGreaterThan(0);
    }
  });

  it('closed while it follows', async () => {
    const { deployment } = await sonde.place(target.pid, 'main.hit');
    target.write(`exec ${second} x\n`);
    await target.waitFor(/ready second/);
    await deployment.close();
    await call(3);
  });
});
