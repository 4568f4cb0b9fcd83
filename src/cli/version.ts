import { readFileSync } from 'node:fs';

/** Where the package lies: the folder of package.json. */
export const packageRoot = new URL('../../', import.meta.url);

let known: string | undefined;

/** The version of px and of the agent that it starts, from package.json. */
export function version(): string {
  known ??= (JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string }).version;
  return known;
}
