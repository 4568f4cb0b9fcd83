import { mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { workerData } from 'node:worker_threads';
import { createX86Decoder, openGoBinary } from '#gobin';
import { Executable } from './executable.ts';
import { inflate } from './inflate.ts';

/** A thread of its own for as long as it takes to read a whole binary's debug info once: writes the index by which the next resolve is quick. */
const { path, file } = workerData as { path: string; file: string };
using executable = new Executable(openSync(path, 'r'));
const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86'));
const index = openGoBinary(executable, { inflate, decode }).exportIndex();
if (index) {
  mkdirSync(dirname(file), { recursive: true });
  // A reader never sees half an index: it is written beside and renamed.
  writeFileSync(`${file}.${process.pid}`, index);
  renameSync(`${file}.${process.pid}`, file);
}
