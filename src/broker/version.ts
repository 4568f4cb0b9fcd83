import { readFileSync } from 'node:fs';

/** Version of Sonde: the package's. */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
