/**
 * `node bench/hit-cost.ts [rounds]`: what a call of a small function costs without a probe and with the probes of Sonde, bpftrace
 * and dlv on it, in one run of one process, variants interleaved, median of the rounds.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { goFixture } from '../testing/go-fixtures.ts';
import { ProbedCode } from '../testing/probed-code.ts';
import { killStarted, type RunningProcess, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { bpftrace, dlv, version } from './peers.ts';
import { machine, median, nanoseconds, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 5);
const fn = 'main.hit';

interface Variant {
  readonly name: string;
  /** Few enough that the budget does not take a probe of Sonde off (half a CPU for 0.75 s) and no ring overflows. */
  readonly calls: number;
  /** Calls another function than `hit`: see `shapes` in the target. */
  readonly shape?: string;
  /** So often, with a pause between; the median counts. Default 1. */
  readonly bursts?: number;
  readonly attach: () => Promise<() => Promise<void>>;
  /** dlv leaves its breakpoints behind when it is ended, and the target dies of them: it gets a target of its own, which is ended with it. */
  readonly ownTarget?: true;
}

const program = await goFixture({ source: 'bench/hit-target' });
const shared = await startTarget();
let target = shared;
let code = await ProbedCode.of(target.pid, program, fn);
const sonde = new PxEnvironment();
let drops = 0;

function startTarget(): Promise<RunningProcess> {
  return startProcess(program, { ready: /^ready$/m });
}

async function call(calls: number, shape?: string): Promise<number> {
  const before = target.lines.length;
  target.write(`${calls}${shape === undefined ? '' : ` ${shape}`}\n`);
  const line = await target.until(`${calls} calls`, () => target.lines[before], 120_000);
  return Number.parseFloat(line);
}

/** With the columns of a script; entry only if none of them needs the return. */
async function withSonde(
  name: string,
  columns: Readonly<Record<string, string>>,
  probed = fn,
): Promise<() => Promise<void>> {
  const upid = await sonde.upid(target.pid);
  const script = writeProbeScript(sonde.folder, { upid, name, function: probed, columns });
  // All of the map.
  writeFileSync(script, `#px:set capture_elements=128\n${readFileSync(script, 'utf8')}`);
  await sonde.ok(['run', '-f', script, '-o', 'json']);
  return async () => {
    const [row] = await sonde.rows<{ drops: number; state: string; reason: string }>(['tracepoint', 'list']);
    if (row?.state !== 'RUNNING') throw new Error(`the probe was taken off: ${row?.reason}`);
    drops += row.drops;
    await sonde.ok(['tracepoint', 'delete', name]);
  };
}

async function withProcess(
  file: string,
  args: readonly string[],
  signal: NodeJS.Signals,
): Promise<() => Promise<void>> {
  const peer = await startProcess(file, { args });
  await waitFor(() => code.breakpoints() > 0, peer);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return async () => {
    await peer.kill(signal);
  };
}

