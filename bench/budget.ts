/**
 * `node bench/budget.ts [rounds]`: how soon what costs too much is gone, as the program itself sees it: it times each of its calls, and one that met a probe takes longer by a trap. So a
 * pause that the scheduler makes is no hit. Its functions are called at full speed while all of them are asked for; then one function is called at a steady rate above the budget.
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDeployer } from '../testing/deployer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { machine, median, milliseconds, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 5);
const functions = 10_000;
/** What the agent takes for its programs until it has measured them. */
const programNs = 600;
const source = `package main

import ("bufio"; "fmt"; "os"; "strconv"; "strings"; "sync/atomic"; "time")

//go:noinline
func leaf(n int) int { return n ^ 1 }

${Array.from({ length: functions }, (_, i) => `//go:noinline\nfunc f${i}(n int) int { return leaf(n) + ${i} }`).join('\n')}

var all = []func(int) int{${Array.from({ length: functions }, (_, i) => `f${i}`).join(', ')}}

var stop atomic.Bool

// hits are calls of each millisecond since begin that took longer than a call without a probe does.
type hits struct {
	begin time.Time
	longer time.Duration
	slices []int
}

// call calls f twice: where both take long it is no interrupt, and no page or cache line that was missing.
func (h *hits) call(f func(int) int, n int) {
	at := time.Since(h.begin)
	f(n)
	middle := time.Since(h.begin)
	f(n)
	end := time.Since(h.begin)
	for ms := int(end.Milliseconds()); len(h.slices) <= ms; { h.slices = append(h.slices, 0) }
	if middle - at > h.longer && end - middle > h.longer { h.slices[len(h.slices)-1] += 2 }
}

func (h *hits) print() { fmt.Println(strings.Trim(fmt.Sprint(h.slices), "[]")) }

// flood FROM COUNT: calls COUNT functions from FROM on, round and round until it is stopped.
func flood(h *hits, from, count int) {
	stop.Store(false)
	for at := 0; !stop.Load(); at++ { h.call(all[from+at%count], at) }
	h.print()
}

// steady RATE SECONDS: calls f0 so often a second.
func steady(h *hits, rate, seconds int) {
	for made := 0; made < rate*seconds; {
		for due := int(time.Since(h.begin).Seconds() * float64(rate)); made < due; made += 2 { h.call(f0, made) }
		time.Sleep(time.Millisecond)
	}
	h.print()
}

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		w := strings.Fields(in.Text())
		if w[0] == "stop" { stop.Store(true); continue }
		a, _ := strconv.Atoi(w[1])
		b, _ := strconv.Atoi(w[2])
		ns, _ := strconv.Atoi(w[3])
		h := &hits{begin: time.Now(), longer: time.Duration(ns)}
		if w[0] == "flood" { go flood(h, a, b) } else { steady(h, a, b) }
	}
}
`;
const program = await goFixture({ source: { 'main.go': source } });
// What it does in a millisecond must not depend on what else runs here.
const target = await startProcess('nice', { args: ['-n', '-15', program], ready: /^ready$/m });
const sonde = new TestDeployer();
const { emulatedNs, steppedNs } = await sonde.kernel.hitCost();
/** A call that takes longer has met a probe. */
const longerNs = Math.round(0.6 * emulatedNs);
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

/** What the program prints next: its hits in each millisecond. */
async function hits(before: number): Promise<number[]> {
  const line = await target.until('hits', () => target.lines[before], 60_000);
  return line.split(' ').map(Number);
}

/** Of a function called at full speed; fewer hits in a millisecond are what else makes a call longer now and then. */
const fewest = 20;

/**
 * All functions are asked for while `count` of them, from `from` on, are called at full speed. Milliseconds from when the calls so far cost as much as a refusal takes, 5 % of 0.4 s, to the
 * last hit.
 */
async function refused(from: number, count: number, callNs: number): Promise<number> {
  const before = target.lines.length;
  target.write(`flood ${from} ${count} ${longerNs}\n`);
  await sleep(500);
  const reason = await asked('re:^main\\.f\\d').then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );
  if (!reason.includes('not traced, because it would cost too much')) throw new Error(reason);
  await sleep(300);
  target.write('stop\n');
  const slices = await hits(before);
  let spentNs = 0;
  const passed = slices.findIndex((each) => each >= fewest && (spentNs += each * callNs) > 20e6);
  if (passed < 0) throw new Error('what was refused has not cost the program what it may cost');
  return slices.findLastIndex((each) => each >= fewest) - passed;
}

/** Milliseconds from the first call until the last that met the probe of f0, which is called so often a second. */
async function takenOff(rate: number): Promise<number> {
  const ended = new Promise<string>((resolve) => {
    void asked('main.f0', (_, reason) => resolve(reason));
  });
  await sleep(300);
  const before = target.lines.length;
  target.write(`steady ${rate} 4 ${longerNs}\n`);
  const reason = await ended;
  if (!reason.includes('What would fit')) throw new Error(reason);
  return (await hits(before)).findLastIndex((each) => each > 0);
}

try {
  const callNs = emulatedNs + steppedNs + 2 * programNs;
  // The first opens the binary and loads the disassembler.
  await (await asked('re:^main\\.f\\d')).close();
  const rows: string[][] = [];
  for (const [name, from, count] of [
    ['all 10,000', 0, functions],
    ['100, of the first attached', 0, 100],
    ['100, of the last attached', functions - 100, 100],
  ] as const) {
    const all: number[] = [];
    for (let i = 0; i < rounds; i++) all.push(await refused(from, count, callNs));
    rows.push([
      name,

      milliseconds(median(all)),
      milliseconds(Math.max(...all)),
    ]);
  }
  console.log(`budget: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; ${rounds} rounds\n`);
  console.log(
    table(
      ['of 10,000 functions asked for are called at full speed', 'from passing the budget to the last hit', 'at most'],
      rows,
    ),
  );
  // A tenth of a CPU, twice the budget.
  const rate = Math.round(0.1 / (callNs / 1e9));
  const off: number[] = [];
  for (let i = 0; i < rounds; i++) off.push(await takenOff(rate));
  console.log(
    `\n${rate} calls a second of one function, above the budget: the last hit after ${milliseconds(median(off))}, at most ${milliseconds(Math.max(...off))}`,
  );
} finally {
  clearInterval(alive);
  await sonde[Symbol.asyncDispose]();
  await killStarted();
}
process.exit(0);
