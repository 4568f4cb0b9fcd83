import {
  chunkHeader,
  chunkHeaderSize,
  type EventLayout,
  limitText,
  mostReferences,
  slotStatus,
  walkCut,
  walkState,
} from '#model';
import type { TypeGraph } from '../graph/index.ts';
import type { RecordBytes } from './record.ts';

/** Captured bytes of one object, or of several in a row. Places count from the start of the record's buffer. */
export interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly unreadable: boolean;
}

/** The objects that a record has a copy of, by address and type. */
export class Snapshot {
  readonly #chunks = new Map<number, (Chunk & { readonly entry: number })[]>();
  readonly #graph: TypeGraph;
  readonly #cut: number;
  readonly #size: number;

  constructor(layout: EventLayout, graph: TypeGraph, { view, offset }: RecordBytes) {
    this.#graph = graph;
    this.#size = layout.size;
    const walk = layout.walk!;
    this.#cut = view.getUint32(offset + walk.state + walkState.cut, true);
    const tail = view.getUint32(offset + walk.state + walkState.tail, true);
    for (let at = walk.rootBytes; at < tail; ) {
      const header = offset + walk.area + at;
      const bytes = view.getUint32(header + chunkHeader.bytes, true);
      const address = word(view, header + chunkHeader.address);
      const start = header + chunkHeaderSize;
      const chunk = {
        start,
        end: start + bytes,
        entry: view.getUint32(header + chunkHeader.type, true),
        depth: view.getUint16(header + chunkHeader.depth, true),
        unreadable: view.getUint16(header + chunkHeader.status, true) !== slotStatus.captured,
      };
      const known = this.#chunks.get(address);
      if (known === undefined) this.#chunks.set(address, [chunk]);
      else known.push(chunk);
      at += chunkHeaderSize + ((bytes + 7) & ~7);
    }
  }

  /** The copy of objects of a type at an address: the largest, and of these the one that was followed furthest. */
  find(address: number, type: number): Chunk | undefined {
    const entry = this.#graph.entries[type];
    let best: (Chunk & { readonly entry: number }) | undefined;
    for (const chunk of this.#chunks.get(address) ?? []) {
      if (chunk.entry !== entry) continue;
      const larger = best === undefined ? 1 : chunk.end - chunk.start - (best.end - best.start);
      if (larger > 0 || (larger === 0 && chunk.depth < best!.depth)) best = chunk;
    }
    return best;
  }

  /** The address of a func's code, which what it points to begins with: alone, or with what the func has captured. */
  code(address: number): Chunk | undefined {
    const alone = this.find(address, 0);
    if (alone !== undefined) return alone;
    const { closures = [], entries } = this.#graph;
    const isClosure = (entry: number) => closures.some(({ type }) => entries[type] === entry);
    return this.#chunks.get(address)?.find(({ entry }) => isClosure(entry));
  }

  /** The limit for which there is no copy of what a reference in an object of this depth leads to; undefined: none was reached. */
  why(depth: number, deeper: number): string | undefined {
    const { limits } = this.#graph;
    if (depth + deeper > limits.depth) {
      const unit = limits.depth === 1 ? 'reference' : 'references';
      return `deeper than ${limits.depth} ${unit} (${limitText(limits, 'depth')})`;
    }
    if ((this.#cut & walkCut.full) !== 0)
      return `the event is full at ${this.#size} bytes (${limitText(limits, 'eventBytes')})`;
    if ((this.#cut & walkCut.steps) !== 0)
      return `more than ${mostReferences(limits)} references, as many as the event's size allows (${limitText(limits, 'eventBytes')})`;
    if ((this.#cut & walkCut.checked) !== 0)
      return 'more references than a program may follow on this kernel (Linux 6.9 lifts that)';
    return undefined;
  }
}

/** A u64 as a number: addresses are below 2^53. */
export function word(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}
