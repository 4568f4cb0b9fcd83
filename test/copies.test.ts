/** Calls of inlined copies that a nil pointer ends at the first of their instructions. */
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

it.each(['local', 'go1.18.10'] as const)('%s', async (toolchain) => {
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
