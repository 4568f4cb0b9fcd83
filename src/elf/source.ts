/** Where the bytes of a file come from. Synchronous: the agent backs it with pread on one open descriptor. */
export interface ByteSource {
  /** Bytes in the file. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, or fewer where the file ends. The caller may keep the array. */
  read(offset: number, length: number): Uint8Array;
}

/** Decompression, handed in because this part is plain ECMAScript. */
export interface Inflate {
  /** A whole zlib stream (RFC 1950) whose inflated size is `size` bytes. Throws on bad data. */
  zlib(compressed: Uint8Array, size: number): Uint8Array;
  /** A whole zstd frame. Absent: sections compressed so are an `UnsupportedElf` error. */
  zstd?(compressed: Uint8Array, size: number): Uint8Array;
  /**
   * The beginning of a raw deflate stream (RFC 1951) that may end anywhere, with the 32 KiB before it as dictionary: at
   * least what the input holds, at most `most` bytes more. Absent: an index's inflate points are not used.
   */
  rawPrefix?(compressed: Uint8Array, dictionary: Uint8Array, size: number): Uint8Array;
}

/** A file that is in memory already. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
