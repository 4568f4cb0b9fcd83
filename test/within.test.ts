/** Calls within functions that are inlined, generic, closures or many: those that the stacks of all calls say, and no other. */
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import type { GoToolchain } from '../testing/go-toolchain.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

var G int

//go:noinline
func charge(n int) int {
	G ^= n
	return n + 1
}

// Inlined into serve, into inner, which is inlined into serve itself, and called by other.
func handle(n int) int { return charge(n) + charge(n+1) }

var byVariable = handle

func inner(n int) int {
	if n&1 == 0 {
		return handle(n) * 2
	}
	return charge(-n)
}

//go:noinline
func serve(n int) int {
	s := handle(n)
	s += charge(1000 + n)
	for i := 0; i < 2; i++ {
		s += inner(n + i)
	}
	return s
}

//go:noinline
func other(n int) int { return byVariable(n) + charge(5000+n) }

func Map[T, U any](xs []T, f func(T) U) []U {
	out := make([]U, 0, len(xs))
	for _, x := range xs {
		out = append(out, f(x))
	}
	return out
}

type Box[T any] struct{ v T }

func (b *Box[T]) Do(f func(T) int) int { return f(b.v) }

func recurse(n int) int {
	if n == 0 {
		return charge(70000)
	}
	return recurse(n-1) + 1
}

//go:noinline
func deep(n int) int {
	if n == 0 {
		return charge(80000)
	}
	return deep(n-1) + 1
}

func panics(p *Box[int]) int { return p.v + 1 }

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for n := 0; n < 10; n++ {
			serve(n)
			other(n)
		}
		Map([]int{1, 2, 3}, func(x int) string { return strings.Repeat("x", charge(x)) })
		Map([]string{"a", "b"}, func(x string) int { return charge(len(x)) })
		(&Box[int]{3}).Do(charge)
		(&Box[string]{"x"}).Do(func(s string) int { return charge(len(s)) })
		recurse(50)
		deep(2000)
		strings.Map(func(r rune) rune { charge(int(r)); return r }, "text")
		func() {
			defer func() { recover(); charge(1) }()
			panics(nil)
		}()
		fmt.Println("done", G)
	}
}
`;

/** What is within, and the functions that are meant by it. */
const places: Readonly<Record<string, RegExp>> = {
  'main.handle': /^main\.handle$/,
  'main.inner': /^main\.inner$/,
  'main.serve': /^main\.serve$/,
  'main.Map': /^main\.Map\[/,
  'main.(*Box).Do': /^main\.\(\*Box\[.*\]\)\.Do$/,
  'main.recurse': /^main\.recurse$/,
  'main.panics': /^main\.panics$/,
  'main.main.func1': /^main\.main\.func1$/,
  're:^main\\.(inner|other|recurse)$': /^main\.(inner|other|recurse)$/,
  'strings.*': /^strings\./,
  'main.*': /^main\./,
};

it.each(['local', 'go1.21.13', 'go1.18.10'] as const)('%s', { timeout: 120_000 }, async (toolchain: GoToolchain) => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module calls\n\ngo 1.18\n' }, toolchain });
  const process = await startProcess(file, { ready: /^ready$/m });
  const upid = await sonde.upid(process.pid);
  const script = (name: string, fn: string, within?: string) =>
    writeProbeScript(sonde.folder, {
      upid,
      name: `${name}_${toolchain.replaceAll('.', '_')}`,
      function: fn,
      ...(within === undefined ? {} : { calls: `within=${JSON.stringify(within)}` }),
      columns: { stack: 'Stack()' },
      noBudget: true,
    });
  for (const [k, fn] of ['main.charge', 'main.handle'].entries()) {
    const all = script(`all${k}`, fn);
    const scripts = Object.keys(places).map((within, i) => script(`within${k}_${i}`, fn, within));
    for (const each of [all, ...scripts]) await sonde.ok(['run', '-f', each]);
    process.write('go\n');
    await process.until('done', () => process.lines.length > k + 1);
    const stacks = async (of: string) => {
      const rows = await sonde.rows<{ stack: string }>(['run', '-f', of]);
      return rows.map(({ stack }) => (JSON.parse(stack) as string[]).map((frame) => frame.split(' ')[0]!));
    };
    const unfiltered = await stacks(all);
    expect(unfiltered.length).toBe(k === 0 ? 104 : 30);
    for (const [i, [within, is]] of Object.entries(places).entries()) {
      const seen = (await stacks(scripts[i]!)).map(String).sort();
      const should = unfiltered.filter((stack) => stack.some((name) => is.test(name)));
      expect([within, ...seen]).toEqual([within, ...should.map(String).sort()]);
    }
  }
  // Whether a call is within what is further up than anybody looks is not told, and said.
  const trace = await sonde.trace(process.pid, 'main.charge', ['--within', 'main.main', '--no-budget']);
  process.write('go\n');
  await process.until('done', () => process.lines.length > 3);
  const { calls, stderr } = await trace.stop();
  expect(calls.length).toBe(103);
  expect(stderr).toContain('the condition could not be decided for 1 call: not shown');
  const refused = async (within: string) =>
    (await sonde.run(['run', '-f', script('no', 'main.charge', within)])).stderr;
  expect(await refused('main.Map[int,string]')).toContain(
    'which type arguments a call on the stack has is told nowhere',
  );
  expect(await refused('main.go:12')).toContain('is a line: calls are within functions');
});
