import { isAscii, isUtf8 } from 'node:buffer';
import type { StringValues } from '#model';

/** The values with every text valid UTF-8, as the engine demands: the same object when they are, else with U+FFFD for what is not. */
export function validUtf8(values: StringValues): StringValues {
  const { offsets, bytes } = values;
  if (isAscii(bytes)) return values;
  if (isUtf8(bytes) && !offsets.some((offset) => (bytes[offset]! & 0xc0) === 0x80)) return values;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const encoder = new TextEncoder();
  const texts: Uint8Array[] = [];
  const fixed = new Uint32Array(offsets.length);
  let size = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    const text = bytes.subarray(offsets[i]!, offsets[i + 1]!);
    texts.push(isUtf8(text) ? text : encoder.encode(decoder.decode(text)));
    fixed[i + 1] = size += texts[i]!.length;
  }
  const joined = new Uint8Array(size);
  for (let i = 0; i < texts.length; i++) joined.set(texts[i]!, fixed[i]!);
  return { offsets: fixed, bytes: joined };
}
