import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type GoToolchain, goCommand, goEnvironment, goVersion } from './go-toolchain.ts';
import { withLock } from './lock.ts';
import { root } from './root.ts';

/** One Go program to be built. */
export interface GoFixture {
  /**
   * A folder with a main package: a name under `testing/fixtures/`, or a path with a slash, relative to the root of the
   * clone. Or the files themselves by name; a `go.mod` is added if there is none.
   */
  readonly source: string | Readonly<Record<string, string>>;
  /** Default `local`. */
  readonly toolchain?: GoToolchain;
  /** Further arguments of `go build`, such as `-ldflags=-s -w`, `-gcflags=all=-N -l`, `-buildmode=pie`, `-race`. */
  readonly flags?: readonly string[];
  /** Further environment of `go build`, such as GOARCH, CGO_ENABLED. Default: CGO_ENABLED=0. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Where built fixtures are kept between runs: `$SONDE_TEST_CACHE` or `.cache/go-fixtures` in the clone. */
export function fixtureCache(): string {
  return process.env.SONDE_TEST_CACHE ?? join(root, '.cache', 'go-fixtures');
}

/**
 * Path of the built program; builds it if source, toolchain, flags and environment were not seen before. Safe to call from
 * several processes at once: one builds, the others wait. Never write to the file: copy it first.
 *
 * @throws GoToolchainError with the compiler's output.
 */
export async function goFixture(fixture: GoFixture): Promise<string> {
  const toolchain = fixture.toolchain ?? 'local';
  const files =
    typeof fixture.source === 'string'
      ? readFolder(fixtureFolder(fixture.source))
      : new Map(Object.entries(fixture.source));
  if (!files.has('go.mod')) files.set('go.mod', 'module fixture\n\ngo 1.17\n');
  const version = await goVersion(toolchain);
  const flags = [...(atLeast(version, 18) ? ['-buildvcs=false'] : []), ...(fixture.flags ?? [])];
  const env = { CGO_ENABLED: '0', ...fixture.env };

  const hash = createHash('sha256').update(JSON.stringify([process.arch, version, flags, env]));
  for (const name of [...files.keys()].sort()) hash.update(`\0${name}\0`).update(files.get(name)!);
  const folder = join(fixtureCache(), hash.digest('hex').slice(0, 24));
  const program = join(folder, 'program');
  if (existsSync(program)) return program;

  return withLock(`${folder}.lock`, async () => {
    if (existsSync(program)) return program;
    const name = typeof fixture.source === 'string' ? fixture.source : 'inline source';
    process.stderr.write(`go-fixtures: building ${name} with ${version} ${(fixture.flags ?? []).join(' ')}\n`);
    // Built from a copy beside the program: the paths in its debug info are those of files that stay.
    const source = join(folder, 'source');
    rmSync(folder, { recursive: true, force: true });
    for (const [file, text] of files) {
      mkdirSync(dirname(join(source, file)), { recursive: true });
      writeFileSync(join(source, file), text);
    }
    const draft = join(folder, 'draft');
    await goCommand(['build', ...flags, '-o', draft, '.'], { ...(await goEnvironment(toolchain)), ...env }, source);
    renameSync(draft, program);
    return program;
  });
}

function fixtureFolder(source: string): string {
  return source.includes('/') ? resolve(root, source) : join(root, 'testing', 'fixtures', source);
}

/** The files of a folder and those below it by relative path: Go sources, assembly, C, go.mod and what is embedded. */
function readFolder(folder: string): Map<string, Buffer | string> {
  const files = new Map<string, Buffer | string>();
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name);
    if (statSync(path).isFile()) files.set(relative(folder, path), readFileSync(path));
  }
  return files;
}

/** Whether `go1.X…` is at least `go1.<minor>`. */
export function atLeast(version: string, minor: number): boolean {
  const match = /^go1\.(\d+)/.exec(version);
  return match === null || Number(match[1]) >= minor;
}
