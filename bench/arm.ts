/**
 * `node bench/arm.ts [rounds]`: probes on 1, 100, 1,000 and 10,000 functions of a running nats-server, from the call of the agent's deployer to breakpoints that
 * have been seen in the process's memory, and off again; bpftrace beside it, which takes seconds for what it is asked here and minutes for more.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { TestDeployer } from '../testing/deployer.ts';
import { killStarted, type RunningProcess, startProcess } from '../testing/process.ts';
import { realServer } from '../testing/real-server.ts';
import { bpftrace, version } from './peers.ts';
import { machine, median, milliseconds, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 3);
/** Those that have so many functions in nats-server, about; bpftrace's name for them, where it is asked: it lets go of one in some 120 ms. */
const patterns = [
  ['main.main', 'main.main'],
  ['bufio', 'bufio.*'],
  ['net/http', undefined],
  ['re:^[a-q]', undefined],
] as const;

const program = await realServer('nats-server');
if (program === undefined) process.exit(1);
const server = await startProcess(program, {
  args: ['-a', '127.0.0.1', '-p', '0'],
  ready: /Server is ready/,
});
const sonde = new TestDeployer();
// Descriptors of the deployer do not keep the process alive.
const alive = setInterval(() => {}, 1_000);

interface Times {
  readonly armed: number;
  readonly disarmed: number;
  readonly cpu: number;
}

async function bySonde(pattern: string): Promise<Times & { readonly functions: readonly string[] }> {
  const { upid } = sonde.processes.find(String(server.pid))[0]!;
  const began = performance.now();
  const before = process.cpuUsage();
  const deployment = await sonde.placeLogical({
    name: 'arm',
    table: 'arm',
    target: { kind: 'upid', upid },
    ttlNs: 0n,
    // Nothing is watched before: that time is the same for everybody.
    noBudget: true,
    probes: [{ function: pattern, columns: [{ name: 'latency', capture: { kind: 'latency' } }] }],
  });
  const armed = performance.now();
  const { user, system } = process.cpuUsage(before);
  const { functions } = deployment;
  await deployment.close();
  return { functions, armed: armed - began, disarmed: performance.now() - armed, cpu: (user + system) / 1000 };
}

/** The same functions, counted. */
async function byBpftrace(peer: string, name: string): Promise<Times & { readonly functions: number }> {
  const began = performance.now();
  const probe = `uprobe:${program}:"${name}" { @ = count(); }`;
  const command = await startProcess(peer, {
    args: ['-p', String(server.pid), '-e', probe],
    ready: /Attaching \d+ probe/,
  });
  const functions = Number(/Attaching (\d+) probe/.exec(command.stdout)![1]);
  // And one a CPU for its output.
  while (held(command) < functions + availableParallelism()) {
    if (command.exit !== undefined || performance.now() - began > 60_000)
      throw new Error(`bpftrace did not place ${functions} probes: ${command.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const armed = performance.now();
  const cpu = cpuMs(command);
  // A signal while it is still attaching is lost.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const ending = performance.now();
  command.child.kill('SIGINT');
  await command.exited;
  return { functions, armed: armed - began, disarmed: performance.now() - ending, cpu };
}

/** Perf events that a process has open: one a probe. */
function held({ pid }: RunningProcess): number {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).includes('perf_event')).length;
  } catch {
    return 0;
  }
}

/** User and system time of a process: fields 14 and 15 of its stat, in hundredths of a second. */
function cpuMs({ pid }: RunningProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

const rows: string[][] = [];
const of = (times: readonly Times[], part: keyof Times) => milliseconds(median(times.map((each) => each[part])));
try {
  const peer = bpftrace();
  // The first opens the binary and loads the disassembler.
  await bySonde('main.main');
  for (const [pattern, wildcard] of patterns) {
    const ours: Awaited<ReturnType<typeof bySonde>>[] = [];
    for (let round = 0; round < rounds; round++) ours.push(await bySonde(pattern));
    const theirs = peer === undefined || wildcard === undefined ? undefined : await byBpftrace(peer, wildcard);
    rows.push([
      String(ours[0]!.functions.length),
      of(ours, 'armed'),
      of(ours, 'cpu'),
      of(ours, 'disarmed'),
      ...(theirs === undefined
        ? ['not run', 'not run', 'not run', 'not run']
        : [String(theirs.functions), of([theirs], 'armed'), of([theirs], 'cpu'), of([theirs], 'disarmed')]),
    ]);
    process.stderr.write(`${pattern}: ${ours[0]!.functions.length} functions\n`);
  }
  const name = peer === undefined ? 'bpftrace' : `bpftrace ${version(peer)}`;
  console.log(
    `arm: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; median of ${rounds} rounds, bpftrace once; nats-server, latency of every call\n`,
  );
  console.log(table(['functions', 'Sonde armed', 'CPU', 'disarmed', name, 'armed', 'CPU', 'disarmed'], rows));
} finally {
  clearInterval(alive);
  await sonde[Symbol.asyncDispose]();
  await killStarted();
}
process.exit(0);
