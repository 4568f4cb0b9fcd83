import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { goCommand, goEnvironment } from '../testing/go-toolchain.ts';
import { root } from '../testing/root.ts';

/** The version that all figures in docs/benchmarks.md were taken with. */
const delve = 'v1.27.2';

/** Path of bpftrace; installs the Debian package if it is missing. Undefined where that cannot be. */
export function bpftrace(): string | undefined {
  if (spawnSync('bpftrace', ['--version']).status === 0) return 'bpftrace';
  if (spawnSync('apt-get', ['--version']).status !== 0) return undefined;
  console.log('bench: installing the Debian package bpftrace');
  spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  spawnSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'bpftrace'], { stdio: 'ignore' });
  return spawnSync('bpftrace', ['--version']).status === 0 ? 'bpftrace' : undefined;
}

/** Path of dlv; builds it through the Go module proxy on first use (about a minute and a half). */
export async function dlv(): Promise<string | undefined> {
  const folder = join(root, '.cache', 'bench');
  const program = join(folder, 'dlv');
  if (existsSync(program)) return program;
  console.log(`bench: building dlv ${delve}`);
  mkdirSync(folder, { recursive: true });
  try {
    await goCommand(
      ['install', `github.com/go-delve/delve/cmd/dlv@${delve}`],
      { ...(await goEnvironment('local')), GOBIN: folder },
      folder,
    );
    return program;
  } catch (error) {
    console.log(`bench: no dlv: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}

export function version(program: string): string {
  const text = execFileSync(program, [program.endsWith('dlv') ? 'version' : '--version'], { encoding: 'utf8' });
  return /v?\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? '?';
}
