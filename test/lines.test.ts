/** What comes with a line beside its variables: how control got there, which of its turns are kept, and what is added up. */
import { afterAll, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { toolchains } from '../testing/targets.ts';

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

var total int

//go:noinline
func add(n int) { total += n }

// No frame: no call, no room on the stack.
//go:noinline
func leaf(a, b int) int {
	c := a*7 + b // leaf
	return c ^ 3
}

var list []int

//go:noinline
func even(n int) (int, bool) { return n / 2, n&1 == 0 }

func inlined(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += cells[i&7] // inlined
	}
	return s
}

var cells = [8]int{3, 1, 4, 1, 5, 9, 2, 6}

//go:noinline
func framed(n int, kind string) int { // prologue
	var room [40]int
	room[n&31] = n
	// gap
	add(len(kind)) // framed
	total += inlined(n) + leaf(n, room[3])
	if n > 3 {
		add(n)
	}
	list = append(list, n) // appended
	a, ok := even(n); if !ok { total -= a; list = nil }; total += a // several
	return room[n&7] + total // epilogue
}

//go:noinline
func deferring(n int) {
	defer func() {
		if r := recover(); r != nil { // recovers
			total++
		}
		add(n) // deferred
	}()
	cells[n&7] = cells[n&7] / (n & 4)
}

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		for n := 0; n < 8; n++ {
			framed(n, []string{"odd", "even"}[n&1])
			deferring(n)
		}
		done := make(chan int)
		go func() {
			total += leaf(total, 1)
			done <- leaf(1, 2) // started
		}()
		fmt.Println("done", <-done)
	}
}
`;

const lineOf = (mark: string) => source.split('\n').findIndex((text) => text.endsWith(`// ${mark}`)) + 1;

