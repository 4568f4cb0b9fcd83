/**
 * `node bench/under-load.ts [rounds] [seconds]`: requests a second that caddy answers with a file while the calls of 1, 100 and 1,000 functions of `net/http` (and, where
 * that has not so many, of its other packages) are counted, interleaved with no probe; as a share of the rounds without before and behind. Nothing is refused here:
 * the budget would not let most of it be.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
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
  readonly p99: number;
}

async function ask(): Promise<Load> {
  const { stdout } = await startProcess(load, {
    args: [`http://127.0.0.1:${port}/page.html`, String(connections), String(seconds)],
  }).then(async (command) => {
    await command.exited;
    return command;
  });
  const [perSecond, failed, , p99] = stdout.trim().split(' ').map(Number);
  return { perSecond: perSecond!, failed: failed!, p99: p99! };
}

const { upid } = sonde.processes.find(String(server.pid))[0]!;

/** Counts the calls of each function of a pattern for the time of one load. */
async function counted(
  pattern: string,
): Promise<Load & { readonly functions: number; readonly hits: number; readonly stepped: number }> {
  const deployment = await sonde.placeLogical({
    name: 'load',
    table: 'load',
    target: { kind: 'upid', upid },
    ttlNs: 0n,
    noBudget: true,
    probes: [{ function: pattern, columns: [{ name: 'calls', capture: { kind: 'aggregate', function: 'count' } }] }],
  });
  const { functions, hits: before } = deployment;
  const steppedBefore = deployment.cost(0, 1);
  const result = await ask();
  const hits = deployment.hits - before;
  const stepped = deployment.cost(0, 1) - steppedBefore;
  await deployment.close();
  return { ...result, functions: functions.length, hits, stepped };
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
    const shares: number[] = [];
    const rates: number[] = [];
    const without: number[] = [];
    let last: Awaited<ReturnType<typeof counted>> | undefined;
    for (let round = 0; round < rounds; round++) {
      const before = await ask();
      last = await counted(pattern);
      const after = await ask();
      failed += before.failed + last.failed + after.failed;
      without.push((before.perSecond + after.perSecond) / 2);
      rates.push(last.perSecond);
      shares.push(last.perSecond / without.at(-1)!);
      process.stderr.write(`${last.functions} functions: ${shares.at(-1)!.toFixed(2)}\n`);
    }
    rows.push([
      String(last!.functions),
      Math.round(median(without)).toLocaleString('en'),
      Math.round(median(rates)).toLocaleString('en'),
      median(shares).toFixed(2),
      (last!.hits / (last!.perSecond * seconds)).toFixed(1),
      (last!.stepped / (last!.perSecond * seconds)).toFixed(1),
    ]);
  }
  console.log(
    `under-load: ${machine()}, load ${loadavg()[0]!.toFixed(0)}; caddy, a file of 1.4 kB, ${connections} connections, median of ${rounds} rounds of ${seconds} s\n`,
  );
  console.log(
    table(
      ['functions counted', 'requests/s without', 'with', 'share left', 'hits a request', 'of them two traps'],
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
