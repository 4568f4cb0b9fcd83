import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest } from '#base';
import { UserError } from '../failure.ts';
import { packageRoot } from '../version.ts';

/** A script as it lies on disk. */
export interface ScriptSource {
  /** For messages: the file's path as the user gave it, or the bundled name. */
  readonly name: string;
  readonly text: string;
  /** Text of the vis.json beside it. */
  readonly vis?: string;
  readonly visFile?: string;
}

function libraryFolder(): string {
  return fileURLToPath(new URL('scripts', packageRoot));
}

/** The names that `px run` knows, such as `px/upids`: every folder below `scripts/` that holds one .pxl file, and each file where there are several. */
export function bundledScripts(folder = libraryFolder()): string[] {
  return [...scriptFiles(folder).keys()].sort();
}

/** Files by the names of their scripts. */
function scriptFiles(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.pxl'));
  const inFolder = new Map<string, number>();
  for (const path of paths) inFolder.set(dirname(path), (inFolder.get(dirname(path)) ?? 0) + 1);
  return new Map(
    paths.map((path) => {
      const alone = dirname(path) !== '.' && inFolder.get(dirname(path)) === 1;
      return [alone ? dirname(path) : path.slice(0, -'.pxl'.length), join(folder, path)];
    }),
  );
}

/** @throws UserError when there is no such script, with the nearest names */
export function bundledScript(name: string, folder = libraryFolder()): ScriptSource {
  const files = scriptFiles(folder);
  const file = files.get(name);
  if (file !== undefined) return { ...readScript(file), name };
  const near = nearest(name.includes('/') ? name : `px/${name}`, [...files.keys()]);
  const advice = existsSync(name)
    ? `${name} is a file: px run -f ${name}`
    : near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : '`px script list` lists them';
  throw new UserError(`no bundled script ${name}; ${advice}`);
}

/** The one-line description of a bundled script: `short` of the manifest.json beside it, or of Pixie's manifest.yaml; empty when there is none. */
export function describe(name: string, folder = libraryFolder()): string {
  try {
    const { short } = JSON.parse(readFileSync(join(folder, name, 'manifest.json'), 'utf8')) as { short?: unknown };
    return typeof short === 'string' ? short : '';
  } catch {
    const yaml = join(folder, name, 'manifest.yaml');
    const text = existsSync(yaml) ? readFileSync(yaml, 'utf8') : '';
    return /^short: *(?:[>|][-+]?\n +)?(.+)$/m.exec(text)?.[1]?.trim() ?? '';
  }
}

/** A .pxl file, or a folder with exactly one of them; with the vis.json beside it. @throws UserError */
export function readScript(path: string): ScriptSource {
  let file = path;
  try {
    if (statSync(path).isDirectory()) {
      const scripts = readdirSync(path).filter((entry) => entry.endsWith('.pxl'));
      if (scripts.length !== 1) {
        throw new UserError(
          `${path} holds ${scripts.length === 0 ? 'no .pxl file' : `${scripts.length} .pxl files: name one`}`,
        );
      }
      file = join(path, scripts[0]!);
    }
    const text = scriptText(file, readFileSync(file));
    const visFile = join(dirname(file), 'vis.json');
    if (!existsSync(visFile)) return { name: file, text };
    return { name: file, text, visFile, vis: readFileSync(visFile, 'utf8') };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(code === 'ENOENT' ? `no such file: ${file}` : `cannot read ${file}: ${message}`);
  }
}

/** A script's text. @throws UserError for bytes that are no UTF-8 text, such as a binary's */
export function scriptText(name: string, bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new UserError(`${name} is not a PxL script but a binary file`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${name} is not UTF-8 text`);
  }
}
