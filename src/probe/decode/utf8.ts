/**
 * Where the UTF-8 text in `bytes[start .. end]` ends: `end`, or a little before it when `cut` (the string goes on beyond what was
 * captured) and only its last character is incomplete. -1 when the bytes are not UTF-8.
 */
export function utf8End(bytes: Uint8Array, start: number, end: number, cut: boolean): number {
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      at++;
      continue;
    }
    const length =
      first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (length === 0) return -1;
    for (let k = 1; k < length; k++) {
      if (at + k === end) return cut ? at : -1;
      if (!continues(first, k, bytes[at + k]!)) return -1;
    }
    at += length;
  }
  return end;
}

/** Unicode 15, table 3-7: the second byte of some first bytes has a narrower range. */
function continues(first: number, index: number, byte: number): boolean {
  if (index > 1) return byte >= 0x80 && byte < 0xc0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return byte >= low && byte <= high;
}

/** What a row's notes say of a text in the form of `escapeBytes`. */
export const escapedNote = 'not UTF-8: other bytes are written \\xNN, a backslash \\\\';

/**
 * Bytes that are not UTF-8, without loss: printable ASCII as it is, a backslash doubled, every other byte as `\xNN`.
 * `Buffer`-less inverse: replace `\\` by `\` and `\xNN` by the byte.
 */
export function escapeBytes(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === 0x5c) text += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
