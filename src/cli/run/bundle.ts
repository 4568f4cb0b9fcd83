import { readFileSync, statSync } from 'node:fs';
import { nearest } from '#base';
import { UserError } from '../failure.ts';
import { bundledScript, bundledScripts, describe, type ScriptSource } from './library.ts';

/** Scripts under names. */
export interface Library {
  /** Of those that are listed. */
  readonly names: readonly string[];
  /** @throws UserError when there is no such script, with the nearest names */
  script(name: string): ScriptSource;
  /** One line; empty when there is none. */
  describe(name: string): string;
}

/** The most that is read of a bundle, in bytes. */
const mostBytes = 64 << 20;
const fetchMs = 30_000;

/**
 * The scripts that come along; or those of a folder, of a bundle (Pixie's: one JSON file with many scripts), or of a bundle's URL.
 * @throws UserError when there is none, it cannot be read, or it is no bundle
 */
export async function openLibrary(where?: string): Promise<Library> {
  if (where === undefined) return ofFolder();
  if (/^https?:\/\//.test(where)) return ofBundle(where, await fetched(where));
  const stat = statSync(where, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`no such file or folder: ${where}; a bundle is a folder, a bundle.json or its URL`);
  if (!stat.isDirectory()) return ofBundle(where, readFileSync(where, 'utf8'));
  const library = ofFolder(where);
  if (library.names.length === 0) throw new UserError(`there is no .pxl file below ${where}`);
  return library;
}

function ofFolder(folder?: string): Library {
  return {
    names: bundledScripts(folder),
    script: (name) => bundledScript(name, folder),
    describe: (name) => describe(name, folder),
  };
}

interface Bundled {
  readonly pxl: string;
  readonly vis?: string;
  readonly ShortDoc?: string;
  readonly hidden?: boolean;
}

/** `{"scripts": {"px/name": {"pxl": "…", "vis": "…", "ShortDoc": "…"}}}` */
function ofBundle(where: string, text: string): Library {
  const scripts = new Map<string, Bundled>();
  for (const [name, each] of Object.entries(scriptsIn(where, text))) {
    const { pxl, vis } = (each ?? {}) as Partial<Bundled>;
    if (typeof pxl !== 'string' || (vis !== undefined && vis !== null && typeof vis !== 'string'))
      throw new UserError(`${where} is no bundle: the script ${JSON.stringify(name)} has no text under "pxl"`);
    scripts.set(name, each as Bundled);
  }
  const names = [...scripts].flatMap(([name, { hidden }]) => (hidden ? [] : [name])).sort();
  return {
    names,
    script: (name) => {
      const found = scripts.get(name);
      if (found === undefined) throw unknown(name, where, names);
      const { pxl, vis } = found;
      return { name, text: pxl, ...(vis ? { vis, visFile: `${name}/vis.json` } : {}) };
    },
    describe: (name) => scripts.get(name)?.ShortDoc ?? '',
  };
}

function scriptsIn(where: string, text: string): object {
  let found: unknown;
  try {
    found = (JSON.parse(text) as { scripts?: unknown } | null)?.scripts;
  } catch (error) {
    throw new UserError(`${where} is no bundle: ${(error as Error).message}`);
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found;
  throw new UserError(`${where} is no bundle: it has no "scripts", as {"scripts": {"px/name": {"pxl": "…"}}}`);
}

function unknown(name: string, where: string, names: readonly string[]): UserError {
  const near = nearest(name, names);
  const advice = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `\`px script list -b ${where}\` lists them`;
  return new UserError(`no script ${name} in ${where}; ${advice}`);
}

async function fetched(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(fetchMs) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status} ${answer.statusText}`.trimEnd());
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    const { message, name, cause } = error as Error;
    const why =
      name === 'TimeoutError'
        ? `no answer within ${fetchMs / 1000} s`
        : cause instanceof Error
          ? cause.message
          : message;
    throw new UserError(`cannot read ${url}: ${why.trim()}`);
  }
}
