const words = new DataView(new ArrayBuffer(8));

/** The bits of an IEEE 754 number of 64 bits. */
export function floatBits(value: number): bigint {
  words.setFloat64(0, value);
  return words.getBigUint64(0);
}

/** The number that has these 64 bits. */
export function floatOfBits(bits: bigint): number {
  words.setBigUint64(0, bits);
  return words.getFloat64(0);
}
