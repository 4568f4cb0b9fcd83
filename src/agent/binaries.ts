import { createHash } from 'node:crypto';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Address } from '#base';
import { openElf } from '#elf';
import {
  createX86Decoder,
  createX86Formatter,
  type DecodeCode,
  type GoBinary,
  type IcedX86,
  openGoBinary,
} from '#gobin';
import type { Sys } from '#sys';
import { findDebugFile } from './debug-file.ts';
import { Executable } from './executable.ts';
import { inflate } from './inflate.ts';

/** How long a parsed binary is kept after its last use: its sections may be tens of MB. */
const keepMs = 10_000;

/** Smaller files are read as quickly without an index. */
const worthIndexing = 16 << 20;

/** Go binaries by the file that they are in: parsed once while in use, and found again quickly by an index on disk, kept by build id. */
export class Binaries {
  readonly #sys: Sys;
  readonly #indexDir: string;
  readonly #byIdentity = new Map<string, Held>();
  readonly #indexing = new Set<string>();
  #x86: { decode: DecodeCode; format: (bytes: Uint8Array, at: Address) => string } | undefined;

  /** `indexDir`: where indexes are kept. */
  constructor(sys: Sys, indexDir: string) {
    this.#sys = sys;
    this.#indexDir = indexDir;
  }

  /**
   * Reads through a descriptor of its own: `executable` may be closed while the result is in use. `debugFile`: path of the debug info that it lacks;
   * without, it is looked for. @throws UserError for one that will not do
   */
  open(executable: Executable, debugFile?: string): BinaryLease {
    const key = `${executable.identity} ${debugFile ?? ''}`;
    const held = this.#byIdentity.get(key) ?? this.#hold(key, executable, debugFile);
    held.users++;
    clearTimeout(held.timer);
    return {
      binary: held.binary,
      [Symbol.dispose]: () => {
        if (--held.users === 0) held.timer = setTimeout(() => this.#drop(held), keepMs).unref();
      },
    };
  }

  #hold(key: string, executable: Executable, debugFile: string | undefined): Held {
    using stack = new DisposableStack();
    const file = stack.use(new Executable(openSync(executable.path, 'r'), executable.pid));
    const plain = this.#read(file);
    const found = plain.hasDebugInfo
      ? undefined
      : findDebugFile(this.#sys, plain.elf, file, debugFile, (debug) => this.#read(file, debug));
    if (found !== undefined) stack.use(found.file);
    const held: Held = { key, binary: found?.binary ?? plain, files: stack.move(), users: 0, timer: undefined };
    this.#byIdentity.set(key, held);
    return held;
  }

  #drop({ key, files, binary }: Held): void {
    this.#byIdentity.delete(key);
    binary.release();
    files.dispose();
    if (this.#byIdentity.size === 0) this.#forgetDisassembler();
  }

  /** Text of one instruction, for people. */
  instructionText(bytes: Uint8Array, at: Address, binary: GoBinary): string {
    return binary.architecture === 'amd64'
      ? this.#disassembler().format(bytes, at)
      : `.word 0x${Buffer.from(bytes.toReversed()).toString('hex')}`;
  }

  /** Has the index of a large binary made, on another thread, if there is none yet. Failure costs time later, nothing else. */
  remember(executable: Executable): void {
    const file = this.#indexFile(executable);
    if (executable.size < worthIndexing || file === undefined || this.#indexing.has(file) || existsSync(file)) return;
    const held = new Executable(openSync(executable.path, 'r'));
    const worker = new Worker(new URL('./index-worker.ts', import.meta.url), { workerData: { path: held.path, file } });
    this.#indexing.add(file);
    worker.unref();
    worker.on('error', () => {});
    worker.on('exit', () => held[Symbol.dispose]());
  }

  #read(file: Executable, debugFile?: Executable): GoBinary {
    const index = this.#loadIndex(file);
    const decode: DecodeCode = (code, entry) => this.#disassembler().decode(code, entry);
    return openGoBinary(file, { inflate, decode, ...(index && { index }), ...(debugFile && { debugFile }) });
  }

  /** Loaded at the first use: its WebAssembly takes 10 MB. */
  #disassembler() {
    if (this.#x86) return this.#x86;
    const iced: IcedX86 = createRequire(import.meta.url)('iced-x86');
    this.#x86 = { decode: createX86Decoder(iced), format: createX86Formatter(iced) };
    return this.#x86;
  }

  /** To be loaded again takes 7 ms. */
  #forgetDisassembler(): void {
    this.#x86 = undefined;
    const { cache, resolve } = createRequire(import.meta.url);
    delete cache[resolve('iced-x86')];
  }

  #loadIndex(executable: Executable): Uint8Array | undefined {
    const file = executable.size < worthIndexing ? undefined : this.#indexFile(executable);
    if (file === undefined || !existsSync(file)) return undefined;
    try {
      return readFileSync(file);
    } catch {
      return undefined;
    }
  }

  #indexFile(executable: Executable): string | undefined {
    const elf = openElf(executable, inflate);
    const buildId = elf.goBuildId ?? elf.gnuBuildId;
    return buildId && join(this.#indexDir, createHash('sha256').update(buildId).digest('hex').slice(0, 32));
  }
}

/** A binary in use: dispose of it when nothing more is asked of it. */
export interface BinaryLease extends Disposable {
  readonly binary: GoBinary;
}

interface Held {
  readonly key: string;
  readonly binary: GoBinary;
  readonly files: DisposableStack;
  users: number;
  timer: NodeJS.Timeout | undefined;
}
