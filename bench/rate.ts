/**
 * `node bench/rate.ts [seconds]`: how many hits a second one thread that does nothing else makes, with every one of them counted or sent, and how many
 * were lost; Sonde's events and aggregates and bpftrace's, on one process, one after the other.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { goFixture } from '../testing/go-fixtures.ts';
import { ProbedCode } from '../testing/probed-code.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { bpftrace, version } from './peers.ts';
import { machine, table } from './report.ts';

const seconds = Number(process.argv[2] ?? 2);
const fn = 'main.hit';
const program = await goFixture({ source: 'bench/hit-target' });
const target = await startProcess(program, { ready: /^ready$/m });
const code = await ProbedCode.of(target.pid, program, fn);
const sonde = new PxEnvironment();

interface Measured {
  /** Of the target's calls. */
  readonly perSecond: number;
  readonly calls: number;
  readonly seen: number;
}

/** Nanoseconds a call of `calls` calls. */
async function call(calls: number): Promise<number> {
  const before = target.lines.length;
  target.write(`${calls}\n`);
  return Number.parseFloat(await target.until(`${calls} calls`, () => target.lines[before], 120_000));
}

/** How often a second calls are made: at full speed, or (`share`) in bursts of 20 ms of it with pauses. */
async function run(seen: (calls: number) => Promise<number>, share: number): Promise<Measured> {
  const first = await call(2_000);
  const burst = Math.round(((share === 1 ? seconds * 1000 : 20) * 1e6) / first);
  const began = performance.now();
  let calls = 0;
  let ns = 0;
  do {
    const due = began + (calls / burst) * (20 / share);
    if (share < 1) await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    ns = await call(burst);
    calls += burst;
  } while (performance.now() - began < seconds * 1000);
  const perSecond = share === 1 ? 1e9 / ns : calls / ((performance.now() - began) / 1000);
  return { perSecond, calls: calls + 2_000, seen: await seen(calls + 2_000) };
}

async function bySonde(
  name: string,
  columns: Readonly<Record<string, string>>,
  count: string,
  share: number,
): Promise<Measured> {
  const upid = await sonde.upid(target.pid);
  const script = writeProbeScript(sonde.folder, { upid, name, function: fn, columns });
  const text = readFileSync(script, 'utf8');
  // A million rows need not be shown.
  writeFileSync(script, `${count === '' ? text.replace("'))", "').head(1))") : text}\n#px:set no_budget=true\n`);
  await sonde.ok(['run', '-f', script, '-o', 'json']);
  try {
    return await run(async () => {
      // Rows of the last second come with the query that asks for them.
      const rows = await sonde.rows<Record<string, number>>(['run', '-f', script]);
      const [status] = await sonde.rows<{ state: string; drops: number; reason: string; rows: number }>([
        'tracepoint',
        'list',
      ]);
      if (status?.state !== 'RUNNING') throw new Error(`${name}: ${status?.reason}`);
      return count === '' ? status.rows : rows.reduce((sum, row) => sum + row[count]!, 0);
    }, share);
  } finally {
    await sonde.ok(['tracepoint', 'delete', name]);
  }
}

async function byBpftrace(peer: string, action: string, share: number): Promise<Measured> {
  const args = ['-p', String(target.pid), '-e', `uprobe:${program}:${fn} { ${action} }`];
  const command = await startProcess(peer, { args });
  while (code.breakpoints() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 500));
  return run(async (calls) => {
    // What it prints may come for a while.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await command.kill('SIGINT');
    const lost = [...`${command.stdout}${command.stderr}`.matchAll(/Lost (\d+) events/g)];
    return calls - lost.reduce((sum, [, count]) => sum + Number(count), 0);
  }, share);
}

const args = { a: "ArgExpr('a')", b: "ArgExpr('b')", c: "ArgExpr('c')", name: "ArgExpr('name')" };
const variants: [string, (share: number) => Promise<Measured>][] = [
  ['Sonde, an event a call: 3 integers and a string', (share) => bySonde('events', args, '', share)],
  [
    'Sonde, two events a call: the same, result, latency',
    (share) => bySonde('both', { ...args, r: "RetExpr('$0')", l: 'FunctionLatency()' }, '', share),
  ],
  [
    'Sonde, added up: count, sum by a string',
    (share) => bySonde('sums', { name: "ArgExpr('name')", n: 'Count()', s: "Sum(pxtrace.ArgExpr('a'))" }, 'n', share),
  ],
  [
    'Sonde, added up: count, histogram of latencies',
    (share) => bySonde('latencies', { n: 'Count()', h: 'Histogram(pxtrace.FunctionLatency())' }, 'n', share),
  ],
];
const peer = bpftrace();
if (peer !== undefined) {
  const name = `bpftrace ${version(peer)}`;
  variants.push([`${name}, count()`, (share) => byBpftrace(peer, '@ = count();', share)]);
  variants.push([
    `${name}, count(), sum() by a register`,
    (share) => byBpftrace(peer, '@[reg("cx")] = count(); @s[reg("cx")] = sum(reg("ax"));', share),
  ]);
  variants.push([`${name}, printf of one register`, (share) => byBpftrace(peer, 'printf("%d\\n", reg("ax"));', share)]);
}
const rows: string[][] = [];
const count = (value: number) => Math.round(value).toLocaleString('en');
try {
  await call(20_000_000); // warm
  for (const [name, measure] of variants) {
    const full = await measure(1);
    let lossless = full;
    // Half as many, until all are seen.
    for (let share = 0.5; lossless.seen < lossless.calls && share > 0.01; share /= 2) lossless = await measure(share);
    const lost = full.calls - full.seen;
    rows.push([
      name,
      count(full.perSecond),
      `${lost} (${((100 * lost) / full.calls).toFixed(1)} %)`,
      lossless.seen < lossless.calls ? 'none found' : count(lossless.perSecond),
    ]);
    if ((await code.clean()) === Number.POSITIVE_INFINITY) throw new Error(`${name} left its breakpoint`);
    process.stderr.write(`${name}\n`);
  }
} finally {
  await sonde.dispose();
  await killStarted();
}
console.log(`rate: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; one thread, ${seconds} s each\n`);
console.log(table(['what is done with a call', 'calls a second at full speed', 'lost', 'without loss'], rows));
