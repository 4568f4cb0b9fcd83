/**
 * `make test`: every check and every test in order, each step's output as it comes, a table of the steps, what failed, and
 * as the last line `N passed, N failed, N skipped`. `node tools/test.ts unit e2e` runs only steps whose names begin so.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { failures, sum, type Tally, tally, type VitestReport } from './vitest-report.ts';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The command is vitest: its report is counted. Otherwise the step is one test, decided by the exit code. */
  readonly vitest?: true;
  readonly env?: Readonly<Record<string, string>>;
  /** A step that hangs must not eat all of CI's time. */
  readonly minutes: number;
}

const steps: readonly Step[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json', '--noEmit'], minutes: 5 },
  { name: 'types of pure parts', command: ['tsc', '-p', 'tsconfig.pure.json', '--noEmit'], minutes: 5 },
  { name: 'lint', command: ['biome', 'check', '--error-on-warnings', '.'], minutes: 5 },
  { name: 'import table', command: [process.execPath, 'tools/check-imports.ts'], minutes: 2 },
  { name: 'unit', command: ['vitest', 'run', '--project', 'unit'], vitest: true, minutes: 10 },
  { name: 'fuzz, a second each', command: [process.execPath, 'tools/fuzz.ts', '1'], minutes: 5 },
  { name: 'bpf', command: ['vitest', 'run', '--project', 'bpf'], vitest: true, minutes: 10 },
  { name: 'cluster', command: ['vitest', 'run', '--project', 'cluster'], vitest: true, minutes: 10 },
  { name: 'pods', command: ['vitest', 'run', '--project', 'pods'], vitest: true, minutes: 10 },
  { name: 'e2e', command: ['vitest', 'run', '--project', 'e2e'], vitest: true, minutes: 20 },
  {
    name: 'e2e without uprobe_multi',
    command: ['vitest', 'run', '--project', 'e2e', 'test/story.test.ts', 'test/exact.test.ts', 'test/kill.test.ts'],
    vitest: true,
    env: { SONDE_NO_UPROBE_MULTI: '1' },
    minutes: 10,
  },
];

const root = dirname(import.meta.dirname);
/** A line for each, told last, where a cut log still has them. */
const failed: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'sonde-test-reports-'));
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };

/** Exit code; null for a signal or the time limit. */
async function execute(step: Step, args: readonly string[]): Promise<number | null> {
  const child = spawn(step.command[0], args, {
    cwd: root,
    env: { ...env, ...step.env },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const timer = setTimeout(() => {
    console.log(`\n${step.name}: not done within ${step.minutes} minutes, ended`);
    killGroup(child.pid);
  }, step.minutes * 60_000);
  const forward = () => killGroup(child.pid);
  process.once('SIGINT', forward).once('SIGTERM', forward);
  try {
    return await new Promise((resolve) => {
      child.on('error', (error) => {
        console.log(error.message);
        resolve(null);
      });
      child.on('close', (code) => resolve(code));
    });
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', forward).off('SIGTERM', forward);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
    setTimeout(() => {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // gone
      }
    }, 5_000).unref();
  } catch {
    // gone
  }
}

async function run(step: Step, index: number): Promise<Tally> {
  const report = join(folder, `${index}.json`);
  const [, ...args] = step.command;
  const code = await execute(
    step,
    step.vitest ? [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : args,
  );
  if (!step.vitest) {
    if (code !== 0) failed.push(`${step.name}: exit code ${code}`);
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  }
  try {
    const read = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
    failed.push(...failures(read).map((line) => `${step.name}: ${line.replaceAll(`${root}/`, '')}`));
    return tally(read);
  } catch {
    failed.push(`${step.name}: vitest ended (${code}) without a report`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const wanted = process.argv.slice(2);
const chosen = steps.filter((step) => wanted.length === 0 || wanted.some((name) => step.name.startsWith(name)));
const lines: string[] = [];
const tallies: Tally[] = [];
for (const [index, step] of chosen.entries()) {
  console.log(`\n=== ${step.name}`);
  const began = performance.now();
  const result = await run(step, index);
  tallies.push(result);
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(7);
  lines.push(
    `${step.name.padEnd(26)}${seconds} s  ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`,
  );
}
rmSync(folder, { recursive: true, force: true });
const all = sum(tallies);
console.log(`\n=== steps\n${lines.join('\n')}\n`);
if (failed.length > 0) console.log(`=== failed\n${failed.join('\n')}\n`);
console.log(`${all.passed} passed, ${all.failed} failed, ${all.skipped} skipped`);
process.exit(all.failed === 0 && all.passed > 0 ? 0 : 1);
