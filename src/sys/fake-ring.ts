/** The kernel's side of a BPF ring buffer in plain memory: a consumer page, and a producer page with the data twice behind it. */
export class FakeRing {
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #data: DataView;
  readonly #size: number;

  constructor(consumerPage: ArrayBuffer, dataPages: ArrayBuffer, pageSize: number) {
    this.#size = (dataPages.byteLength - pageSize) / 2;
    this.#consumer = new BigUint64Array(consumerPage, 0, 1);
    this.#producer = new BigUint64Array(dataPages, 0, 1);
    this.#data = new DataView(dataPages, pageSize);
  }

  get consumerPosition(): bigint {
    return this.#consumer[0]!;
  }

  /** Both positions, before anything was written: to begin near a wrap-around. */
  startAt(position: bigint): void {
    this.#consumer[0] = position;
    this.#producer[0] = position;
  }

  /** Reserves and fills a record; false when there is no room. `busy`: not committed yet, `commit` does it. */
  produce(bytes: Uint8Array, state: 'committed' | 'busy' | 'discarded' = 'committed'): boolean {
    const step = (bytes.length + 15) & ~7;
    const position = this.#producer[0]!;
    if (position + BigInt(step) - this.#consumer[0]! > BigInt(this.#size)) return false;
    this.#head(position, bytes.length, state);
    for (let i = 0; i < bytes.length; i++) this.#byte((this.#at(position) + 8 + i) % this.#size, bytes[i]!);
    this.#producer[0] = position + BigInt(step);
    return true;
  }

  /** Commits the busy record that was reserved at `position`. */
  commit(position: bigint): void {
    const length = this.#data.getUint32(this.#at(position), true) & 0x3fff_ffff;
    this.#head(position, length, 'committed');
  }

  get producerPosition(): bigint {
    return this.#producer[0]!;
  }

  #at(position: bigint): number {
    return Number(position % BigInt(this.#size));
  }

  #head(position: bigint, length: number, state: 'committed' | 'busy' | 'discarded'): void {
    const bits = state === 'busy' ? 0x8000_0000 : state === 'discarded' ? 0x4000_0000 : 0;
    for (const copy of [0, this.#size]) this.#data.setUint32(this.#at(position) + copy, (length | bits) >>> 0, true);
  }

  #byte(at: number, value: number): void {
    this.#data.setUint8(at, value);
    this.#data.setUint8(at + this.#size, value);
  }
}
