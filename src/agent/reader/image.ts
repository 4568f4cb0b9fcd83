import { openSync } from 'node:fs';
import { address } from '#base';
import { type GoBinary, openGoBinary } from '#gobin';
import type { BinaryServices } from '#probe';
import { Executable } from '../executable.ts';
import { inflate } from '../inflate.ts';

/** What values of a process are named by, out of its executable: opened at the first question that needs it. */
export class ImageServices implements BinaryServices {
  readonly bias: number;
  readonly #path: string;
  readonly #names = new Map<number, string | undefined>();
  readonly #frames = new Map<number, readonly string[] | undefined>();
  #binary: GoBinary | undefined;
  #file: Executable | undefined;

  constructor(path: string, bias: number) {
    this.#path = path;
    this.bias = bias;
  }

  functionName(code: number): string | undefined {
    if (!this.#names.has(code)) {
      this.#names.set(
        code,
        this.#ask((binary) => binary.functionAt(address(code - this.bias))?.name),
      );
    }
    return this.#names.get(code);
  }

  frames(pc: number): readonly string[] | undefined {
    if (!this.#frames.has(pc)) {
      // What stands in no table of functions: code of C, or garbage.
      const found = this.#ask(({ functionTable }) => functionTable?.framesAt(address(pc - this.bias))) ?? [];
      this.#frames.set(
        pc,
        found.length === 0
          ? undefined
          : found.map(({ function: fn, at }) => (at === undefined ? fn : `${fn} ${at.file}:${at.line}`)),
      );
    }
    return this.#frames.get(pc);
  }

  typeName(descriptor: number): string | undefined {
    return this.#ask((binary) => binary.descriptorName(address(descriptor - this.bias)));
  }

  isStatic(at: number): boolean {
    const start = at - this.bias;
    const inside = this.#ask(({ elf }) =>
      elf.sections.some(({ address: from, size }) => from > 0 && start >= from && start < from + size),
    );
    return inside ?? true;
  }

  /** Bytes of a section that the process cannot write to: constants. */
  fileBytes(at: number, length: number): Uint8Array | undefined {
    return this.#ask(({ elf }) => {
      const start = at - this.bias;
      const inside = elf.sections.some(
        ({ address: from, size, name }) => name === '.rodata' && start >= from && start + length <= from + size,
      );
      return inside ? elf.read(address(start), length) : undefined;
    });
  }

  close(): void {
    this.#binary?.release();
    this.#binary = undefined;
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }

  /** A file that cannot be read answers nothing: the value is shown without. */
  #ask<T>(question: (binary: GoBinary) => T | undefined): T | undefined {
    try {
      return question(this.#open());
    } catch {
      return undefined;
    }
  }

  #open(): GoBinary {
    if (this.#binary) return this.#binary;
    this.#file = new Executable(openSync(this.#path, 'r'));
    const undecoded = () => {
      throw new Error('no code is decoded here');
    };
    this.#binary = openGoBinary(this.#file, { inflate, decode: undecoded });
    return this.#binary;
  }
}
