/**
 * `node bench/agent.ts [seconds]`: what the agent costs the machine: resident memory and CPU time when nothing happens, with the demo
 * traced and quiet, and after many calls; and what it does once, at its start. The default is long enough for an agent that nobody asks
 * to have given memory back (`IdleTimer`).
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { calibrate, kernelFeatures, readKernelBtf } from '#bpf';
import { openSys } from '#sys';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { DemoServer } from '../testing/targets.ts';
import { machine, median, milliseconds, table } from './report.ts';

const seconds = Number(process.argv[2] ?? 20);

interface Usage {
  readonly residentMb: number;
  readonly privateMb: number;
  /** Milliseconds of CPU time, user and system, of all threads, since the start. */
  readonly cpuMs: number;
  /** Context switches of all threads since the start: wake-ups, more or less. */
  readonly switches: number;
}

function usage(pid: number): Usage {
  const kb = (file: string, name: string) =>
    Number(
      new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? Number.NaN,
    );
  // proc_pid_stat(5): fields 14 and 15, in ticks of 1/100 s; the name in field 2 may have blanks.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    residentMb: kb('status', 'VmRSS') / 1024,
    privateMb: (kb('smaps_rollup', 'Private_Clean') + kb('smaps_rollup', 'Private_Dirty')) / 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    switches: kb('status', 'voluntary_ctxt_switches') + kb('status', 'nonvoluntary_ctxt_switches'),
  };
}

const rows: string[][] = [];
async function observe(what: string, pid: number): Promise<void> {
  const before = usage(pid);
  await sleep(seconds * 1000);
  const after = usage(pid);
  rows.push([
    what,
    `${after.residentMb.toFixed(0)} MB`,
    `${after.privateMb.toFixed(0)} MB`,
    `${(after.cpuMs - before.cpuMs).toFixed(0)} ms`,
    `${after.switches - before.switches}`,
  ]);
}

const demo = await DemoServer.start();
const sonde = new PxEnvironment();
try {
  await sonde.ok(['agent', 'start']);
  const pid = (await sonde.agentPid())!;
  await sleep(1000);
  await observe('just started, nothing asked', pid);
  const upid = await sonde.upid(demo.pid);
  const script = writeProbeScript(sonde.folder, {
    upid,
    name: 'agent',
    function: 'main.computeE',
    columns: { iterations: "ArgExpr('iterations')", latency: 'FunctionLatency()' },
  });
  await sonde.ok(['run', '-f', script]);
  await observe('demo traced, no calls', pid);
  for (let i = 0; i < 10_000; i++) await demo.get('/e');
  await sonde.ok(['run', '-f', script, '-o', 'json']);
  await observe('after 10,000 rows and a query', pid);
} finally {
  await sonde.dispose();
  await killStarted();
}
console.log(`agent: ${machine()}; each line ${seconds} s; main thread's context switches\n`);
console.log(table(['state', 'resident', 'of it private', `CPU in ${seconds} s`, 'switches'], rows));

const sys = openSys();
const once: Record<string, () => unknown> = {
  'what the kernel has (kernelFeatures)': () => kernelFeatures(sys),
  'what a hit costs (calibrate)': () => calibrate(sys),
  'kernel types (readKernelBtf)': () => readKernelBtf(sys).fieldOffset('task_struct', 'thread.fsbase'),
};
const atStart: string[][] = [];
for (const [what, action] of Object.entries(once)) {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    await action();
    times.push(performance.now() - began);
  }
  atStart.push([what, milliseconds(times[0]!), milliseconds(median(times))]);
}
console.log(`\n${table(['once, at the start', 'first', 'median of 5'], atStart)}`);
