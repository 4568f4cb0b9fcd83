import { blockStarts } from './deflate-blocks.ts';
import { MalformedElf, UnsupportedElf } from './errors.ts';
import type { Inflate } from './source.ts';
import { partialWindow, type SectionWindow } from './window.ts';

/** Deflate looks back at most so far. */
const history = 32_768;

/** Places in a compressed section at which decompression can begin: with them a part is unpacked without what is before it. */
export interface InflatePoints {
  /** Bytes of the unpacked section. */
  readonly size: number;
  /** Unpacked offset of each point, ascending; the first is 0. */
  readonly outputs: Uint32Array;
  /** Bit of the raw deflate stream (behind the 2 bytes of zlib header) at which the block of each point begins. */
  readonly bits: Float64Array;
  /** The 32 KiB before each point, one after the other; those of the first are unused. */
  readonly windows: Uint8Array;
}

/** Points about `spacing` bytes of output apart. `packed`: the zlib stream, `bytes`: what it unpacks to. Takes some 10 ms per MB of `packed`. */
export function findInflatePoints(packed: Uint8Array, bytes: Uint8Array, spacing: number): InflatePoints {
  const starts = blockStarts(packed.subarray(2), spacing).filter(({ output }, i) => i === 0 || output < bytes.length);
  const windows = new Uint8Array(starts.length * history);
  for (const [i, { output }] of starts.entries()) {
    const from = Math.max(0, output - history);
    windows.set(bytes.subarray(from, output), (i + 1) * history - (output - from));
  }
  return {
    size: bytes.length,
    outputs: Uint32Array.from(starts, (start) => start.output),
    bits: Float64Array.from(starts, (start) => start.bit),
    windows,
  };
}

/** A section that is unpacked part by part. `read` gives bytes [start, end) of the zlib stream of `packedSize` bytes. */
export function inflateWindow(
  points: InflatePoints,
  packedSize: number,
  read: (start: number, end: number) => Uint8Array,
  inflate: Inflate,
): SectionWindow {
  const { rawPrefix } = inflate;
  if (rawPrefix === undefined) throw new UnsupportedElf('inflating a part of a section');
  return partialWindow(points.size, points.outputs, (part, start, end) => {
    const bit = points.bits[part]!;
    const first = Math.floor(bit / 8);
    const next = points.bits[part + 1];
    const stop = next === undefined ? packedSize : Math.min(packedSize, 2 + Math.ceil(next / 8));
    const rest = read(2 + first, stop);
    const input = startAtBit(rest, bit % 8);
    const dictionary = points.windows.subarray(part * history, (part + 1) * history);
    let bytes: Uint8Array;
    try {
      bytes = rawPrefix(input, dictionary.slice(), end - start);
    } catch (cause) {
      throw new MalformedElf('a part of a section does not decompress', { cause });
    }
    if (bytes.length < end - start) throw new MalformedElf('a part of a section is shorter than its index says');
    return bytes.subarray(0, end - start);
  });
}

/**
 * Puts empty blocks in front so that the first bit of the stream proper is bit `bit` of a byte, where zlib can go on: it cannot be
 * told to begin inside a byte. An empty block with fixed codes has 10 bits, the one with its own codes below has 93.
 */
function startAtBit(rest: Uint8Array, bit: number): Uint8Array {
  if (bit === 0) return rest;
  const prefix: number[] = [];
  if (bit % 2 === 1) prefix.push(...oddBlock);
  while (prefix.length % 8 !== bit) prefix.push(...fixedBlock);
  const whole = Math.floor(prefix.length / 8);
  const bytes = new Uint8Array(whole + rest.length);
  for (const [i, value] of prefix.entries()) if (i < whole * 8) bytes[i >> 3] |= value << (i & 7);
  bytes.set(rest, whole);
  let shared = (rest[0] ?? 0) & ~((1 << bit) - 1);
  for (let i = 0; i < bit; i++) shared |= prefix[whole * 8 + i]! << i;
  bytes[whole] = shared;
  return bytes;
}

/** Not final, fixed codes (RFC 1951 § 3.2.6), end of block. */
const fixedBlock = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

const number = (value: number, count: number): number[] => Array.from({ length: count }, (_, i) => (value >> i) & 1);

/**
 * Not final, dynamic codes (§ 3.2.7): 257 literals, 1 distance, 18 code-length codes, of which "1" has 1 bit (code 0), "0" and
 * "18" have 2 (codes 10 and 11, sent from their first bit on); 138 + 118 zeros, then length 1 for the end of block, 0 for the distance.
 */
const oddBlock = [
  ...[0, 0, 1],
  ...number(0, 5),
  ...number(0, 5),
  ...number(14, 4),
  ...[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1].flatMap((symbol) =>
    number(symbol === 1 ? 1 : symbol === 0 || symbol === 18 ? 2 : 0, 3),
  ),
  ...[1, 1, ...number(138 - 11, 7)],
  ...[1, 1, ...number(118 - 11, 7)],
  0,
  ...[1, 0],
  0,
];
