/** Any place in a program: patterns, instances, wrappers, inlined copies, lines, and processes that start later; every call once. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess, temporaryFolder } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

type shape interface{ Sum(k int) int }
type point struct{ x, y int }

//go:noinline
func (p point) Sum(k int) int { return p.x + p.y + k }

type counter struct{ n int }

//go:noinline
func (c *counter) Sum(k int) int { c.n += k; return c.n }

// Inlined in two places, called in a third; begins with what may become the head of a loop.
func small(a, b int) int {
	s := a
	for i := 0; i < b; i++ {
		s += i * a
	}
	return s
}

//go:noinline
func once(n int) int { return small(n, 3) + 1 }

//go:noinline
func often(n int) int {
	t := 0
	for i := 0; i < n; i++ {
		t += small(i, 2)
	}
	return t
}

var call = small

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	c := &counter{}
	shapes := []shape{point{1, 2}, &point{3, 4}, c}
	t := 0
	for lines.Scan() {
		for i := 0; i < 10; i++ {
			t += once(i) + often(5) + call(i, 1)
			for _, s := range shapes {
				t += s.Sum(i)
			}
		}
		fmt.Println("done", t)
	}
}
`;

describe.each(['local', 'go1.21.13', 'go1.17.13'] as const)('a program built by %s', (toolchain) => {
  const sonde = new PxEnvironment();
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  const start = async (name = 'places') => {
    const built = await goFixture({ source: { 'main.go': source }, toolchain });
    const executable = join(temporaryFolder('sonde-places-'), name);
    copyFileSync(built, executable);
    return startProcess(executable, { ready: /^ready$/m });
  };

  /** How often each place was seen in ten rounds. */
  async function seen(place: string, expected: number): Promise<Record<string, number>> {
    const process = await start();
    const trace = await sonde.trace(process.pid, place);
    process.write('go\n');
    await trace.atLeast(expected);
    const { calls } = await trace.stop();
    const counts: Record<string, number> = {};
    for (const call of calls as readonly { function: string; inlined_into?: string }[]) {
      const key = call.inlined_into === undefined ? call.function : `${call.function} in ${call.inlined_into}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  it('inlined copies and calls: each once', async () => {
    expect(await seen('main.small', 70)).toEqual({
      'main.small': 10,
      'main.small in main.once': 10,
      'main.small in main.often': 50,
    });
  });

  /** Rows of ten rounds of one process, or of two of that name, and what px says of the calls that were kept, and of all. */
  async function kept(place: string, flags: readonly string[], processes = 1) {
    const name = `kept-${toolchain}`;
    const started = await Promise.all(Array.from({ length: processes }, () => start(name)));
    const trace = await sonde.trace(processes === 1 ? started[0]!.pid : name, place, flags);
    for (const process of started) process.write('go\n');
    for (const process of started) await process.until('done', () => process.lines.length > 1);
    const { calls, stderr } = await trace.stop();
    for (const process of started) await process.kill();
    const [, all, kept = all] = /(\d+) calls(?: \((\d+) kept\))?, /.exec(stderr) ?? [];
    return { rows: calls.length, kept: Number(kept), all: Number(all) };
  }

  it('first, sample and within are of a probe as it was written: of copies and calls, of all functions of a pattern, of all processes', async () => {
    // Behind the first ones px ends: it has not seen all calls.
    expect(await kept('main.small', ['--first', '12'])).toMatchObject({ rows: 12, kept: 12 });
    expect(await kept('main.small', ['--sample', '7'])).toEqual({ rows: 10, kept: 10, all: 70 });
    expect(await kept('main.small', ['--within', 'main.often'])).toEqual({ rows: 50, kept: 50, all: 70 });
    expect(await kept('main.small', ['--first', '1', '--per', 'a'])).toEqual({ rows: 10, kept: 10, all: 70 });
    expect(await kept('re:^main\\.(once|often|.*Sum)$', ['--first', '7'])).toMatchObject({ rows: 7, kept: 7 });
    expect(await kept('re:^main\\.(once|often)$', ['--first', '3', '--per', 'n'])).toEqual({
      rows: 3 + 9,
      kept: 3 + 9,
      all: 20,
    });
    expect(await kept('main.once', ['--first', '5'], 2)).toMatchObject({ rows: 5, kept: 5 });
    // Conditions that the kernel decides.
    expect(await kept('re:^main\\.(once|often)$', ['--when', 'n > 2 && n != 5'])).toMatchObject({
      rows: 6,
      all: 20,
    });
    expect(await kept('main.small', ['--when', 'a > 2', '--first', '15'])).toMatchObject({ rows: 15 });
  });

  it('a log line says what is not known in a copy', async () => {
    // Go 1.17 tells nothing of results.
    const [template, called, inlined] =
      toolchain === 'go1.17.13'
        ? ['{a}, {b}', '9, 1', /^9, <dead here>$/]
        : ['{a}, {$0}', '9, 9', /^9, <the results of main\.small are not known: /];
    const process = await start();
    const trace = await sonde.trace(process.pid, 'main.small', ['--log', template, '--when', 'a > 8']);
    process.write('go\n');
    await trace.atLeast(2);
    const lines = (await trace.stop()).calls.map((call) => (call as { log?: string }).log);
    expect(lines).toEqual([expect.stringMatching(inlined), called]);
  });

  it('callers and stacks of copies are those of the calls that were inlined', async () => {
    const process = await start();
    const file = writeProbeScript(sonde.folder, {
      upid: await sonde.upid(process.pid),
      name: `stacks_${toolchain.replaceAll('.', '_')}`,
      function: 'main.small',
      columns: { caller: 'Caller()', stack: 'Stack()' },
    });
    await sonde.ok(['run', '-f', file]);
    process.write('go\n');
    await process.until('done', () => process.lines.length > 1);
    const rows = await sonde.rows<{ caller: string; stack: string }>(['run', '-f', file]);
    const seen: Record<string, number> = {};
    for (const { caller, stack } of rows) {
      const names = (JSON.parse(stack) as string[]).map((each) => each.split(' ')[0]);
      expect((JSON.parse(stack) as string[])[0]).toBe(caller);
      const key = `${caller.replace(/ .*:/, ' ')} < ${names[1]}`;
      seen[key] = (seen[key] ?? 0) + 1;
    }
    const line = (text: string) => source.split('\n').findIndex((each) => each.includes(text)) + 1;
    expect(seen).toEqual({
      [`main.once ${line('small(n, 3)')} < main.main`]: 10,
      [`main.often ${line('small(i, 2)')} < main.main`]: 50,
      [`main.main ${line('call(i, 1)')} < runtime.main`]: 10,
    });
  });

  it('wrappers that the compiler makes are no callers', async () => {
    const process = await start();
    const trace = await sonde.trace(process.pid, 'main.point.Sum', ['--log', '{caller}', '--stack']);
    process.write('go\n');
    await trace.atLeast(20);
    const calls = (await trace.stop()).calls as unknown as readonly { log: string; stack: readonly string[] }[];
    // Of the pointers, too, which are in the interface with a method of the compiler's.
    const line = source.split('\n').findIndex((each) => each.includes('s.Sum(i)')) + 1;
    for (const { log, stack } of calls) {
      expect(log).toMatch(new RegExp(`^main\\.main .*:${line}$`));
      expect(stack[0]).toBe(log);
    }
  });

  it('aggregates: of copies and calls, each once', async () => {
    const process = await start();
    const file = writeProbeScript(sonde.folder, {
      upid: await sonde.upid(process.pid),
      name: `added_${toolchain.replaceAll('.', '_')}`,
      function: 'main.small',
      columns: { calls: 'Count()', sum: "Sum(pxtrace.ArgExpr('a'))" },
    });
    const counts = writeProbeScript(sonde.folder, {
      upid: await sonde.upid(process.pid),
      name: `counted_${toolchain.replaceAll('.', '_')}`,
      function: 'main.small',
      columns: { calls: 'Count()' },
    });
    await sonde.ok(['run', '-f', file]);
    await sonde.ok(['run', '-f', counts]);
    process.write('go\n');
    await process.until('done', () => process.lines.length > 1);
    const total = async (script: string, of: 'calls' | 'sum') =>
      (await sonde.rows<{ calls: number; sum: number }>(['run', '-f', script])).reduce((sum, row) => sum + row[of], 0);
    // Of main.once, of main.often five for each of its, and by the variable.
    expect([await total(file, 'calls'), await total(file, 'sum')]).toEqual([10 + 50 + 10, 45 + 100 + 45]);
    expect(await total(counts, 'calls')).toBe(10 + 50 + 10);
  });

  it('a pattern: every function that it fits, wrappers by what they wrap', async () => {
    expect(await seen('re:^main\\.(once|often|.*Sum)$', 50)).toEqual({
      'main.once': 10,
      'main.often': 10,
      'main.point.Sum': 20,
      'main.(*counter).Sum': 10,
    });
  });

  it('a line: every time that control comes to it', async () => {
    const line = source.split('\n').findIndex((text) => text.includes('t += s.Sum(i)')) + 1;
    expect(await seen(`main.go:${line}`, 30)).toEqual({ 'main.main': 30 });
  });

  it('a process that starts later is traced within a second', async () => {
    const script = join(sonde.folder, 'later.pxl');
    writeFileSync(
      script,
      `import px
import pxtrace

@pxtrace.probe('main.once')
def probe():
    return [{'n': pxtrace.ArgExpr('n')}]

pxtrace.UpsertTracepoint('later', 'later', probe, pxtrace.Process(name='later-${toolchain}'), '5m')
`,
    );
    await sonde.ok(['run', '-f', script]);
    // It has no columns yet.
    const asked = await sonde.run(['run', '-f', '-'], { input: "import px\npx.display(px.DataFrame('later'))\n" });
    expect(asked.stderr).toMatch(
      /Table 'later' not found[\s\S]*tracepoint 'later' is waiting for a process that it fits: .*later-/,
    );
    const process = await start(`later-${toolchain}`);
    const listed = async () => (await sonde.ok(['tracepoint', 'list'])).stdout;
    await expect.poll(listed, { timeout: 20_000 }).toMatch(/later\s+RUNNING/);
    process.write('go\n');
    await expect.poll(listed, { timeout: 20_000 }).toMatch(/main\.once\s+later\s.*\s10\s+10\s+0\s/);
  });
});

it('a generic function: instances that are called, and those that are inlined everywhere; many are counted before they are traced', async () => {
  const sonde = new PxEnvironment();
  const lengths = Array.from({ length: 16 }, (_, i) => i + 1);
  const text = `package main

import (
	"fmt"
	"os"
	"time"
)

func larger[T int | float64](a, b T) T {
	if a > b {
		return a
	}
	return b
}

var called = larger[float64]

//go:noinline
func kept[T any](v T) T { return v }

//go:noinline
func round(i int) int { return larger(i, 5) + int(called(float64(i), 2)) }

func main() {
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	t := 0
	for i := 0; i < 20; i++ {
		t += round(i)
	}
	fmt.Println("done", t)
	for {
${lengths.map((length) => `		kept(new([${length}]int))`).join('\n')}
		time.Sleep(10 * time.Millisecond)
	}
}
`;
  const file = await goFixture({ source: { 'main.go': text, 'go.mod': 'module generic\n\ngo 1.21\n' } });
  const process = await startProcess(file, { ready: /^ready$/m });
  const trace = await sonde.trace(process.pid, 'main.larger');
  process.write('\n');
  await trace.atLeast(40);
  const { calls } = await trace.stop();
  const places = (calls as readonly { inlined_into?: string }[]).map((call) => call.inlined_into ?? '');
  expect([calls.length, places.filter((into) => into === 'main.round').length]).toEqual([40, 20]);

  const many = await sonde.trace(process.pid, 'main.kept');
  await many.atLeast(160);
  const kept = (await many.stop()).calls as readonly { function: string; outcome: string }[];
  expect(new Set(kept.map((call) => call.function))).toEqual(
    new Set(lengths.map((length) => `main.kept[*[${length}]int]`)),
  );
  expect(new Set(kept.map((call) => call.outcome))).toEqual(new Set(['returned']));
  await sonde.dispose();
  await process.kill();
});
