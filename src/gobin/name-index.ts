/** Texts that end in a NUL, found by their bytes: a hash table with open addressing, of the numbers of the texts. */
export class NameIndex {
  readonly #slots: Uint32Array;

  /** Text `i` of `count` begins at `starts(i)`. */
  constructor(bytes: Uint8Array, count: number, starts: (index: number) => number) {
    let size = 16;
    while (size < 2 * count) size *= 2;
    this.#slots = new Uint32Array(size);
    for (let index = 0; index < count; index++) {
      let hash = seed;
      for (let at = starts(index); at < bytes.length && bytes[at] !== 0; at++) hash = step(hash, bytes[at]!);
      let slot = hash & (size - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = index + 1;
    }
  }

  /** Numbers of texts of which some are `text`: those that are it are all among them. */
  candidates(text: Uint8Array): number[] {
    const slots = this.#slots;
    let hash = seed;
    for (const byte of text) hash = step(hash, byte);
    const found: number[] = [];
    for (let slot = hash & (slots.length - 1); slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1))
      found.push(slots[slot]! - 1);
    return found;
  }
}

/** FNV-1a. */
const seed = 0x811c9dc5;
const step = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193);
