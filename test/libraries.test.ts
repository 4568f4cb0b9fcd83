/** Go code that a process has loaded: -buildmode=c-shared, called from C, and plugins. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
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

describe.skipIf(!compiler)('a plugin that a Go program has loaded', { timeout: 120_000 }, () => {
  const env = { CGO_ENABLED: '1' };
  const plugin = `package main

//go:noinline
func sum(n int) int {
	var room [100]int
	room[n%100] = n
	if n == 0 {
		return 0
	}
	return sum(n-1) + room[n%100]
}

func Sum(n int) int {
	c := make(chan int)
	go func() { c <- sum(n) }()
	return <-c
}
`;
  const main = `package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	var sum plugin.Symbol
	for _, path := range os.Args[1:] {
		p, err := plugin.Open(path)
		if err != nil {
			panic(err)
		}
		sum, _ = p.Lookup("Sum")
	}
	fmt.Println("ready")
	for n := 0; ; {
		if _, err := fmt.Scan(&n); err != nil {
			return
		}
		fmt.Println("sum", sum.(func(int) int)(n))
	}
}
`;
  const built = (module: string) =>
    goFixture({
      source: { 'main.go': plugin, 'go.mod': `module ${module}\n\ngo 1.18\n` },
      flags: ['-buildmode=plugin'],
      env,
    });
  /** Calls `Sum` of the last of the plugins. */
  const started = async (...plugins: string[]) => {
    const program = await goFixture({ source: { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.18\n' }, env });
    return startProcess(program, { args: plugins, ready: /^ready$/m });
  };

  it('is traced', async () => {
    const loaded = await built('added');
    await using target = await started(loaded);
    const trace = await sonde.trace(target.pid, 'added.sum');
    // Its stack has to grow meanwhile: each call counts once.
    target.write('300\n');
    await target.waitFor(/^sum 45150$/m);
    await trace.atLeast(301);
    const { calls } = await trace.stop();
    expect(calls.map(({ args }) => args.n).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 301 }, (_, i) => i),
    );
    expect(calls.find(({ args }) => args.n === 300)?.results).toEqual({ $0: 45_150 });
    const vain = await sonde.run(['trace', String(target.pid), 'added.nothing']);
    expect(vain.stderr).toContain(`looked for in ${loaded}, too, which the process has loaded`);
  });

  it('what cannot be done is told of the plugin that has the function', async () => {
    const plugins = await Promise.all([built('added'), built('other')]);
    await using target = await started(...plugins);
    const pid = String(target.pid);
    const refusal = async (...args: string[]) => (await sonde.run(args)).stderr;
    const condition = await refusal('trace', pid, 'other.sum', '--when', 'nosuch > 3');
    expect(condition).toContain("'nosuch'");
    expect(condition).not.toContain('there is no function');
    const several = await refusal('trace', pid, 're:^(added|other)\\.sum$');
    expect(several).toContain('in 2 libraries that the process has loaded: it is ambiguous');
    for (const path of plugins) expect(several).toContain(path);
    expect(await refusal('trace', '--open', pid, 'other.sum')).toContain(
      `'other.sum' is in ${plugins[1]}, which the process has loaded`,
    );
    const sites = await sonde.run(['debug', 'sites', pid, 'other.sum']);
    expect(sites.stdout).toContain('other.sum');
  });

  it('that has been replaced on disk is traced as it was loaded', async () => {
    const path = join(folder, 'plugin.so');
    copyFileSync(await built('added'), path);
    await using target = await started(path);
    writeFileSync(`${path}.new`, 'another build');
    renameSync(`${path}.new`, path);
    const trace = await sonde.trace(target.pid, 'added.sum');
    target.write('1\n');
    await target.waitFor(/^sum 1$/m);
    await trace.atLeast(2);
    expect((await trace.stop()).calls.map(({ results }) => results)).toEqual([{ $0: 0 }, { $0: 1 }]);
  });
});
