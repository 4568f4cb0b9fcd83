import { constants, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import type { Inflate } from '#elf';

/**
 * Node's decompression for debug sections. A chunk larger than the result keeps zlib from collecting and copying pieces; the
 * limit keeps a hostile stream from filling the memory.
 */
export const inflate: Inflate = {
  zlib: (bytes, size) => inflateSync(bytes, { chunkSize: Math.max(64, size + 64), maxOutputLength: size + 64 }),
  zstd: (bytes, size) => zstdDecompressSync(bytes, { chunkSize: Math.max(64, size + 64), maxOutputLength: size + 64 }),
  rawPrefix: (bytes, dictionary, size) =>
    inflateRawSync(bytes, { dictionary, chunkSize: Math.max(64, size + 64), finishFlush: constants.Z_SYNC_FLUSH }),
};
