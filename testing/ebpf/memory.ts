/** A process's memory, as far as a test gives it: whatever lies outside the segments faults. */
export class UserMemory {
  readonly #segments: { readonly start: bigint; readonly bytes: Uint8Array }[] = [];

  /** Puts `bytes` at `start`; the array stays shared with the test. */
  map(start: bigint, bytes: Uint8Array): Uint8Array {
    this.#segments.push({ start, bytes });
    return bytes;
  }

  /** A copy of `size` bytes at `at`; undefined where not all of them are mapped in one segment. */
  read(at: bigint, size: number): Uint8Array | undefined {
    for (const { start, bytes } of this.#segments) {
      if (at < start || at + BigInt(size) > start + BigInt(bytes.length)) continue;
      const from = Number(at - start);
      return bytes.slice(from, from + size);
    }
    return undefined;
  }

  write64(at: bigint, value: bigint): void {
    for (const { start, bytes } of this.#segments) {
      if (at < start || at + 8n > start + BigInt(bytes.length)) continue;
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(Number(at - start), BigInt.asUintN(64, value), true);
      return;
    }
    throw new RangeError(`no memory is mapped at 0x${at.toString(16)}`);
  }
}
