import { decodeUtf8 } from '#base';
import { utf8End } from './utf8.ts';

/** A byte slice: text where it is UTF-8, else its bytes in hexadecimal. */
export function bytesJson(bytes: Uint8Array, cut: boolean): string {
  const end = utf8End(bytes, 0, bytes.length, cut);
  if (end >= 0) return JSON.stringify(decodeUtf8(bytes.subarray(0, end)));
  return `{"hex":"${hex(bytes, 0, bytes.length)}"}`;
}

export function hex(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += bytes[at]!.toString(16).padStart(2, '0');
  return text;
}
