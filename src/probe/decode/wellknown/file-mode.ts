import type { WellKnown } from './index.ts';

/** `FileMode.String` (io/fs/fs.go): bits from the highest one down, then the permissions. */
const kinds = 'dalTLDpSugct?';
const permissions = 'rwxrwxrwx';

/** `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx` */
export function fileModeText(mode: bigint): string {
  const letters = (all: string, highest: number, otherwise: string) =>
    [...all].map((letter, i) => ((mode >> BigInt(highest - i)) & 1n ? letter : otherwise)).join('');
  return (letters(kinds, 31, '') || '-') + letters(permissions, 8, '-');
}

const fileMode: WellKnown = (renderer, _, place) => `"${fileModeText(renderer.uint(place.at, 4))}"`;

export const fileModes: Readonly<Record<string, WellKnown>> = { 'io/fs.FileMode': fileMode };
