import { SondeError } from '#base';
import { openDwarf } from '#dwarf';
import { type ByteSource, type Elf, findInflatePoints, openElf, packing } from '#elf';
import { type DebugFileTrust, debugFileTrust } from './debug-file.ts';
import { DebugInfo } from './debuginfo.ts';
import { buildIndex, type FunctionIndex, readIndex, writeIndex } from './function-index.ts';
import type { OpenOptions } from './go-binary.ts';
import type { RuntimeOffsets } from './types.ts';

/** Bytes of debug info between the places where an index lets decompression begin. */
const indexSpacing = 1 << 19;

/** The debug info of an executable, in itself or in a file beside it: opened at the first question, with an index if one was given and fits. */
export class DebugSource {
  /** The file that holds it. */
  readonly elf: Elf;
  /** What of that file is true of the executable. */
  readonly trust: DebugFileTrust;
  readonly exists: boolean;
  readonly #source: ByteSource;
  readonly #packedIndex: Uint8Array | undefined;
  readonly #isOwn: boolean;
  readonly #identity: string;
  #index: FunctionIndex | undefined;
  #indexFits: boolean;
  #info: DebugInfo | undefined;

  /** @throws OtherDebugFile, and the errors of `openElf`, for the file beside it */
  constructor(executable: Elf, source: ByteSource, buildId: string, { inflate, index, debugFile }: OpenOptions) {
    this.elf = debugFile === undefined ? executable : openElf(debugFile, inflate);
    this.#isOwn = this.elf === executable;
    this.trust = this.#isOwn ? 'image' : debugFileTrust(executable, this.elf);
    this.exists = this.elf.header('.debug_info') !== undefined;
    this.#source = source;
    this.#packedIndex = index;
    this.#identity = `${buildId} ${source.size}`;
    this.#indexFits = index !== undefined && this.#isOwn && inflate.rawPrefix !== undefined;
  }

  /** What a usable index holds. */
  get index(): FunctionIndex | undefined {
    if (!this.#indexFits) return undefined;
    this.#index ??= readIndex(this.#packedIndex!);
    this.#indexFits = this.#index?.identity === this.#identity;
    return this.#indexFits ? this.#index : undefined;
  }

  get info(): DebugInfo | undefined {
    if (this.#info || !this.exists) return this.#info;
    const dwarf = openDwarf(
      (name) => this.elf.window(name, name === '.debug_info' ? this.index?.points : undefined),
      this.index?.units,
    );
    return (this.#info = dwarf && new DebugInfo(dwarf, this.index));
  }

  /** An index that leads nowhere is dropped, and the question asked again without. */
  guarded<T>(ask: () => T): T {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof SondeError) || this.index === undefined) throw error;
      this.#indexFits = false;
      this.#info = undefined;
      this.elf.release('.debug_info');
      return ask();
    }
  }

  /** As `GoBinary.exportIndex`. */
  exportIndex(runtime: () => RuntimeOffsets): Uint8Array | undefined {
    const header = this.#isOwn ? this.elf.header('.debug_info') : undefined;
    const packed = header && packing(this.#source, header);
    if (packed === undefined || packed.method !== 'zlib' || packed.size >= 2 ** 32) return undefined;
    if (this.index) return this.#packedIndex;
    const { dwarf, functions } = this.info!;
    const bytes = this.elf.section('.debug_info')!;
    const points = findInflatePoints(this.#source.read(packed.offset, packed.packedSize), bytes, indexSpacing);
    return writeIndex(buildIndex(this.#identity, runtime(), points, dwarf.units(), functions));
  }

  release(): void {
    this.#info = undefined;
    this.elf.release();
  }
}
