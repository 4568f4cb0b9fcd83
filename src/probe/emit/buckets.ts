import { floatBits, floatOfBits } from '#base';
import type { NumberKind } from '../types.ts';

/** The bucket of a number, as the programs compute it (`GroupEmitter`). */
export function bucketOf(value: bigint | number): bigint {
  if (typeof value === 'number') {
    const bits = floatBits(value);
    const bucket = (bits & ((1n << 63n) - 1n)) >> 49n;
    return bits >> 63n === 1n ? ~bucket : bucket;
  }
  if (value < 0n) return ~bucketOf(~value);
  if (value < 8n) return value;
  const doubling = BigInt(value.toString(2).length) - 4n;
  return (value >> doubling) + (doubling << 3n);
}

/** Where a bucket begins, and the first number behind it, as text for JSON. */
export function bucketText(bucket: bigint, number: NumberKind): { readonly from: string; readonly to: string } {
  if (number !== 'float') return { from: `${bucketStart(bucket)}`, to: `${bucketEnd(bucket)}` };
  const [near, far] = bucket < 0n ? [~bucket, ~bucket + 1n] : [bucket, bucket + 1n];
  const [inner, outer] = [floatStart(near), floatStart(far)];
  // Of negative ones the larger number is nearer to zero, and belongs to the bucket.
  const [from, to] = bucket < 0n ? [-outer, -inner] : [inner, outer];
  return { from: floatText(from), to: floatText(to) };
}

/** The least float with this exponent and these three bits behind it. */
function floatStart(bucket: bigint): number {
  return floatOfBits(bucket << 49n);
}

/** JSON has no infinity: a text, as Go writes it. */
function floatText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '0' : `${value}`;
  return Number.isNaN(value) ? 'null' : value > 0 ? '"+Inf"' : '"-Inf"';
}

/** Where a bucket of integers begins. */
export function bucketStart(bucket: bigint): bigint {
  if (bucket < 0n) return ~bucketEnd(~bucket) + 1n;
  if (bucket < 8n) return bucket;
  return (8n + (bucket % 8n)) << (bucket / 8n - 1n);
}

/** The first number behind it. */
export function bucketEnd(bucket: bigint): bigint {
  return bucket < 0n ? ~bucketStart(~bucket) + 1n : bucketStart(bucket + 1n);
}
