import { parseAbsolute } from './times.ts';

const fields: Readonly<Record<string, string>> = {
  Y: String.raw`(?<Y>\d{4})`,
  m: String.raw`(?<m>\d{1,2})`,
  d: String.raw`(?<d>\d{1,2})`,
  H: String.raw`(?<H>\d{1,2})`,
  M: String.raw`(?<M>\d{1,2})`,
  S: String.raw`(?<S>\d{1,2})(?:\.(?<f>\d{1,9}))?`,
  z: String.raw`(?<z>Z|[+-]\d{2}:?\d{2})`,
  T: String.raw`(?<H>\d{1,2}):(?<M>\d{1,2}):(?<S>\d{1,2})`,
  F: String.raw`(?<Y>\d{4})-(?<m>\d{1,2})-(?<d>\d{1,2})`,
  '%': '%',
};

/** Nanoseconds since 1970 of a text in C's strptime format (%Y %m %d %H %M %S %z %F %T %%); UTC without %z. Undefined where it does not fit. */
export function strptime(text: string, format: string): bigint | undefined {
  let known = true;
  const pattern = format.replace(/%(.)|[^%]/g, (piece, letter?: string) => {
    if (letter === undefined)
      return /\s/.test(piece) ? String.raw`\s*` : piece.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
    known &&= Object.hasOwn(fields, letter);
    return fields[letter] ?? '';
  });
  let match: RegExpExecArray | null = null;
  try {
    match = known ? new RegExp(`^${pattern}$`).exec(text.trim()) : null;
  } catch {
    // The same field twice: no text has two values for it.
  }
  if (!match) return undefined;
  const { Y = '1970', m = '1', d = '1', H = '0', M = '0', S = '0', f = '0', z = 'Z' } = match.groups ?? {};
  const two = (part: string) => part.padStart(2, '0');
  return parseAbsolute(`${Y}-${two(m)}-${two(d)} ${two(H)}:${two(M)}:${two(S)}.${f} ${z}`);
}
