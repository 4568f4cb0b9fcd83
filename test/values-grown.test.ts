/** Calls that begin again as their stack has to grow: what a function does not use is lost then, and such a call is left out. */
import { afterAll, expect, it } from 'vitest';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';

afterAll(killStarted);

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

var out [400]byte

//go:noinline
func fill(room *[400]byte) { *room = out }

// Its frame is large.
//
//go:noinline
func unused(a, b, c, d int) int {
	var room [400]byte
	fill(&room)
	return int(room[3])
}

//go:noinline
func deeper(n int) int {
	if n == 0 {
		return unused(101, 102, 103, 104)
	}
	var room [64]byte
	room[n%64] = byte(n)
	return deeper(n-1) + int(room[(n+1)%64])
}

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	done := make(chan int)
	for i := 0; i < 300; i++ {
		// At another distance from the end of the stack each time.
		go func(n int) { done <- deeper(n) }(i)
		<-done
	}
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

it.each(['local', 'go1.21.13'] as const)('every value is right, by Go %s', { timeout: 120_000 }, async (toolchain) => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.20\n' }, toolchain });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const columns = [{ name: 'args', capture: { kind: 'arguments' as const } }];
  const tracer = trace(target.pid, openGoFile(file), [{ function: 'main.unused', columns }], { multi: true });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const rows = tracer.rows();
    expect(new Set(rows.map(({ args }) => args))).toEqual(new Set(['{"a":101,"b":102,"c":103,"d":104}']));
    // Some calls had a stack that was too small, most had not.
    expect(rows.length).toBeLessThan(300);
    expect(rows.length).toBeGreaterThan(200);
  } finally {
    tracer.close();
  }
});
