/**
 * `node bench/under-load.ts [rounds] [seconds]`: requests a second that caddy answers with a file while the calls of 1, 100 and 1,000 functions of `net/http` (and, where
 * that has not so many, of its other packages) are counted, interleaved with no probe; as a share of the rounds without before and behind. Nothing is refused here:
 * the budget would not let most of it be. Beside them the least that probes at these places can cost: an empty program.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Assembler, immediate, r0 } from '#asm';
import { attachUprobes, loadProgram } from '#bpf';
import type { ProcessTracepoint } from '#model';
import { TestDeployer } from '../testing/deployer.ts';
import { freePort } from '../testing/free-port.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { realServer } from '../testing/real-server.ts';
import { machine, median, table } from './report.ts';

const rounds = Number(process.argv[2] ?? 3);
const seconds = Number(process.argv[3] ?? 2);
const connections = 16;

const program = await realServer('caddy');
if (program === undefined) process.exit(1);
const load = await goFixture({ source: 'bench/load' });
const folder = mkdtempSync(join(tmpdir(), 'sonde-under-load-'));
writeFileSync(join(folder, 'page.html'), 'x'.repeat(1_400));
const port = await freePort();
const server = await startProcess(program, {
  args: ['file-server', '--listen', `127.0.0.1:${port}`, '--root', folder],
  ready: /Caddy serving/,
});
const sonde = new TestDeployer();
// Descriptors of the deployer do not keep the process alive.
const alive = setInterval(() => {}, 1_000);

interface Load {
  readonly perSecond: number;
  readonly failed: number;
  /** Of the server, a request. */
  readonly cpuUs: number;
}

async function ask(): Promise<Load> {
  const before = cpuMs();
  const command = await startProcess(load, {
    args: [`http://127.0.0.1:${port}/page.html`, String(connections), String(seconds)],
  });
  await command.exited;
  const [perSecond, failed] = command.stdout.trim().split(' ').map(Number);
  return { perSecond: perSecond!, failed: failed!, cpuUs: ((cpuMs() - before) * 1000) / (perSecond! * seconds) };
}

/** Of the server, in user space and in the kernel. */
function cpuMs(): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

const { upid } = sonde.processes.find(String(server.pid))[0]!;

function counting(pattern: string): ProcessTracepoint {
  return {
    name: 'load',
    table: 'load',
    target: { kind: 'upid', upid },
    ttlNs: 0n,
    noBudget: true,
    probes: [{ function: pattern, columns: [{ name: 'calls', capture: { kind: 'aggregate', function: 'count' } }] }],
  };
}

/** Counts the calls of each function of a pattern for the time of one load. */
async function counted(
  pattern: string,
): Promise<Load & { readonly functions: number; readonly hits: number; readonly stepped: number }> {
  const deployment = await sonde.placeLogical(counting(pattern));
  const { functions, hits: before } = deployment;
  const steppedBefore = deployment.cost(0, 1);
  const result = await ask();
  const hits = deployment.hits - before;
  const stepped = deployment.cost(0, 1) - steppedBefore;
  await deployment.close();
  return { ...result, functions: functions.length, hits, stepped };
}

/** Has the kernel run a program that does nothing at the same places. */
async function emptyProgram(pattern: string): Promise<Load> {
  const { sys } = sonde;
  const asm = new Assembler();
  asm.mov(r0, immediate(0));
  asm.exit();
  using program = loadProgram(sys, asm.program('empty'), new Map(), { multi: true });
  const { pid } = server;
  const sites = sonde.sites(counting(pattern)).map(({ offset }) => ({ offset, cookie: 0 }));
  using _ = attachUprobes(sys, program, { executable: `/proc/${pid}/exe`, pid, sites });
  return await ask();
}

const patterns = [
  'net/http.serverHandler.ServeHTTP',
  're:^net/http[.]\\(\\*(?:conn|response|Request|Server)\\)',
  'net/http',
];
const rows: string[][] = [];
let failed = 0;
try {
  await ask(); // warm
  for (const pattern of patterns) {
    const without: Load[] = [];
    const counts: Awaited<ReturnType<typeof counted>>[] = [];
    const empty: Load[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = await ask();
      counts.push(await counted(pattern));
      empty.push(await emptyProgram(pattern));
      const after = await ask();
      const perSecond = (before.perSecond + after.perSecond) / 2;
      without.push({ ...before, perSecond, cpuUs: (before.cpuUs + after.cpuUs) / 2 });
      failed += [before, counts.at(-1)!, empty.at(-1)!, after].reduce((sum, each) => sum + each.failed, 0);
      process.stderr.write(
        `${counts[0]!.functions} functions: ${(counts.at(-1)!.perSecond / perSecond).toFixed(2)}, empty: ${(empty.at(-1)!.perSecond / perSecond).toFixed(2)}\n`,
      );
    }
    const last = counts.at(-1)!;
    const perRequest = (count: number) => (count / (last.perSecond * seconds)).toFixed(1);
    const row = (what: string, loads: readonly Load[], ...more: string[]) => [
      String(last.functions),
      what,
      Math.round(median(loads.map((each) => each.perSecond))).toLocaleString('en'),
      median(loads.map((each, round) => each.perSecond / without[round]!.perSecond)).toFixed(2),
      `${median(loads.map((each) => each.cpuUs)).toFixed(1)} µs`,
      ...more,
    ];
    rows.push(
      row('nothing', without, '', ''),
      row('counted', counts, perRequest(last.hits), perRequest(last.stepped)),
      row('an empty program', empty, '', ''),
    );
  }
  console.log(
    `under-load: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; caddy, a file of 1.4 kB, ${connections} connections, median of ${rounds} rounds of ${seconds} s\n`,
  );
  console.log(
    table(
      [
        'functions',
        'what is done',
        'requests/s',
        'share left',
        "the server's CPU a request",
        'hits a request',
        'of them two traps',
      ],
      rows,
    ),
  );
  console.log(`\nrequests that failed: ${failed}`);
} finally {
  clearInterval(alive);
  await sonde[Symbol.asyncDispose]();
  await killStarted();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
