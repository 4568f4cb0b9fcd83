import { MalformedElf } from './errors.ts';

/** Beginning of a block of a deflate stream. */
export interface BlockStart {
  /** Bits from the start of the raw stream. */
  readonly bit: number;
  /** Bytes of output before it. */
  readonly output: number;
}

/** RFC 1951 § 3.2.5: base lengths and extra bits of length codes 257–285. */
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/** Extra bits of distance codes 0–29. */
const distanceExtra = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** § 3.2.7. */
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const maxBits = 15;

/**
 * Walks a raw deflate stream without producing its output and gives the starts of blocks that are at least `spacing` bytes
 * of output apart, the first block included. Throws MalformedElf on a stream that is broken.
 */
export function blockStarts(stream: Uint8Array, spacing: number): BlockStart[] {
  const starts: BlockStart[] = [];
  const bits = new BitReader(stream);
  let output = 0;
  let next = 0;
  for (let last = false; !last; ) {
    if (output >= next) {
      starts.push({ bit: bits.position, output });
      next = output + spacing;
    }
    last = bits.take(1) === 1;
    const type = bits.take(2);
    if (type === 0) output += bits.skipStored();
    else if (type === 1) output += skipCodes(bits, fixedLengths(), fixedDistances());
    else if (type === 2) {
      const [lengths, distances] = readTables(bits);
      output += skipCodes(bits, lengths, distances);
    } else throw new MalformedElf('a deflate block of an unknown type');
  }
  return starts;
}

/** A decoding table: entry of the next 15 bits is symbol × 16 + length in bits; 0: no code. */
type CodeTable = Uint16Array;

function table(lengths: Uint8Array): CodeTable {
  const counts = new Uint16Array(maxBits + 1);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  const next = new Uint16Array(maxBits + 2);
  for (let length = 1, code = 0; length <= maxBits; length++) {
    code = (code + counts[length - 1]) << 1;
    next[length] = code;
  }
  const entries = new Uint16Array(1 << maxBits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol];
    if (length === 0) continue;
    let reversed = 0;
    for (let i = 0, code = next[length]++; i < length; i++, code >>= 1) reversed = (reversed << 1) | (code & 1);
    for (let at = reversed; at < entries.length; at += 1 << length) entries[at] = symbol * 16 + length;
  }
  return entries;
}

let fixed: [CodeTable, CodeTable] | undefined;
function fixedTables(): [CodeTable, CodeTable] {
  fixed ??= [
    table(Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
    table(new Uint8Array(30).fill(5)),
  ];
  return fixed;
}
const fixedLengths = () => fixedTables()[0];
const fixedDistances = () => fixedTables()[1];

function readTables(bits: BitReader): [CodeTable, CodeTable] {
  const literals = bits.take(5) + 257;
  const distances = bits.take(5) + 1;
  const used = bits.take(4) + 4;
  const codeLengths = new Uint8Array(19);
  for (let i = 0; i < used; i++) codeLengths[codeLengthOrder[i]!] = bits.take(3);
  const codes = table(codeLengths);
  const lengths = new Uint8Array(literals + distances);
  for (let i = 0; i < lengths.length; ) {
    const symbol = bits.symbol(codes);
    if (symbol < 16) lengths[i++] = symbol;
    else {
      const value = symbol === 16 ? (lengths[i - 1] ?? 0) : 0;
      let count = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
      while (count-- > 0 && i < lengths.length) lengths[i++] = value;
    }
  }
  return [table(lengths.subarray(0, literals)), table(lengths.subarray(literals))];
}

/** Goes to the end of a block; returns its bytes of output. */
function skipCodes(bits: BitReader, lengths: CodeTable, distances: CodeTable): number {
  let output = 0;
  for (;;) {
    const symbol = bits.symbol(lengths);
    if (symbol < 256) output++;
    else if (symbol === 256) return output;
    else {
      const index = symbol - 257;
      if (index >= lengthBase.length) throw new MalformedElf('a deflate length code that does not exist');
      output += lengthBase[index]! + bits.take(lengthExtra[index]!);
      bits.take(distanceExtra[bits.symbol(distances)] ?? 0);
    }
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at * 8 - this.#count;
  }

  /** Up to 13 bits. */
  take(count: number): number {
    this.#fill();
    if (count > this.#count) throw new MalformedElf('a deflate stream ends too early');
    const value = this.#held & ((1 << count) - 1);
    this.#held >>>= count;
    this.#count -= count;
    return value;
  }

  symbol(codes: CodeTable): number {
    this.#fill();
    const entry = codes[this.#held & 0x7fff]!;
    const length = entry & 15;
    if (length === 0 || length > this.#count) throw new MalformedElf('a deflate code that does not exist');
    this.#held >>>= length;
    this.#count -= length;
    return entry >>> 4;
  }

  skipStored(): number {
    const start = Math.ceil(this.position / 8);
    const bytes = this.#bytes;
    if (start + 4 > bytes.length) throw new MalformedElf('a deflate stream ends too early');
    const size = bytes[start]! | (bytes[start + 1]! << 8);
    this.#at = start + 4 + size;
    this.#held = 0;
    this.#count = 0;
    if (this.#at > bytes.length) throw new MalformedElf('a deflate stream ends too early');
    return size;
  }

  #fill(): void {
    while (this.#count <= 16 && this.#at < this.#bytes.length) {
      this.#held |= this.#bytes[this.#at++]! << this.#count;
      this.#count += 8;
    }
  }
}