describe.each(toolchains('local', 'go1.21.13', 'go1.18.10'))('a line of a program built by %s', (toolchain) => {
  const sonde = new PxEnvironment();
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  let tables = 0;
  /** The rows of a probe at a line, of two rounds of the program. */
  async function rowsAt<Row extends object>(
    mark: string,
    columns: Readonly<Record<string, string>>,
    calls?: string,
  ): Promise<Row[]> {
    const process = await startProcess(await goFixture({ source: { 'main.go': source }, toolchain }), {
      ready: /^ready$/m,
    });
    const file = writeProbeScript(sonde.folder, {
      upid: await sonde.upid(process.pid),
      name: `at_${tables++}`,
      function: `main.go:${lineOf(mark)}`,
      columns,
      ...(calls === undefined ? {} : { calls }),
    });
    await sonde.ok(['run', '-f', file]);
    for (const round of [2, 3]) {
      process.write('go\n');
      await process.until('done', () => process.lines.length === round);
    }
    const rows = await sonde.rows<Row>(['run', '-f', file]);
    await process.kill();
    return rows;
  }

  it.each([
    ['leaf', { 'main.framed < main.main': 16, 'main.main.func1': 4 }],
    ['inlined', { 'main.framed < main.main': 56 }],
    ['prologue', { 'main.main': 16 }],
    ['framed', { 'main.main': 16 }],
    ['epilogue', { 'main.main': 16 }],
    ['appended', { 'main.main': 16 }],
    ['several', { 'main.main': 16 }],
    // Every second time by way of the runtime, that panics because of the division by zero.
    ['deferred', { 'main.deferring < main.main': 16 }],
    ['started', { '': 2 }],
  ] as const)('knows by what calls control came to %s', async (mark, expected) => {
    const rows = await rowsAt<{ caller: string; stack: string }>(mark, { caller: 'Caller()', stack: 'Stack()' });
    const seen: Record<string, number> = {};
    for (const { caller, stack } of rows) {
      const frames = JSON.parse(stack) as string[];
      expect(frames[0]).toBe(caller);
      expect(frames.at(-1)).toMatch(/^runtime\.goexit /);
      const names = frames.map((frame) => frame.split(' ')[0]!);
      const key = names.filter((name) => name.startsWith('main.')).join(' < ');
      seen[key] = (seen[key] ?? 0) + 1;
    }
    expect(seen).toEqual(expected);
  });

  it('is shown with its callers by px trace', async () => {
    const process = await startProcess(await goFixture({ source: { 'main.go': source }, toolchain }), {
      ready: /^ready$/m,
    });
    const place = `main.go:${lineOf('leaf')}`;
    const trace = await sonde.trace(process.pid, place, [
      '--stack',
      '--log',
      'a={a} from {caller}',
      '--when',
      'a == 1',
    ]);
    process.write('go\n');
    await trace.atLeast(2);
    const { calls } = await trace.stop();
    const frames = (calls as unknown as readonly { log: string; stack: readonly string[] }[]).map(({ log, stack }) => {
      expect(log).toBe(`a=1 from ${stack[0]}`);
      return stack[0]!.split(' ')[0];
    });
    expect(frames).toEqual(['main.framed', 'main.main.func1']);
    for (const [flags, text] of [
      [['--when', '$latency > 1ms'], `'$latency' is of a call, and ${place} is a line`],
      [['--log', '{d}'], `main.leaf has no variable 'd' at ${place}`],
      [['--stack', '--tree'], '--stack is of calls alone'],
    ] as const) {
      const { code, stderr } = await sonde.run(['trace', `${process.pid}`, place, ...flags]);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining(text)]);
    }
    await process.kill();
  });

  it('that a function is declared on is its entry: once a call, with what it was given', async () => {
    const rows = await rowsAt<{ n: number; kind: string }>('prologue', { n: "ArgExpr('n')", kind: "ArgExpr('kind')" });
    const round = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ n, kind: n % 2 === 0 ? 'odd' : 'even' }));
    expect(rows.map(({ n, kind }) => ({ n, kind }))).toEqual([...round, ...round]);
    // Old compilers do not say where the statement of this line begins.
    const recovers = await rowsAt('recovers', { stack: 'Stack()' });
    expect(recovers.length).toBe(16);
  });

  it('without code is told with the nearest ones of its function', async () => {
    const process = await startProcess(await goFixture({ source: { 'main.go': source }, toolchain }), {
      ready: /^ready$/m,
    });
    const { stderr } = await sonde.run(['trace', `${process.pid}`, `main.go:${lineOf('gap')}`, '--for', '1s']);
    expect(stderr).toMatch(/has no code\n.*nearest lines of main\.framed that have: /);
    const nearly = await sonde.run(['trace', `${process.pid}`, 'main.go:12:3', '--for', '1s']);
    expect(nearly.stderr).toContain("'main.go:12:3' is no line");
    const sites = await sonde.ok(['debug', 'sites', `${process.pid}`, `main.go:${lineOf('framed')}`]);
    expect(sites.stdout).toMatch(/^main\.framed\n {2}entry 0x/m);
    await process.kill();
  });

  it('keeps and adds up turns as it does calls', async () => {
    const kept = await rowsAt<{ a: number }>('leaf', { a: "ArgExpr('a')" }, "when='a > 2 && a < 8', per='a', first=1");
    expect(kept.map(({ a }) => a)).toEqual([3, 4, 5, 6, 7]);
    const within = await rowsAt('leaf', { a: "ArgExpr('a')" }, "within='main.framed'");
    expect(within.length).toBe(16);
    const added = await rowsAt<{ caller: string; turns: number; sum: number; keys: string }>('leaf', {
      caller: 'Caller()',
      turns: 'Count()',
      sum: "Sum(pxtrace.ArgExpr('b'))",
      keys: "TopKeys(pxtrace.ArgExpr('a'))",
    });
    const turns: Record<string, number> = {};
    for (const { caller, turns: count } of added) {
      const key = caller.split(' ')[0]!;
      turns[key] = (turns[key] ?? 0) + Number(count);
    }
    expect(turns).toEqual({ 'main.framed': 16, 'main.main.func1': 4 });
  });
});