async function waitFor(condition: () => boolean, peer: RunningProcess): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (peer.exit !== undefined || tries > 3000)
      throw new Error(`${peer.file} placed no probe:\n${peer.stdout}${peer.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const threeIntsAndString = { a: "ArgExpr('a')", b: "ArgExpr('b')", c: "ArgExpr('c')", name: "ArgExpr('name')" };
const threeInts = { a: "ArgExpr('a')", b: "ArgExpr('b')", c: "ArgExpr('c')" };
const variants: Variant[] = [
  { name: 'no probe', calls: 20_000_000, attach: async () => async () => {} },
  {
    name: 'Sonde, entry: 3 integers and a string',
    calls: 4_000,
    bursts: 25,
    attach: () => withSonde('entry', threeIntsAndString),
  },
  {
    name: 'Sonde, entry and return: the same, result, latency',
    calls: 25_000,
    attach: () => withSonde('both', { ...threeIntsAndString, result: "RetExpr('$0')", latency: 'FunctionLatency()' }),
  },
  {
    name: 'Sonde, return: an integer result',
    calls: 25_000,
    attach: () => withSonde('result', { result: "RetExpr('$0')" }),
  },
  {
    name: 'Sonde, return: a float result, in a register',
    calls: 5_000,
    shape: 'float',
    attach: () => withSonde('float', { result: "RetExpr('$0')" }, 'main.hitFloat'),
  },
];
const shapes = {
  int: ['one integer', { v: "ArgExpr('a')" }, 'main.hitInt'],
  ints: ['3 integers', threeInts, 'main.hitInts'],
  string: ['a string of 64 bytes', { v: "ArgExpr('s')" }, 'main.hitString'],
  struct: ['a pointer to a struct of 20 fields', { v: "ArgExpr('w')" }, 'main.hitStruct'],
  tree: ['a tree of pointers, 3 deep (7 objects)', { v: "ArgExpr('t')" }, 'main.hitTree'],
  map: ['a map of 100 entries', { v: "ArgExpr('m')" }, 'main.hitMap'],
} as const;
for (const [shape, [what, columns, probed]] of Object.entries(shapes)) {
  variants.push({
    name: `Sonde, entry: ${what}`,
    calls: 500,
    bursts: 15,
    shape,
    attach: () => withSonde(shape, columns, probed),
  });
}
const bpftraceProgram = bpftrace();
if (bpftraceProgram !== undefined) {
  const probe = `uprobe:${program}:${fn}`;
  const attach = (action: string) => () =>
    withProcess(bpftraceProgram, ['-p', String(target.pid), '-e', `${probe} { ${action} }`], 'SIGINT');
  const name = `bpftrace ${version(bpftraceProgram)}`;
  variants.push({ name: `${name}, count()`, calls: 25_000, attach: attach('@ = count();') });
  variants.push({
    name: `${name}, printf of one register`,
    calls: 12_000,
    attach: attach('printf("%d\\n", reg("ax"));'),
  });
}
const dlvProgram = await dlv();
if (dlvProgram !== undefined) {
  variants.push({
    name: `dlv ${version(dlvProgram)} trace`,
    calls: 100,
    attach: () => withProcess(dlvProgram, ['trace', '--pid', String(target.pid), fn], 'SIGKILL'),
    ownTarget: true,
  });
}

const measured = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
try {
  await call(20_000_000); // warm
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) {
      if (variant.ownTarget) {
        target = await startTarget();
        code = await ProbedCode.of(target.pid, program, fn);
        await call(20_000_000);
      }
      const detach = await variant.attach();
      const bursts: number[] = [];
      for (let burst = 0; burst < (variant.bursts ?? 1); burst++) {
        bursts.push(await call(variant.calls, variant.shape));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      measured.get(variant.name)!.push(median(bursts));
      if (variant.ownTarget) {
        await target.kill();
        await detach();
        target = shared;
        code = await ProbedCode.of(target.pid, program, fn);
      } else {
        await detach();
        if ((await code.clean()) === Number.POSITIVE_INFINITY) throw new Error(`${variant.name} left its breakpoint`);
      }
    }
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  }
} finally {
  await sonde.dispose();
  await killStarted();
}

const none = median(measured.get('no probe')!);
const entry = median(measured.get(variants[1]!.name)!) - none;
console.log(`hit-cost: ${machine()}; median of ${rounds} rounds; a call without a probe takes ${nanoseconds(none)}\n`);
console.log(
  table(
    ['probe', 'ns a call', 'added', 'added, × Sonde entry'],
    variants.map(({ name }) => {
      const all = median(measured.get(name)!);
      return [
        name,
        nanoseconds(all),
        nanoseconds(Math.max(0, all - none)),
        name === 'no probe' ? '' : ((all - none) / entry).toFixed(1),
      ];
    }),
  ),
);
const one = median(measured.get(`Sonde, entry: ${shapes.int[0]}`)!);
console.log(
  `\na hit by what it captures, as a ratio to one that captures one integer (calls through a func value, ${nanoseconds(none)} of each its own):`,
);
for (const [what] of Object.values(shapes)) {
  console.log(`  ${what}: ${((median(measured.get(`Sonde, entry: ${what}`)!) - none) / (one - none)).toFixed(1)}`);
}
console.log(`\nevents that Sonde dropped meanwhile: ${drops}`);
