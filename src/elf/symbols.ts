import { type Address, address, encodeUtf8 } from '#base';
import { text } from './section.ts';

/** One entry of `.symtab`, made on demand. */
export interface ElfSymbol {
  readonly name: string;
  readonly address: Address;
  /** Bytes; 0 where unknown. */
  readonly size: number;
  /** STT_*: 1 object, 2 function, 6 thread-local. */
  readonly type: number;
  /** Section index; 0 undefined symbol. */
  readonly section: number;
}

const entrySize = 24;

/** `.symtab` in typed arrays; names stay bytes until asked for. */
export class SymbolTable {
  readonly count: number;
  readonly #names: Uint32Array;
  readonly #values: Float64Array;
  readonly #sizes: Float64Array;
  readonly #types: Uint8Array;
  readonly #sections: Uint16Array;
  readonly #strings: Uint8Array;

  /** `symbols`: bytes of `.symtab`; `strings`: bytes of its string table. A partial last entry is ignored. */
  constructor(symbols: Uint8Array, strings: Uint8Array) {
    const count = Math.floor(symbols.length / entrySize);
    const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
    this.count = count;
    this.#strings = strings;
    this.#names = new Uint32Array(count);
    this.#values = new Float64Array(count);
    this.#sizes = new Float64Array(count);
    this.#types = new Uint8Array(count);
    this.#sections = new Uint16Array(count);
    for (let i = 0, at = 0; i < count; i++, at += entrySize) {
      this.#names[i] = view.getUint32(at, true);
      this.#types[i] = symbols[at + 4] & 15;
      this.#sections[i] = view.getUint16(at + 6, true);
      this.#values[i] = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
      this.#sizes[i] = view.getUint32(at + 20, true) * 2 ** 32 + view.getUint32(at + 16, true);
    }
  }

  at(index: number): ElfSymbol {
    return {
      name: text(this.#strings, this.#names[index]),
      address: address(this.#values[index]),
      size: this.#sizes[index],
      type: this.#types[index],
      section: this.#sections[index],
    };
  }

  /** First defined symbol of that exact name; no other name is decoded. */
  find(name: string): ElfSymbol | undefined {
    const wanted = encodeUtf8(name);
    const strings = this.#strings;
    for (let i = 0; i < this.count; i++) {
      const start = this.#names[i];
      if (strings[start + wanted.length] !== 0 || this.#sections[i] === 0) continue;
      let k = wanted.length - 1;
      while (k >= 0 && strings[start + k] === wanted[k]) k--;
      if (k < 0) return this.at(i);
    }
    return undefined;
  }

  /** Defined symbols whose names contain a text (ASCII); no other name is decoded. */
  *containing(text: string): Generator<ElfSymbol> {
    const wanted = encodeUtf8(text);
    const strings = this.#strings;
    const starts = new Set<number>();
    for (let at = strings.indexOf(wanted[0]!); at >= 0; at = strings.indexOf(wanted[0]!, at + 1)) {
      let k = 1;
      while (k < wanted.length && strings[at + k] === wanted[k]) k++;
      if (k === wanted.length) starts.add(strings.lastIndexOf(0, at) + 1);
    }
    if (starts.size === 0) return;
    for (let i = 0; i < this.count; i++) if (starts.has(this.#names[i]!) && this.#sections[i] !== 0) yield this.at(i);
  }

  *[Symbol.iterator](): Generator<ElfSymbol> {
    for (let i = 0; i < this.count; i++) yield this.at(i);
  }
}
