import { dirname } from 'node:path';

/** The root of the clone, absolute. */
export const root: string = dirname(import.meta.dirname);
