import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, inflateRawSync, inflateSync } from 'node:zlib';
import type { ByteSource, Inflate } from '#elf';

/** A file on disk as the agent reads it: pread on one descriptor. */
export function fileSource(path: string): ByteSource & { close(): void } {
  const fd = openSync(path, 'r');
  const { size } = fstatSync(fd);
  return {
    size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const count = readSync(fd, bytes, done, bytes.length - done, offset + done);
        if (count === 0) return bytes.subarray(0, done);
        done += count;
      }
      return bytes;
    },
    close: () => closeSync(fd),
  };
}

/**
 * Node's zlib. A chunk larger than the result keeps it from collecting and copying pieces; the limit keeps a hostile stream from
 * filling the memory.
 */
export const nodeInflate: Inflate = {
  zlib: (bytes, size) => inflateSync(bytes, { chunkSize: Math.max(64, size + 64), maxOutputLength: size + 64 }),
  rawPrefix: (bytes, dictionary, size) =>
    inflateRawSync(bytes, {
      dictionary,
      chunkSize: Math.max(64, size + 64),
      finishFlush: constants.Z_SYNC_FLUSH,
    }),
};
