// From an executable to everything that one function's probe needs: place, arguments with their types, code, line, runtime offsets.
//   node --expose-gc bench/resolve.ts EXE=FUNCTION …       EXE may be /proc/PID/exe of a running process
// Each measurement is a process of its own; CPU seconds (user + system) and peak memory count from when it was idle. `index`: with what
// an earlier run kept of this binary. Beside it Go's debug/dwarf (bench/resolve-go, whole process). Medians of 5, ratios to Go's.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Measured {
  readonly cpu: number;
  readonly wall?: number;
  readonly megabytes: number;
  readonly exportCpu?: number;
  readonly text?: string;
}

const runs = 5;
const targets = process.argv.slice(2).map((argument) => {
  const split = argument.indexOf('=');
  if (split < 0) throw new Error(`${argument}: EXE=FUNCTION is expected`);
  return { path: argument.slice(0, split), name: argument.slice(split + 1) };
});
if (targets.length === 0) {
  console.error('usage: node --expose-gc bench/resolve.ts EXE=FUNCTION …');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-resolve-'));
try {
  const peer = buildPeer();
  const rows: string[][] = [['binary', 'MB', 'way', 'CPU s', 'wall s', 'MB above idle', 'CPU / Go', 'memory / Go']];
  for (const { path, name } of targets) {
    const index = join(folder, 'index');
    const size = (statSync(path).size / 1e6).toFixed(0);
    const short = path.startsWith('/proc/') ? path : path.slice(path.lastIndexOf('/') + 1);
    const go =
      peer === undefined
        ? undefined
        : median(() => JSON.parse(execFileSync(peer, [path, name], { encoding: 'utf8' })) as Measured);
    if (go) rows.push([short, size, 'Go debug/dwarf', go.cpu.toFixed(3), '', go.megabytes.toFixed(0), '', '']);
    const saved = measure('save', path, name, index);
    for (const way of ['cold', 'index'] as const) {
      const mine = median(() => measure(way, path, name, index));
      const ratio = (a: number, b: number | undefined) => (b === undefined ? '' : (a / b).toFixed(2));
      rows.push([
        short,
        size,
        way,
        mine.cpu.toFixed(3),
        mine.wall!.toFixed(3),
        mine.megabytes.toFixed(0),
        ratio(mine.cpu, go?.cpu),
        ratio(mine.megabytes, go?.megabytes),
      ]);
    }
    const kept = (statSync(index).size / 1e6).toFixed(1);
    rows.push([short, size, `making the index (${kept} MB)`, saved.exportCpu!.toFixed(3), '', '', '', '']);
    console.log(`${short}: ${saved.text}`);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
} finally {
  rmSync(folder, { recursive: true });
}

function measure(mode: 'cold' | 'save' | 'index', path: string, name: string, index: string): Measured {
  const script = join(import.meta.dirname, 'resolve-one.ts');
  const output = execFileSync(process.execPath, ['--expose-gc', script, mode, path, name, index], { encoding: 'utf8' });
  return JSON.parse(output) as Measured;
}

/** The run whose CPU time is in the middle. */
function median(run: () => Measured): Measured {
  const all = Array.from({ length: runs }, run).sort((a, b) => a.cpu - b.cpu);
  return all[Math.floor(runs / 2)]!;
}

/** Undefined where there is no Go: then nothing stands beside our numbers. */
function buildPeer(): string | undefined {
  const binary = join(folder, 'resolve-go');
  try {
    execFileSync('go', ['build', '-o', binary, '.'], { cwd: join(import.meta.dirname, 'resolve-go'), stdio: 'pipe' });
    return binary;
  } catch {
    console.error('go build of bench/resolve-go failed: no comparison');
    return undefined;
  }
}
