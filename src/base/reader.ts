import { SondeError } from './error.ts';

/** Input ended before the field did. `offset` counts from the start of the reader's bytes. */
export class EndOfInput extends SondeError {
  readonly code = 'base.end-of-input';
  readonly offset: number;
  readonly wanted: number;
  readonly size: number;

  constructor(offset: number, wanted: number, size: number) {
    super(`input ends: wanted ${wanted} bytes at offset ${offset} of ${size}`);
    this.offset = offset;
    this.wanted = wanted;
    this.size = size;
  }
}

/** A number in the input does not fit where it is used (an address above 2^53, a LEB128 of more than 10 bytes). */
export class NumberTooLarge extends SondeError {
  readonly code = 'base.number-too-large';
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`${what} at offset ${offset} is too large`);
    this.offset = offset;
  }
}

/** Bounds-checked little-endian cursor over bytes. Every read either advances `offset` or throws `EndOfInput`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
    if (offset > bytes.length) throw new EndOfInput(offset, 0, bytes.length);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.bytes.length - this.#offset;
  }

  seek(offset: number): void {
    if (offset < 0 || offset > this.bytes.length) throw new EndOfInput(offset, 0, this.bytes.length);
    this.#offset = offset;
  }

  skip(count: number): void {
    this.#take(count);
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u24(): number {
    const at = this.#take(3);
    return this.bytes[at]! | (this.bytes[at + 1]! << 8) | (this.bytes[at + 2]! << 16);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  /** A u64 that must be below 2^53: sizes, offsets, user-space addresses. */
  u64number(): number {
    const at = this.#take(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= 1 << 21) throw new NumberTooLarge(at, 'a 64-bit number');
    return high * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  /** Unsigned LEB128 below 2^53. */
  uleb(): number {
    const start = this.#offset;
    let result = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.u8();
      result += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) break;
        return result;
      }
      factor *= 128;
    }
    throw new NumberTooLarge(start, 'a LEB128 number');
  }

  /** Signed LEB128 as a bigint (constants may use all 64 bits). */
  sleb(): bigint {
    const start = this.#offset;
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, byte & 0x40 ? result - (1n << (shift + 7n)) : result);
    }
    throw new NumberTooLarge(start, 'a LEB128 number');
  }

  /** `count` bytes as a view, not a copy. */
  take(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** Bytes up to a NUL, which is consumed; decoded as UTF-8. */
  cstring(): string {
    const start = this.#offset;
    this.skipCstring();
    return decodeUtf8(this.bytes.subarray(start, this.#offset - 1));
  }

  skipCstring(): void {
    const end = this.bytes.indexOf(0, this.#offset);
    if (end < 0) throw new EndOfInput(this.#offset, 1, this.bytes.length);
    this.#offset = end + 1;
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count < 0 || at + count > this.bytes.length) throw new EndOfInput(at, count, this.bytes.length);
    this.#offset = at + count;
    return at;
  }
}

/** Arguments of one call, as many as any engine takes. */
const longestRun = 4096;
const run: number[] = [];

/** UTF-8 to text without a platform decoder (this package is plain ECMAScript); invalid bytes become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = '';
  let i = 0;
  while (i < bytes.length) {
    const first = bytes[i]!;
    if (first < 0x80) {
      // A run of ASCII in one piece: nearly all names are one.
      const most = Math.min(bytes.length, i + longestRun);
      run.length = 0;
      for (; i < most && bytes[i]! < 0x80; i++) run.push(bytes[i]!);
      text += String.fromCharCode.apply(null, run);
      continue;
    }
    const length =
      first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
    let point = length === 4 ? first & 7 : length === 3 ? first & 15 : first & 31;
    let ok = length > 0 && i + length <= bytes.length;
    for (let k = 1; ok && k < length; k++) {
      const next = bytes[i + k]!;
      ok = (next & 0xc0) === 0x80;
      point = (point << 6) | (next & 0x3f);
    }
    const tooSmall = length === 3 ? point < 0x800 : length === 4 ? point < 0x10000 : false;
    if (!ok || tooSmall || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      text += '�';
      i++;
      continue;
    }
    text += String.fromCodePoint(point);
    i += length;
  }
  return text;
}
