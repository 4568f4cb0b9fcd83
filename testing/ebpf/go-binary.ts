import { readFileSync } from 'node:fs';
import { inflateSync, zstdDecompressSync } from 'node:zlib';
import * as iced from 'iced-x86';
import { createX86Decoder, createX86Formatter, type GoBinary, openGoBinary } from '#gobin';

/** A Go executable, opened as the agent does, but whole in memory. */
export function openGoFile(path: string): GoBinary {
  const file = readFileSync(path);
  const source = {
    size: file.length,
    read: (offset: number, length: number) => file.subarray(offset, offset + length),
  };
  const inflate = {
    zlib: (bytes: Uint8Array) => inflateSync(bytes),
    zstd: (bytes: Uint8Array) => zstdDecompressSync(bytes),
  };
  return openGoBinary(source, { inflate, decode: createX86Decoder(iced) });
}

export const instructionText = createX86Formatter(iced);
