/** Calls of inlined copies that are easily missed: a nil pointer ends them at their first instruction; nothing is left of them but the wrapper around. */
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';

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
)

type node struct {
	kind, v int
	next    *node
}

func (n *node) big() bool {
	if n.v > 1 {
		return true
	}
	return n.kind == 2
}

//go:noinline
func walk(n *node, k int) (s int) {
	defer func() {
		if recover() != nil {
			s = -1
		}
	}()
	for i := 0; i < k; i++ {
		n = n.next
		if n.big() { s++ }
	}
	return s
}

func main() {
	fmt.Println("ready")
	n := &node{next: &node{v: 2}}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for i := 0; i < 5; i++ {
			walk(n, i)
		}
		fmt.Println("done")
	}
}
`;

it.each(['local', 'go1.18.10'] as const)('calls that a nil pointer ends, by %s', async (toolchain) => {
  const process = await startProcess(await goFixture({ source: { 'main.go': source }, toolchain }), {
    ready: /^ready$/m,
  });
  const trace = await sonde.trace(process.pid, 'main.(*node).big');
  process.write('go\n');
  await process.until('done', () => process.lines.length > 1);
  const { calls } = await trace.stop();
  await process.kill();
  const outcomes = calls.map((call) => [call.function, (call as { inlined_into?: string }).inlined_into, call.outcome]);
  const made = ['returned', 'returned', 'panicked', 'returned', 'panicked', 'returned', 'panicked'];
  expect(outcomes).toEqual(made.map((outcome) => ['main.(*node).big', 'main.walk', outcome]));
});

const wrapped = `package main

import (
	"bufio"
	"fmt"
	"os"
)

type missing struct{ key string }

func (m missing) Error() string  { return "not found" }
func (m missing) Code(k int) int { return 404 }

//go:noinline
func (m missing) Long(k int) int { return len(m.key) + k }

type ids []int

func (s ids) Len() int { return len(s) }

type all interface {
	error
	Code(k int) int
	Long(k int) int
}

type lener interface{ Len() int }

//go:noinline
func use(a all, l lener, i int) int { return len(a.Error()) + a.Code(i) + a.Long(i) + l.Len() }

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		t := 0
		for i := 0; i < 5; i++ {
			t += use(missing{"k"}, ids{1, 2, 3}, i)
		}
		t += missing{"direct"}.Long(7)
		fmt.Println("done", t)
	}
}
`;

it.each(['local', 'go1.21.13', 'go1.18.10'] as const)(
  'methods of values through interfaces, by %s',
  async (toolchain) => {
    const process = await startProcess(await goFixture({ source: { 'main.go': wrapped }, toolchain }), {
      ready: /^ready$/m,
    });
    const places = [
      'main.missing.Error',
      'main.missing.Code',
      'main.missing.Long',
      'main.ids.Len',
      're:^main\\.missing',
    ];
    const traces = await Promise.all(places.map((place) => sonde.trace(process.pid, place)));
    process.write('go\n');
    await process.until('done', () => process.lines.length > 1);
    const seen = await Promise.all(
      traces.map(async (trace) => (await trace.stop()).calls.map(({ args, results }) => [args.k, results?.$0])),
    );
    await process.kill();
    const five = [0, 1, 2, 3, 4];
    expect(seen[0]).toEqual(five.map(() => [undefined, 'not found']));
    expect(seen[1]).toEqual(five.map((k) => [k, 404]));
    expect(seen[2]).toEqual([...five.map((k) => [k, 1 + k]), [7, 13]]);
    expect(seen[3]).toEqual(five.map(() => [undefined, 3]));
    expect(seen[4]).toHaveLength(16);
  },
);
