/** Go libraries in programs that are not of Go: -buildmode=c-shared, called from C. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';

const sonde = new PxEnvironment();
const folder = mkdtempSync(join(tmpdir(), 'sonde-libraries-'));
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
  rmSync(folder, { recursive: true, force: true });
});

const library = `package main

import "C"
import "errors"

type order struct {
	ID    int
	Items map[string]int
}

//go:noinline
func price(o *order, n int) (int, error) {
	if n > 2 {
		return 0, errors.New("too many")
	}
	return o.ID * n, nil
}

//go:noinline
func risky(n int) int { panic(n) }

//go:noinline
func guarded(n int) (err error) {
	defer func() { recover() }()
	risky(n)
	return nil
}

//export Price
func Price(n C.int) C.int {
	p, _ := price(&order{7, map[string]int{"a": int(n)}}, int(n))
	guarded(int(n))
	return C.int(p)
}

func main() {}
`;

/** Loads the libraries that it is given and calls \`Price\` of the first for each number that it reads. */
const host = `#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
	int (*price)(int) = 0;
	for (int i = count - 1; i > 0; i--) {
		void *library = dlopen(arguments[i], RTLD_NOW);
		if (!library) return puts(dlerror()), 1;
		*(void **)&price = dlsym(library, "Price");
	}
	puts("ready");
	fflush(stdout);
	for (int n; scanf("%d", &n) == 1; fflush(stdout)) printf("price %d\\n", price(n));
	return 0;
}
`;

const compiler = (() => {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

it.skipIf(!compiler).each([
  ['local', []],
  ['go1.21.13', ['-ldflags=-s -w']],
] as const)(
  'a library that a program in C has loaded, built by %s %j',
  { timeout: 120_000 },
  async (toolchain, flags) => {
    const shared = await goFixture({
      source: { 'main.go': library, 'go.mod': 'module fixture\n\ngo 1.18\n' },
      toolchain,
      flags: ['-buildmode=c-shared', ...flags],
      env: { CGO_ENABLED: '1' },
    });
    const program = join(folder, `h-${toolchain}`);
    writeFileSync(`${program}.c`, host);
    execFileSync('gcc', [`${program}.c`, '-o', program, '-ldl']);
    await using target = await startProcess(program, { args: [shared], ready: /^ready$/m });
    const pid = String(target.pid);
    const byName = await sonde.run(['trace', basename(program), 'main.price']);
    expect(byName.stderr).toContain(
      `pid ${pid} is no Go program: one that has loaded a Go library is named by its pid`,
    );
    const functions = await sonde.rows<{ name: string }>(['funcs', pid, 'main.*']);
    expect(functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['main.price', 'main.Price', 'main.risky']),
    );
    const types = 'type order struct { ID int; Items map[string]int }';
    const signature = flags.length === 0 ? [] : ['--signature', `${types}; func(o *order, n int) (int, error)`];
    const prices = await sonde.trace(target.pid, 'main.price', signature);
    const risks = await sonde.trace(target.pid, 're:^main\\.(risky|guarded)$');
    for (const n of [2, 3]) {
      target.write(`${n}\n`);
      await target.waitFor(new RegExp(`^price ${n === 2 ? 14 : 0}$`, 'm'));
    }
    await prices.atLeast(2);
    const { calls } = await prices.stop();
    expect(calls.map(({ args, results }) => [args, results])).toMatchObject([
      [
        { o: { ID: 7, Items: { a: 2 } }, n: 2 },
        { $0: 14, $1: null },
      ],
      [
        { o: { ID: 7, Items: { a: 3 } }, n: 3 },
        { $0: 0, $1: { 'Error()': 'too many' } },
      ],
    ]);
    await risks.atLeast(4);
    const outcomes = (await risks.stop()).calls.map((call) => [call.function, call.outcome]);
    expect(outcomes.slice(0, 2)).toEqual([
      ['main.risky', 'panicked'],
      ['main.guarded', 'returned'],
    ]);
  },
);
