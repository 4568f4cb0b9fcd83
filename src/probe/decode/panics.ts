import { slotStatus } from '#model';
import type { PanicShape } from '../types.ts';
import type { OpenCall } from './call.ts';
import { type RecordBytes, wordAt } from './record.ts';

/** A panic under way: a copy of its record. */
export interface Panic extends RecordBytes {
  /** Of `runtime.gopanic`'s frame, as a call's. */
  readonly depth: number;
  /** Calls deeper than this had been left by the panic before it when it began; undefined: it is not known which. */
  readonly frame: number | undefined;
  readonly before: Panic | undefined;
}

/** What a call was left with: by a panic, or why it is not known by which. */
export type PanicCause = Panic | string;

const unknown =
  'a panic in a deferred function took another one’s place, and which of them left this call is not known';

/** The panics under way in one process, goroutine by goroutine. */
export class Panics {
  readonly #shape: PanicShape;
  readonly #byG = new Map<number, Panic[]>();

  constructor(shape: PanicShape) {
    this.#shape = shape;
  }

  /** `record` is that of a panic on `g` at `depth`; `calls` is its deepest open call. */
  begin(g: number, depth: number, { bytes, offset }: RecordBytes, calls: OpenCall): void {
    const copy = bytes.slice(offset, offset + this.#shape.layout.size);
    const record: RecordBytes = { bytes: copy, view: new DataView(copy.buffer), offset: 0 };
    this.reached(g, depth);
    const list = this.#byG.get(g);
    const before = list?.at(-1);
    const frame = before && this.#deferring(record);
    const panic: Panic = { ...record, depth, frame, before };
    if (list === undefined) this.#byG.set(g, [panic]);
    else list.push(panic);
    if (before === undefined || frame === undefined) return;
    // The earlier panic has left all calls between its own frame and the one whose deferred function panics now.
    for (let call: OpenCall | undefined = calls; call !== undefined && call.depth > frame; call = call.below) {
      if (call.depth < before.depth) call.panic ??= before;
    }
  }

  /** The goroutine runs at `depth`: panics whose frames were deeper are over. */
  reached(g: number, depth: number): void {
    const list = this.#byG.get(g);
    if (list === undefined) return;
    while ((list.at(-1)?.depth ?? -1) > depth) list.pop();
    if (list.length === 0) this.#byG.delete(g);
  }

  /** The panic that a call of `g` which ends now is left by; undefined: there is none. */
  of(g: number, call: OpenCall): PanicCause | undefined {
    if (call.panic !== undefined) return call.panic;
    const panic = this.#byG.get(g)?.at(-1);
    // A call of a deferred function that panics no more runs above its frame.
    if (panic === undefined || call.depth > panic.depth) return undefined;
    const { before, frame } = panic;
    return before !== undefined && frame === undefined && call.depth < before.depth ? unknown : panic;
  }

  get recordBytes(): number {
    return this.#shape.layout.size;
  }

  get some(): boolean {
    return this.#byG.size > 0;
  }

  /** Depth of the frame whose deferred function has panicked. */
  #deferring(record: RecordBytes): number | undefined {
    const { deferring, stackEnd } = this.#shape;
    const end = this.#word(record, stackEnd);
    for (const { frame, started } of deferring) {
      if (started !== undefined && this.#word(record, started) === 0) continue;
      const sp = this.#word(record, frame);
      return sp === undefined || end === undefined ? undefined : end - sp;
    }
    return undefined;
  }

  #word({ bytes, view }: RecordBytes, slot: number): number | undefined {
    const { offset, status } = this.#shape.layout.slots[slot]!;
    return bytes[status] === slotStatus.captured ? wordAt(view, offset) : undefined;
  }
}
