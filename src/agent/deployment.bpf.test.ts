import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestDeployer } from '../../testing/deployer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../../testing/process.ts';
import type { RingDescription } from './reader/messages.ts';
import { Reader, type RingSink } from './reader/reader.ts';
import { Shared } from './shared.ts';

/** Calls main.hold(N) on a goroutine of its own for every line N; it takes N milliseconds. */
const source = `package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"
)

//go:noinline
func hold(n int64) int64 {
	time.Sleep(time.Duration(n) * time.Millisecond)
	return n
}

func main() {
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, _ := strconv.ParseInt(in.Text(), 10, 64)
		go func() { fmt.Println("held", hold(n)) }()
	}
}
`;

let sonde: TestDeployer;
beforeAll(() => {
  sonde = new TestDeployer();
});
afterAll(async () => {
  await sonde[Symbol.asyncDispose]();
  await killStarted();
});

it('a deployment that has ended tells the calls that ran at its end: none is without account', async () => {
  const target = await startProcess(await goFixture({ source: { 'main.go': source } }), { ready: /ready/ });
  const { deployment, rows, ended } = await sonde.place(target.pid, 'main.hold');
  target.write('0\n');
  await target.waitFor(/held 0/);
  target.write('600000\n600001\n');
  await expect.poll(async () => (await deployment.running()).length).toBe(2);
  await deployment.fail('FAILED', 'it cost too much');
  expect(await ended).toEqual(['FAILED', 'it cost too much']);
  expect(rows.map(({ args, outcome }) => [args.n, outcome])).toEqual([[0, 'returned']]);
  const running = await deployment.running();
  expect(running.map(({ captured }) => JSON.parse(captured).args.n).sort()).toEqual([600000, 600001]);
  expect(deployment.hits).toBe(rows.length + running.length);
});

it('processes of one binary share what it became, wherever it is mapped, and each has its own rows, whoever ends first', async () => {
  const shown = `package main

import (
	"bufio"
	"fmt"
	"os"
)

type pair struct {
	Pid  int
	Word string
}

//go:noinline
func show(v interface{}, next func() string) string { return next() }

func main() {
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word := in.Text()
		show(pair{os.Getpid(), word}, func() string { return word })
	}
}
`;
  const program = await goFixture({ source: { 'main.go': shown }, flags: ['-buildmode=pie'] });
  const targets = await Promise.all([1, 2, 3, 4].map(() => startProcess(program, { ready: /ready/ })));
  const shared = new Shared();
  shared.processes = targets.length;
  const place = (pid: number) => sonde.place(pid, 'main.show', { shared });
  const placed = [await place(targets[0]!.pid), await place(targets[1]!.pid), await place(targets[2]!.pid)];
  const words: string[][] = targets.map(() => []);
  const say = async (index: number, word: string) => {
    targets[index]!.write(`${word}\n`);
    words[index]!.push(word);
    await expect.poll(() => placed[index]!.rows.length).toBe(words[index]!.length);
  };
  for (const index of [0, 1, 2]) await say(index, 'all');
  await placed[0]!.deployment.close();
  for (const index of [1, 2]) await say(index, 'first gone');
  placed.push(await place(targets[3]!.pid));
  await placed[1]!.deployment.close();
  for (const index of [2, 3]) await say(index, 'one come');
  await Promise.all(placed.map(({ deployment }) => deployment.close()));
  for (const [index, { rows }] of placed.entries()) {
    const { pid } = targets[index]!;
    expect(rows.map(({ args }) => args)).toEqual(
      words[index]!.map((word) => ({
        v: { '(type)': 'main.pair', Pid: pid, Word: word },
        next: { func: 'main.main.func1', captured: { word } },
      })),
    );
  }
  shared[Symbol.dispose]();
});

