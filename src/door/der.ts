/** DER (ITU-T X.690), as much as a certificate needs. Every function gives one complete value: tag, length, content. */

export type Der = Buffer;

function tagged(tag: number, ...contents: readonly Uint8Array[]): Der {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

export const sequence = (...items: readonly Der[]): Der => tagged(0x30, ...items);
export const set = (...items: readonly Der[]): Der => tagged(0x31, ...items);
export const octets = (bytes: Uint8Array): Der => tagged(0x04, bytes);
/** `unused`: bits of the last byte that do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Der => tagged(0x03, Buffer.from([unused]), bytes);
export const utf8 = (text: string): Der => tagged(0x0c, Buffer.from(text, 'utf8'));
export const boolean = (value: boolean): Der => tagged(0x01, Buffer.from([value ? 0xff : 0]));
/** A whole number that is not negative, big-endian. */
export const unsigned = (bytes: Uint8Array): Der =>
  tagged(0x02, ...(bytes[0]! >= 0x80 ? [Buffer.from([0])] : []), bytes);
/** `[number]` around one value. */
export const explicit = (number: number, item: Der): Der => tagged(0xa0 | number, item);
/** `[number]` in place of a primitive value's own tag. */
export const implicit = (number: number, bytes: Uint8Array): Der => tagged(0x80 | number, bytes);

/** UTC, to the second: GeneralizedTime is due from 2050 on (RFC 5280, 4.1.2.5). */
export function time(date: Date): Der {
  const digits = `${date.toISOString().replace(/\.\d+Z$|[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}

/** An object identifier such as `2.5.29.17`. */
export function identifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      septets.unshift(0x80 | (left & 0x7f));
    return septets;
  });
  return tagged(0x06, Buffer.from(bytes));
}
