/** Variables that closures have captured, in expressions: debug info tells them from Go 1.23 on. */
import { afterAll, expect, it } from 'vitest';
import { Redaction } from '#probe';
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

type store struct {
	Name  string
	Sizes map[string]int
}

//go:noinline
func handler(s *store, limit int, token string) func(n int) int {
	var total int
	prefix := [40]int{1, 2, 3}
	return func(n int) int {
		total += n
		return total + limit + len(s.Name) + prefix[n%40] + len(token)
	}
}

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	h := handler(&store{"disk", map[string]int{"a": 7}}, 100, "x")
	h(5)
	h(6)
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

const main = { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.23\n' };

it('by value and by reference, at the entry', { timeout: 120_000 }, async () => {
  const file = await goFixture({ source: main });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const texts = ['total', 'limit + n', 's.Name', 's.Sizes["a"]', 'prefix[2]'];
  const columns = texts.map((text, i) => ({ name: `c${i}`, capture: { kind: 'argument' as const, text } }));
  const when = { text: 'total > 0 && s.Name == "disk"' };
  const tracer = trace(target.pid, openGoFile(file), [{ function: 'main.handler.func1', columns, when }], {
    multi: true,
  });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const rows = tracer.rows().map((row) => texts.map((_, i) => row[`c${i}` as keyof typeof row]));
    expect(rows).toEqual([[5n, 106n, 'disk', 7n, 3n]]);
  } finally {
    tracer.close();
  }
});

it('what is on the heap is shown by its own name at a line, not as a pointer', { timeout: 120_000 }, async () => {
  const file = await goFixture({ source: main });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const line = 1 + source.split('\n').findIndex((each) => each.includes('return total +'));
  const columns = [{ name: 'total', capture: { kind: 'argument' as const, text: 'total' } }];
  const tracer = trace(target.pid, openGoFile(file), [{ function: `main.go:${line}`, columns }], { multi: true });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    // Control may come to the line more than once a call, and the pointer may be known at one of its instructions only.
    const shown = tracer.rows().flatMap(({ total }) => (total === null ? [] : [total]));
    expect([...new Set(shown)]).toEqual([5n, 11n]);
  } finally {
    tracer.close();
  }
});

it('what is not captured, or redacted, is said', async () => {
  const file = await goFixture({ source: main });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const redaction = new Redaction({ names: ['token'], types: [] });
  const of = (text: string) => () =>
    trace(
      target.pid,
      openGoFile(file),
      [{ function: 'main.handler.func1', columns: [{ name: 'c', capture: { kind: 'argument', text } }] }],
      { multi: true, redaction },
    );
  expect(of('nothing')).toThrow(/captured: .*total/);
  expect(of('token')).toThrow(/never captured/);
});