it('rows come by themselves after each pause; so do those of entries alone', async () => {
  const target = await startProcess(await goFixture({ source: { 'main.go': source } }), { ready: /ready/ });
  const calls = await sonde.place(target.pid, 'main.hold');
  const { upid } = sonde.processes.find(String(target.pid))[0]!;
  const columns = [{ name: 'n', capture: { kind: 'argument', text: 'n' } }] as const;
  let entered = 0;
  const entries = await sonde.placeLogical(
    {
      name: 'entries',
      table: 'entries',
      target: { kind: 'upid', upid },
      ttlNs: 0n,
      probes: [{ function: 'main.hold', columns }],
    },
    { batch: ({ rows }) => void (entered += rows) },
  );
  const burst = 500;
  for (let round = 1; round <= 4; round++) {
    // Nothing is asked for: what is not woken for stays in the ring.
    target.write('0\n'.repeat(burst));
    await expect.poll(() => calls.rows.length, { timeout: 10_000 }).toBe(round * burst);
    await expect.poll(() => entered, { timeout: 10_000 }).toBe(round * burst);
  }
  expect([calls.deployment.drops, entries.drops]).toEqual([0, 0]);
  await Promise.all([calls.deployment.close(), entries.close()]);
});

it('where rows are kept, calls that run at the end get one', async () => {
  const target = await startProcess(await goFixture({ source: { 'main.go': source } }), { ready: /ready/ });
  const { deployment, rows } = await sonde.place(target.pid, 'main.hold', { rowsOfRunning: true });
  target.write('0\n600000\n');
  await target.waitFor(/held 0/);
  await expect.poll(async () => (await deployment.running()).length).toBe(1);
  await deployment.close();
  expect(rows.map(({ args, outcome }) => [args.n, outcome])).toEqual([
    [0, 'returned'],
    [600000, 'running'],
  ]);
});

/** Tells the reader's thread of a layout without slots for the first ring that is opened. */
class MisledReader extends Reader {
  #opened = 0;

  override open(ring: RingDescription, sink: RingSink): Promise<void> {
    if (this.#opened++ > 0) return super.open(ring, sink);
    const plans = ring.plans.map((plan) => ({ ...plan, entry: { ...plan.entry!, slots: [] } }));
    return super.open({ ...ring, plans }, sink);
  }
}

/** Opens a ring that is none first, with the same plans. */
class FailingReader extends Reader {
  failure: unknown;

  override async open(ring: RingDescription, sink: RingSink): Promise<void> {
    this.failure = await super.open({ ...ring, id: ring.id + 1e6, ringFd: 1e6 }, sink).catch((error: unknown) => error);
    return super.open(ring, sink);
  }
}

it('a ring that cannot be read leaves nothing behind for the next one', async () => {
  const reader = new FailingReader();
  await using own = new TestDeployer(undefined, reader);
  const target = await startProcess(await goFixture({ source: { 'main.go': source } }), { ready: /ready/ });
  const { deployment, rows } = await own.place(target.pid, 'main.hold');
  expect(String(reader.failure)).toMatch(/EBADF/);
  target.write('7\n');
  await target.waitFor(/held 7/);
  await deployment.close();
  expect(rows.map(({ args }) => args.n)).toEqual([7]);
});

it('an error of ours in reading one tracepoint ends that one, with the reason; the others go on', async () => {
  const reader = new MisledReader();
  await using own = new TestDeployer(undefined, reader);
  const target = await startProcess(await goFixture({ source: { 'main.go': source } }), { ready: /ready/ });
  const broken = await own.place(target.pid, 'main.hold');
  const whole = await own.place(target.pid, 'main.hold');
  target.write('0\n');
  const [state, reason] = await broken.ended;
  expect(state).toBe('FAILED');
  expect(reason).toMatch(/^bug in Sonde: .*; its probes were taken off, all else goes on$/);
  target.write('1\n');
  await target.waitFor(/held 1/);
  await whole.deployment.close();
  expect(whole.rows.map(({ args, outcome }) => [args.n, outcome])).toEqual([
    [0, 'returned'],
    [1, 'returned'],
  ]);
});
