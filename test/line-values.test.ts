/** Variables at a line: what they are there, or the reason why that is not told. */
import { afterAll, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { toolchains } from '../testing/targets.ts';

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

var total int
var cells = [8]int{3, 1, 4, 1, 5, 9, 2, 6}

//go:noinline
func next(n int) int { total ^= n; return n + 1 }

//go:noinline
func both(n int) (int, error) { return n * 2, fmt.Errorf("e%d", n) }

// The list has the first value of c behind the call, too, by which it gets another.
//go:noinline
func again(n int) int {
	c := cells[n&7]
	a := c*3 - n
	c = next(c)
	a = c*4 - a
	total += c // again
	total += c
	return a ^ c
}

// Both names are told to be in both places.
//go:noinline
func swapped(n, m int) int {
	if n > m {
		n, m = m, n
	}
	total += n // swapped
	return n*3 + m
}

// The next turn's number is there before the end of this one.
//go:noinline
func counted(n int) int {
	s := n
	for i := 0; i < 3; i++ {
		s = next(s) // counted
	}
	return s
}

//go:noinline
func results(n int) (int, error) {
	x, err := both(n)
	y, err := both(x + 1)
	total += next(y) // results
	return x + y, err
}

type order struct{ id, state int }

var errPaid = fmt.Errorf("paid")

// The list ends with the first branch.
//go:noinline
func pay(o *order) error {
	if o.state == 1 {
		return errPaid
	}
	o.state = 1 // branch
	return nil
}

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		for n := 0; n < 6; n++ {
			again(n)
			swapped(n, 3)
			counted(n)
			results(n)
			pay(&order{id: n})
		}
		fmt.Println("done", total)
	}
}
`;

const lineOf = (mark: string) => source.split('\n').findIndex((text) => text.endsWith(`// ${mark}`)) + 1;
const numbers = [0, 1, 2, 3, 4, 5];
const cells = [3, 1, 4, 1, 5, 9];

describe.each(toolchains('local', 'go1.21.13', 'go1.18.10'))('a program built by %s', (toolchain) => {
  const sonde = new PxEnvironment();
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  it.each<[string, readonly Readonly<Record<string, unknown>>[], readonly string[]]>([
    ['again', numbers.map((n) => ({ n, c: cells[n]! + 1, a: (cells[n]! + 1) * 4 - (cells[n]! * 3 - n) })), []],
    ['swapped', numbers.map((n) => ({ n: Math.min(n, 3), m: Math.max(n, 3) })), []],
    ['counted', numbers.flatMap((n) => [0, 1, 2].map((i) => ({ n, i, s: n + i }))), ['i']],
    ['branch', numbers.map((n) => ({ o: `"id":${n},` })), ['o']],
    ['results', numbers.map((n) => ({ n, x: n * 2, y: n * 4 + 2, err: `e${n * 2 + 1}` })), ['err', 'y']],
  ])('%s', async (mark, expected, shown) => {
    // Go 1.18 still needs the first value of c there: nothing in the binary tells it from the second one (decision 97).
    if (mark === 'again' && toolchain === 'go1.18.10') return;
    const process = await startProcess(await goFixture({ source: { 'main.go': source }, toolchain }), {
      ready: /^ready$/m,
    });
    const trace = await sonde.trace(process.pid, `main.go:${lineOf(mark)}`, ['--no-budget']);
    process.write('\n');
    await process.until('done', () => process.lines.length > 1);
    const { calls } = await trace.stop();
    await process.kill();
    // A line whose code lies in several pieces comes more often: each row is one of those turns.
    expect(calls.length).toBeGreaterThanOrEqual(expected.length);
    for (const [k, { args, notes }] of calls.entries()) {
      const turn = expected[calls.length === expected.length ? k : Math.floor((k * expected.length) / calls.length)]!;
      for (const [name, value] of Object.entries(turn)) {
        const is = args[name] ?? null;
        if (is === null)
          expect([name, notes?.[`args.${name}`]]).toEqual([name, expect.stringMatching(/^not captured: /)]);
        else expect([name, JSON.stringify(is)]).toEqual([name, expect.stringContaining(String(value))]);
      }
      for (const name of shown) expect([name, args[name] ?? null]).not.toEqual([name, null]);
    }
  });
});
