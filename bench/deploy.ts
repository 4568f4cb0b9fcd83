/**
 * `node bench/deploy.ts [rounds]`: from the command to the breakpoint in the target's memory, and to the first event shown; Sonde with
 * the agent cold and warm, bpftrace and dlv beside it, on the demo server while it is being asked.
 */

import { goFixture } from '../testing/go-fixtures.ts';
import { ProbedCode } from '../testing/probed-code.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { DemoServer } from '../testing/targets.ts';
import { bpftrace, dlv, version } from './peers.ts';
import { machine, median, milliseconds, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 5);
const fn = 'main.computeE';
const program = await goFixture({ source: 'examples/simple-gotracing' });
let demo = await DemoServer.start();
let code = await ProbedCode.of(demo.pid, program, fn);

let asking = true;
const asked = (async () => {
  while (asking) {
    await demo.get('/e').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
})();

interface Times {
  readonly armed: number;
  /** NaN: the command shows no events. */
  readonly first: number;
}

/** Times from the start of a command. `event`: what its output has once the first event was shown. */
async function measure(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  event?: RegExp,
  end: NodeJS.Signals = 'SIGINT',
): Promise<Times> {
  const began = performance.now();
  const command = await startProcess(file, { args, env });
  const first =
    event === undefined
      ? Promise.resolve(Number.NaN)
      : command.waitFor(event, 60_000).then(() => performance.now() - began);
  while (code.breakpoints() === 0) {
    if (performance.now() - began > 30_000) throw new Error(`${file}: no breakpoint within 30 s\n${command.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const armed = performance.now() - began;
  const times = { armed, first: await first };
  if (event === undefined) await command.exited;
  else await command.kill(end);
  return times;
}

const all = new Map<string, Times[]>();
const add = (name: string, times: Times) => {
  const list = all.get(name);
  if (list) list.push(times);
  else all.set(name, [times]);
};

const bpftraceProgram = bpftrace();
const dlvProgram = await dlv();
try {
  for (let round = 0; round < rounds; round++) {
    const sonde = new PxEnvironment();
    try {
      const upid = await sonde.upid(demo.pid);
      await sonde.ok(['agent', 'stop']);
      while (sonde.processes().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const warmth of ['cold', 'warm']) {
        const name = `deploy_${warmth}`;
        const script = writeProbeScript(sonde.folder, {
          upid,
          name,
          function: fn,
          columns: { iterations: "ArgExpr('iterations')", latency: 'FunctionLatency()' },
        });
        add(`px run, agent ${warmth}`, await measure(sonde.px, ['run', '-f', script], sonde.env));
        await sonde.ok(['tracepoint', 'delete', name]);
        await code.clean();
      }
      add(
        'px trace, agent warm',
        await measure(sonde.px, ['trace', String(demo.pid), fn, '-o', 'json'], sonde.env, /"iterations"/),
      );
      await code.clean();
    } finally {
      await sonde.dispose();
    }
    if (bpftraceProgram !== undefined) {
      const text = `uprobe:${program}:${fn} { printf("hit %d\\n", reg("ax")); }`;
      add(
        `bpftrace ${version(bpftraceProgram)}`,
        await measure(bpftraceProgram, ['-p', String(demo.pid), '-e', text], process.env, /^hit \d+/m),
      );
      await code.clean();
    }
    if (dlvProgram !== undefined) {
      // Ended by a signal, dlv leaves its breakpoints and the target dies of them: the next round needs a new one.
      const args = ['trace', '--pid', String(demo.pid), fn];
      add(
        `dlv ${version(dlvProgram)} trace`,
        await measure(dlvProgram, args, process.env, /main\.computeE\(/, 'SIGKILL'),
      );
      await demo.process.kill();
      demo = await DemoServer.start();
      code = await ProbedCode.of(demo.pid, program, fn);
    }
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  }
} finally {
  asking = false;
  await asked;
  await killStarted();
}

console.log(`deploy: ${machine()}; the demo server, asked every 5 ms; median of ${rounds} rounds\n`);
const shown = (value: number) => (Number.isNaN(value) ? '' : milliseconds(value));
console.log(
  table(
    ['command', 'to the breakpoint', 'to the first event shown'],
    [...all].map(([name, times]) => [
      name,
      shown(median(times.map(({ armed }) => armed))),
      shown(median(times.map(({ first }) => first))),
    ]),
  ),
);
