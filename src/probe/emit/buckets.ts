/** Where a bucket begins. */
export function bucketStart(bucket: bigint): bigint {
  if (bucket < 0n) return ~bucketEnd(~bucket) + 1n;
  if (bucket < 8n) return bucket;
  return (8n + (bucket % 8n)) << (bucket / 8n - 1n);
}

/** The first number behind it. */
export function bucketEnd(bucket: bigint): bigint {
  return bucket < 0n ? ~bucketStart(~bucket) + 1n : bucketStart(bucket + 1n);
}
