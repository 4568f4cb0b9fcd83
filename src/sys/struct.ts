import { BugError } from '#base';

/**
 * A C struct for the kernel: bytes with pointers to other bytes. What is pointed to is kept alive with the struct and
 * gets its address only when the call is made, so that a fake kernel can follow the pointers too.
 */
export class Struct {
  readonly bytes: Uint8Array;
  readonly pointers: { readonly offset: number; readonly target: Uint8Array }[] = [];
  readonly #view: DataView;

  /** `size` in bytes; all zero at first (what bpf(2) wants of unused fields). */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u8(offset: number, value: number): this {
    this.#view.setUint8(offset, value);
    return this;
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  i32(offset: number, value: number): this {
    this.#view.setInt32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** NUL-padded ASCII, cut to `size - 1` characters. */
  text(offset: number, size: number, value: string): this {
    for (let i = 0; i < Math.min(size - 1, value.length); i++) this.#view.setUint8(offset + i, value.charCodeAt(i));
    return this;
  }

  /** A u64 that becomes the address of `target`. */
  pointer(offset: number, target: Uint8Array): this {
    if (offset + 8 > this.bytes.length)
      throw new BugError(`pointer at ${offset} outside a struct of ${this.bytes.length} bytes`);
    this.pointers.push({ offset, target });
    return this;
  }

  getU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  getU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** What a pointer field points to; undefined for a null pointer. For fakes. */
  target(offset: number): Uint8Array | undefined {
    return this.pointers.findLast((pointer) => pointer.offset === offset)?.target;
  }
}

/** NUL-terminated UTF-8. */
export function cString(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}
