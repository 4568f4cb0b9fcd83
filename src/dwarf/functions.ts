import { decodeUtf8 } from '#base';
import { hashBytes, inDebugStr, noName, type ScanResult } from './scan.ts';

/** A function as a scan found it. */
export interface ScannedFunction {
  readonly name: string;
  /** Offset of its subprogram DIE in `.debug_info`. */
  readonly die: number;
  readonly low: number;
  /** Bytes of code. */
  readonly size: number;
}

/** Every subprogram of the scanned units, in typed arrays; names stay where they are in the sections. */
export class FunctionTable {
  /** Functions that have code. */
  readonly count: number;
  /** DIEs seen in the scan. */
  readonly dies: number;
  readonly die: Uint32Array;
  readonly size: Uint32Array;
  readonly low: Float64Array;
  /** Abstract origin's DIE; 0: none. */
  readonly origin: Uint32Array;
  readonly abstractDie: Uint32Array;
  readonly inlined: Uint32Array;
  readonly #inlinedDie: Uint32Array;
  readonly #inlinedOwner: Uint32Array;
  #byOrigin: Uint32Array | undefined;
  /** `hashBytes` of each name. */
  readonly hash: Uint32Array;
  readonly abstractHash: Uint32Array;
  readonly #name: Uint32Array;
  readonly #abstractName: Uint32Array;
  readonly #info: Uint8Array;
  readonly #strings: Uint8Array;

  constructor(result: ScanResult, info: Uint8Array, strings: Uint8Array | undefined) {
    this.#info = info;
    this.#strings = strings ?? new Uint8Array(0);
    this.dies = result.dies;
    this.count = result.die.length;
    this.die = result.die.finish();
    this.size = result.size.finish();
    this.origin = result.origin.finish();
    this.abstractDie = result.abstractDie.finish();
    this.#abstractName = result.abstractName.finish();
    this.inlined = result.inlined.finish();
    this.#inlinedDie = result.inlinedDie.finish();
    this.#inlinedOwner = result.inlinedOwner.finish();
    this.#name = result.name.finish();
    this.hash = result.hash.finish();
    this.abstractHash = result.abstractHash.finish();
    for (let i = 0; i < this.abstractHash.length; i++) {
      if (this.abstractHash[i] === 0) this.abstractHash[i] = this.#hashAt(this.#abstractName[i]);
    }
    this.low = new Float64Array(this.count);
    const lowHalf = result.lowHalf.finish();
    const highHalf = result.highHalf.finish();
    for (let i = 0; i < this.count; i++) {
      this.low[i] = highHalf[i] * 2 ** 32 + lowHalf[i];
      if (this.#name[i] === noName && this.origin[i] !== 0) {
        const index = this.#abstractIndex(this.origin[i]);
        if (index < 0) continue;
        this.#name[i] = this.#abstractName[index];
        this.hash[i] = this.abstractHash[index];
      } else if (this.hash[i] === 0) this.hash[i] = this.#hashAt(this.#name[i]);
    }
  }

  at(index: number): ScannedFunction {
    return { name: this.name(index), die: this.die[index], low: this.low[index], size: this.size[index] };
  }

  /** Empty for a subprogram without a name. */
  name(index: number): string {
    return this.#text(this.#name[index]);
  }

  abstractName(index: number): string {
    return this.#text(this.#abstractName[index]);
  }

  /** Indexes of the functions of exactly that name. */
  find(name: Uint8Array): number[] {
    return this.#exact(this.hash, this.#name, name);
  }

  /** Indexes of the functions whose name ends so, behind a character that is no letter, digit or underscore. */
  findSuffix(suffix: Uint8Array): number[] {
    return this.#suffix(this.#name, suffix);
  }

  /** Indexes among the abstract subprograms, by exact name. */
  findAbstract(name: Uint8Array): number[] {
    return this.#exact(this.abstractHash, this.#abstractName, name);
  }

  findAbstractSuffix(suffix: Uint8Array): number[] {
    return this.#suffix(this.#abstractName, suffix);
  }

  /** How many inlined_subroutine DIEs have that abstract origin. */
  inlinedCopies(abstractDie: number): number {
    let count = 0;
    for (const origin of this.inlined) if (origin === abstractDie) count++;
    return count;
  }

  /** The inlined_subroutine DIEs of a function: offset, and index of the function that has the copy. */
  copiesOf(abstractDie: number): { readonly die: number; readonly owner: number }[] {
    const { inlined } = this;
    this.#byOrigin ??= Uint32Array.from(inlined, (_, i) => i).sort((a, b) => inlined[a] - inlined[b] || a - b);
    const order = this.#byOrigin;
    let low = 0;
    for (let high = order.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (inlined[order[middle]] < abstractDie) low = middle + 1;
      else high = middle;
    }
    const found: { die: number; owner: number }[] = [];
    for (; low < order.length && inlined[order[low]] === abstractDie; low++) {
      const i = order[low];
      found.push({ die: this.#inlinedDie[i], owner: this.#inlinedOwner[i] });
    }
    return found;
  }

  #abstractIndex(die: number): number {
    let low = 0;
    let high = this.abstractDie.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.abstractDie[middle];
      if (found === die) return middle;
      if (found < die) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #exact(hashes: Uint32Array, names: Uint32Array, wanted: Uint8Array): number[] {
    const matches: number[] = [];
    const hash = hashBytes(wanted);
    for (let i = hashes.indexOf(hash); i >= 0; i = hashes.indexOf(hash, i + 1)) {
      const [bytes, at] = this.#at(names[i]);
      if (names[i] !== noName && bytes[at + wanted.length] === 0 && sameBytes(bytes, at, wanted)) matches.push(i);
    }
    return matches;
  }

  #suffix(names: Uint32Array, suffix: Uint8Array): number[] {
    const matches: number[] = [];
    if (suffix.length === 0) return matches;
    for (let i = 0; i < names.length; i++) {
      if (names[i] === noName) continue;
      const [bytes, at] = this.#at(names[i]);
      let end = at;
      while (end < bytes.length && bytes[end] !== 0) end++;
      const start = end - suffix.length;
      if (start > at && !isWord(bytes[start - 1]) && sameBytes(bytes, start, suffix)) matches.push(i);
    }
    return matches;
  }

  #at(name: number): [Uint8Array, number] {
    return name >= inDebugStr ? [this.#strings, name - inDebugStr] : [this.#info, name];
  }

  #hashAt(name: number): number {
    if (name === noName) return 0;
    const [bytes, at] = this.#at(name);
    const end = bytes.indexOf(0, at);
    return end < 0 ? 0 : hashBytes(bytes.subarray(at, end));
  }

  #text(offset: number): string {
    if (offset === noName) return '';
    const [bytes, start] = this.#at(offset);
    const end = bytes.indexOf(0, start);
    return end < 0 ? '' : decodeUtf8(bytes.subarray(start, end));
  }
}

function sameBytes(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  let k = wanted.length - 1;
  while (k >= 0 && bytes[at + k] === wanted[k]) k--;
  return k < 0;
}

function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f ||
    byte >= 0x80
  );
}
