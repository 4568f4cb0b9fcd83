import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SondeError } from '#base';

const run = promisify(execFile);

/** `local`: the toolchain of the `go` command in the path. Others are fetched by that command, which must be 1.21 or later. */
export type GoToolchain = 'local' | `go1.${string}`;

/** The `go` command is missing or will not do as asked. Its output is in the message. */
export class GoToolchainError extends SondeError {
  readonly code = 'testing.go-toolchain';
}

let settings: Promise<Readonly<Record<string, string>>> | undefined;

/**
 * Environment in which `go` uses exactly this toolchain and no user settings: an old toolchain fails on flags of newer
 * ones that stand in `GOFLAGS` or in the file of `go env -w`. Where modules come from is taken over from those settings.
 */
export async function goEnvironment(toolchain: GoToolchain): Promise<NodeJS.ProcessEnv> {
  settings ??= readSettings();
  return { ...process.env, ...(await settings), GOENV: 'off', GOFLAGS: '', GOTOOLCHAIN: toolchain, GOWORK: 'off' };
}

async function readSettings(): Promise<Record<string, string>> {
  const names = ['GOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GONOSUMCHECK', 'GOPRIVATE', 'GOMODCACHE', 'GOCACHE', 'GOPATH'];
  const { stdout } = await goCommand(['env', '-json', ...names], process.env);
  const found = JSON.parse(stdout) as Record<string, string>;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ''));
}

/** `go1.26.8`. The first use of a toolchain downloads it through the module proxy (about 100 MB), which stderr says. */
export async function goVersion(toolchain: GoToolchain): Promise<string> {
  const { stdout } = await goCommand(['env', 'GOVERSION'], await goEnvironment(toolchain));
  return stdout.trim();
}

/** Why a toolchain cannot be had here, or undefined if it can: the typed reason of a skip. */
export async function toolchainMissing(toolchain: GoToolchain): Promise<string | undefined> {
  try {
    const version = await goVersion(toolchain);
    return toolchain === 'local' || version === toolchain
      ? undefined
      : `go says ${version} when asked for ${toolchain}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs `go`; what it reports of downloads goes on to our stderr. */
export async function goCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<{ stdout: string; stderr: string }> {
  try {
    const result = await run('go', args as string[], {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      maxBuffer: 64 << 20,
    });
    for (const line of result.stderr.split('\n')) {
      if (line.startsWith('go: downloading ')) process.stderr.write(`${line}\n`);
    }
    return result;
  } catch (cause) {
    const failure = cause as { code?: unknown; stderr?: string; message: string };
    if (failure.code === 'ENOENT') throw new GoToolchainError('there is no go command in the path', { cause });
    throw new GoToolchainError(
      `go ${args.join(' ')} (GOTOOLCHAIN=${env.GOTOOLCHAIN ?? ''}): ${failure.stderr || failure.message}`,
      {
        cause,
      },
    );
  }
}
