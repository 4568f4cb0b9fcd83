/**
 * `node bench/budget.ts [rounds]`: how soon what costs too much is gone, as the program itself sees it. Its functions are called at full speed while all of them are asked
 * for; it notes how many calls it has made in each millisecond. Then one function is called at a steady rate above the budget.
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDeployer } from '../testing/deployer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { machine, median, milliseconds, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 5);
const functions = 10_000;
const source = `package main

import ("bufio"; "fmt"; "os"; "strconv"; "strings"; "sync/atomic"; "time")

//go:noinline
func leaf(n int) int { return n ^ 1 }

${Array.from({ length: functions }, (_, i) => `//go:noinline\nfunc f${i}(n int) int { return leaf(n) + ${i} }`).join('\n')}

var all = []func(int) int{${Array.from({ length: functions }, (_, i) => `f${i}`).join(', ')}}

var stop atomic.Bool

// flood FROM COUNT: calls COUNT functions from FROM on, round and round until it is stopped, and prints how many calls each millisecond had.
func flood(from, count int) {
	begin, at, slices := time.Now(), 0, []int{}
	for stop.Store(false); !stop.Load(); {
		for i := 0; i < 20; i++ {
			at++
			all[from+at%count](at)
		}
		for now := int(time.Since(begin).Milliseconds()); len(slices) <= now; { slices = append(slices, 0) }
		slices[len(slices)-1] += 20
	}
	fmt.Println(strings.Trim(fmt.Sprint(slices), "[]"))
}

// steady RATE SECONDS: calls f0 so often a second.
func steady(rate, seconds int) {
	begin := time.Now()
	for made := 0; ; {
		due := int(time.Since(begin).Seconds() * float64(rate))
		for ; made < due; made++ { f0(made) }
		if due > rate*seconds { break }
		time.Sleep(time.Millisecond)
	}
	fmt.Println("steady")
}

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		w := strings.Fields(in.Text())
		if w[0] == "stop" { stop.Store(true); continue }
		a, _ := strconv.Atoi(w[1])
		b, _ := strconv.Atoi(w[2])
		if w[0] == "flood" { go flood(a, b) } else { steady(a, b) }
	}
}
`;
const program = await goFixture({ source: { 'main.go': source } });
// What it does in a millisecond must not depend on what else runs here.
const target = await startProcess('nice', { args: ['-n', '-15', program], ready: /^ready$/m });
const sonde = new TestDeployer();
// Descriptors of the deployer do not keep the process alive.
const alive = setInterval(() => {}, 1_000);

function asked(pattern: string, ended: (state: string, reason: string) => void = () => {}) {
  const { upid } = sonde.processes.find(String(target.pid))[0]!;
  return sonde.placeLogical(
    {
      name: 'budget',
      table: 'budget',
      target: { kind: 'upid', upid },
      ttlNs: 0n,
      probes: [{ function: pattern, columns: [{ name: 'latency', capture: { kind: 'latency' } }] }],
    },
    { ended },
  );
}

interface Refused {
  /** Milliseconds in which the program made less than half of its calls. */
  readonly slow: number;
  /** The same, from when the calls so far cost as much as a refusal takes: 5 % of 0.4 s. */
  readonly afterBudget: number;
}

/** All functions are asked for while `count` of them, from `from` on, are called at full speed. */
async function refused(from: number, count: number): Promise<Refused> {
  const before = target.lines.length;
  target.write(`flood ${from} ${count}\n`);
  await sleep(500);
  const reason = await asked('re:^main\\.f\\d').then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );
  if (!reason.includes('not traced, because it would cost too much')) throw new Error(reason);
  await sleep(300);
  target.write('stop\n');
  const line = await target.until('slices', () => target.lines[before], 60_000);
  const slices = line.split(' ').map(Number);
  // Before anything was asked for.
  const usual = median(slices.slice(50, 450));
  if (usual === 0) throw new Error('the machine is too busy to tell what the probes cost');
  const lost = slices.map((calls) => 1 - Math.min(1, calls / usual));
  const slow = lost.flatMap((share, ms) => (ms > 450 && share > 0.5 ? [ms] : []));
  const end = slow.at(-1) ?? 0;
  let spent = 0;
  const passed = lost.findIndex((share, ms) => ms > 450 && (spent += share) > 20);
  return { slow: slow.length, afterBudget: Math.max(0, end - passed) };
}

/** Milliseconds from the first call until the probe of f0 is off, which is called so often a second. */
async function takenOff(rate: number): Promise<number> {
  let off = 0;
  const ended = new Promise<string>((resolve) => {
    void asked('main.f0', (_, reason) => {
      off = performance.now();
      resolve(reason);
    });
  });
  await sleep(300);
  const began = performance.now();
  target.write(`steady ${rate} 5\n`);
  const before = target.lines.length;
  const reason = await ended;
  if (!reason.includes('What would fit')) throw new Error(reason);
  await target.until('steady', () => target.lines[before], 20_000);
  return off - began;
}

try {
  const { emulatedNs } = await sonde.kernel.hitCost();
  // The first opens the binary and loads the disassembler.
  await (await asked('re:^main\\.f\\d')).close();
  const rows: string[][] = [];
  for (const [name, from, count] of [
    ['all 10,000', 0, functions],
    ['100, of the first attached', 0, 100],
    ['100, of the last attached', functions - 100, 100],
  ] as const) {
    const all: Refused[] = [];
    for (let i = 0; i < rounds; i++) all.push(await refused(from, count));
    const of = (part: keyof Refused) => all.map((each) => each[part]);
    rows.push([
      name,
      milliseconds(median(of('slow'))),
      milliseconds(median(of('afterBudget'))),
      milliseconds(Math.max(...of('afterBudget'))),
    ]);
  }
  console.log(`budget: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; ${rounds} rounds\n`);
  console.log(
    table(
      ['of 10,000 functions asked for are called at full speed', 'slowed for', 'from passing the budget', 'at most'],
      rows,
    ),
  );
  // A tenth of a CPU, twice the budget.
  const rate = Math.round(0.1 / ((2 * emulatedNs + 1_500) / 1e9));
  const off: number[] = [];
  for (let i = 0; i < rounds; i++) off.push(await takenOff(rate));
  console.log(
    `\n${rate} calls a second of one function, above the budget: off after ${milliseconds(median(off))}, at most ${milliseconds(Math.max(...off))}`,
  );
} finally {
  clearInterval(alive);
  await sonde[Symbol.asyncDispose]();
  await killStarted();
}
process.exit(0);
