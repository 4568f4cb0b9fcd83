/** Values in the middle of a function, whose words the compiler keeps in several places, or nowhere: of inlined copies. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { goCommand, goEnvironment } from '../testing/go-toolchain.ts';
import { killStarted, type RunningProcess, startProcess, temporaryFolder } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

//go:noinline
func use(ns []int) int { return len(ns) }

//go:noinline
func numbers(i int) []int {
	ns := make([]int, i%3+1, 8)
	for j := range ns {
		ns[j] = i*10 + j
	}
	return ns
}

// Pointer and length are kept over a call, each on the stack, far from each other.
func double(ns []int) int {
	made := make([]int, len(ns))
	copy(made, ns)
	return use(made)
}

// Only the length is kept.
func count(ns []int) int { return use(nil) + len(ns)*3 }

// Pointer and capacity are.
func reset(ns []int) []int { return append(ns[:0], use(nil)) }

type held struct { name string; ns []int }

// Pointer and capacity are loaded from memory, into registers that are the compiler's choice.
func refill(ns []int, x int) []int { return append(ns[:0], x) }

//go:noinline
func callRefill(h *held, i int) []int { return refill(h.ns, use(nil)+i) }

// Pointer and length are.
func sum(ns []int) int {
	total := use(nil)
	for _, n := range ns {
		total += n
	}
	return total
}

//go:noinline
func callSum(h *held) int { return sum(h.ns) }

//go:noinline
func callDouble(i int) int { return double(numbers(i)) }

//go:noinline
func callCount(i int) int { return count(numbers(i)) }

//go:noinline
func callReset(i int) []int { return reset(numbers(i)) }

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for i := 0; lines.Scan(); i++ {
		callDouble(i)
		callCount(i)
		callReset(i)
		callRefill(&held{ns: make([]int, 2, 7)}, i)
		callSum(&held{ns: numbers(i)})
	}
}
`;

const sonde = new PxEnvironment();
let program: RunningProcess;
beforeAll(async () => {
  const folder = temporaryFolder('sonde-inlined-');
  writeFileSync(join(folder, 'go.mod'), 'module inlined\n\ngo 1.21\n');
  writeFileSync(join(folder, 'main.go'), source);
  await goCommand(['build', '-o', 'inlined', '.'], await goEnvironment('local'), folder);
  program = await startProcess(join(folder, 'inlined'), { ready: /ready/ });
});
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

async function traced(place: string) {
  const trace = await sonde.trace(program.pid, place, ['--count', '6']);
  program.write('\n'.repeat(6));
  return (await trace.ended()).calls;
}

/** As `numbers` makes them. */
const numbers = (i: number) => Array.from({ length: (i % 3) + 1 }, (_, j) => i * 10 + j);

it('a slice whose words are in two places on the stack', async () => {
  const calls = await traced('main.double');
  const first = (calls[0]!.args.ns as number[])[0]! / 10;
  expect(calls.map(({ args }) => args.ns)).toEqual(calls.map((_, i) => numbers(first + i)));
});

it('a slice whose words were loaded from memory never has its capacity for its length', async () => {
  for (const [name, length] of [
    ['main.refill', [2]],
    ['main.sum', [1, 2, 3]],
  ] as const) {
    for (const { args, notes } of await traced(name)) {
      if (args.ns === null) expect(notes?.['args.ns']).toMatch(/^not captured: /);
      else expect(length).toContain((args.ns as number[]).length);
    }
  }
});

it('a slice of which one word is left is not captured, and not taken for an empty one', async () => {
  for (const name of ['main.count', 'main.reset']) {
    for (const { args, notes } of await traced(name)) {
      expect(args.ns).toBe(null);
      expect(notes?.['args.ns']).toMatch(/^not captured: .*(?:dead here|some of its parts)/);
    }
  }
});
