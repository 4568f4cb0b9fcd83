import {
  chunkHeaderSize,
  defaultLimits,
  type EventLayout,
  headerSize,
  mostReferences,
  type Slot,
  type WalkLayout,
  walkStateSize,
} from '#model';
import { mapLeaves } from '../computation/index.ts';
import { entryBytes, type TypeTable } from '../graph/index.ts';
import type { PartStep, ResolvedValue } from '../resolve/index.ts';
import type { ValueShape } from '../types.ts';
import { computedSource } from './condition.ts';
import type { PlanContext } from './plan.ts';
import { graphSource, type SlotSource, slotSource } from './source.ts';

/** Largest part of a record that is not snapshot, bytes: its slots are reached by the 16-bit offsets of eBPF stores. */
export const maxRecordBytes = 32_760;

/** So many turns of one value fill the event. */
const turnsInEvent = 48;

type GraphSource = Extract<SlotSource, { kind: 'graph-memory' | 'graph-parts' }>;

/** Collects the values of one kind of event and lays them out. */
export class LayoutBuilder {
  readonly #table: TypeTable | undefined;
  readonly #sources: SlotSource[] = [];
  /** Source → slot: what several columns want is captured once. */
  readonly #known = new Map<string, number>();
  readonly #noFloats: () => string | undefined;
  readonly #start: number;
  readonly #stringBytes: number;
  readonly #most: number;
  #bytes: number;
  #isFull = false;
  #time = '';

  /** What the values may be made of, as in `planProbe`; for what is no record: where its slots begin, how long they may be. */
  constructor(
    { types, noFloats = () => undefined, limits = defaultLimits }: PlanContext,
    { start = headerSize, stringBytes = limits.stringBytes, most = maxRecordBytes } = {},
  ) {
    this.#table = types;
    this.#noFloats = noFloats;
    this.#start = start;
    this.#stringBytes = stringBytes;
    this.#most = most;
    this.#bytes = start;
  }

  /** For some value there was no room. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** As `add`, for what is built of several times: the same place at another time is another value. */
  addAt(time: string, value: ResolvedValue): ValueShape {
    this.#time = time;
    return this.add(value);
  }

  /** The shape of `value`, its leaves given slots. A leaf without a place, or without room, becomes missing with the reason. */
  add(value: ResolvedValue): ValueShape {
    switch (value.kind) {
      case 'missing':
        return value;
      case 'object':
        return {
          kind: 'object',
          fields: value.fields.map((field) => ({ name: field.name, value: this.add(field.value) })),
        };
      case 'computed':
        // Of what is no record nothing remains to be computed behind it.
        if (this.#start !== headerSize) return this.#shape(computedSource(value.computation));
        return { kind: 'computed', computation: mapLeaves(value.computation, (leaf) => this.add(leaf)) };
      case 'part': {
        const whole = this.add(value.whole);
        if (whole.kind !== 'graph') return whole;
        return { kind: 'part', whole, steps: value.steps.map((step) => this.#step(step)), part: value.part };
      }
      case 'graph': {
        const found = graphSource(value, this.#noFloats);
        if (typeof found === 'string') return { kind: 'missing', reason: `type ${value.name}: ${found}` };
        const slot = this.#slot(found.source);
        if (typeof slot !== 'number') return slot;
        const none = value.none === undefined ? {} : { none: value.none };
        const error = value.error === undefined ? {} : { error: value.error };
        return { kind: 'graph', slot, type: value.type, holes: found.holes, ...none, ...error };
      }
      default: {
        let source = slotSource(value, this.#noFloats, this.#stringBytes);
        if (typeof source === 'string') return { kind: 'missing', reason: source };
        if (this.#start !== headerSize && source.kind === 'stack' && source.frames > 2)
          source = { ...source, byId: true };
        const slot = this.#slot(source);
        if (typeof slot !== 'number') return slot;
        if (value.kind === 'stack') {
          const { one, start } = value;
          return {
            kind: 'frames',
            slot,
            ...(one === true ? { one } : {}),
            ...(start === undefined ? {} : { start }),
          };
        }
        if (value.kind === 'goroutine' && value.code === true) return { kind: 'frames', slot, one: true };
        return {
          kind: 'slot',
          slot,
          ...('text' in value ? { text: value.text } : {}),
          ...('constants' in value ? { constants: value.constants } : {}),
        };
      }
    }
  }

  #shape(source: SlotSource | string): ValueShape {
    if (typeof source === 'string') return { kind: 'missing', reason: source };
    const slot = this.#slot(source);
    return typeof slot === 'number' ? { kind: 'slot', slot } : slot;
  }

  #step(step: PartStep<ResolvedValue>): PartStep<ValueShape> {
    const shaped = (value: Parameters<typeof mapLeaves<ResolvedValue, ValueShape>>[0]) =>
      mapLeaves(value, (leaf) => this.add(leaf));
    switch (step.kind) {
      case 'key':
      case 'index':
        return { ...step, value: shaped(step.value) };
      case 'slice': {
        const { low, high, ...rest } = step;
        return { ...rest, ...(low && { low: shaped(low) }), ...(high && { high: shaped(high) }) };
      }
      default:
        return step;
    }
  }

  #slot(source: SlotSource): number | { readonly kind: 'missing'; readonly reason: string } {
    const key =
      this.#time + JSON.stringify(source, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // One status byte each, and up to 7 bytes of padding behind them all; roots bring the walk's state.
    const roots = this.#sources.filter(isGraph).length;
    const state = isGraph(source) ? walkStateSize(roots + 1) - (roots === 0 ? 0 : walkStateSize(roots)) : 0;
    const bytes = this.#bytes + 1 + slotBytes(source) + state;
    if (bytes + 7 > this.#most) {
      this.#isFull = true;
      return { kind: 'missing', reason: `the event is full (${this.#most} bytes): name fewer values` };
    }
    this.#bytes = bytes;
    const slot = this.#sources.push(source) - 1;
    this.#known.set(key, slot);
    return slot;
  }

  finish(): { readonly layout: EventLayout; readonly sources: readonly SlotSource[] } {
    const sources = this.#sources;
    let at = this.#start + align8(sources.length);
    const offsets = new Map<SlotSource, number>();
    for (const source of sources) {
      if (isGraph(source)) continue;
      offsets.set(source, at);
      at += slotBytes(source);
    }
    const state = at;
    const roots = sources.filter(isGraph);
    if (roots.length > 0) at += walkStateSize(roots.length);
    const area = at;
    for (const source of roots) {
      offsets.set(source, at + chunkHeaderSize);
      at += slotBytes(source);
    }
    const slots = sources.map((source, index): Slot => {
      const place = { offset: offsets.get(source)!, status: this.#start + index };
      switch (source.kind) {
        case 'string-parts':
        case 'string-header':
          return { kind: 'string', ...place, maxBytes: source.maxBytes };
        case 'graph-parts':
        case 'graph-memory':
          return { kind: 'graph', ...place };
        case 'float':
        case 'float-register':
          return { kind: 'float', ...place, size: source.size === 4 ? 4 : 8 };
        case 'stack':
          return { kind: source.byId === true ? 'stack-id' : 'stack', ...place, frames: source.frames };
        case 'cpu':
        case 'thread':
        case 'drops':
        case 'goroutine':
          return { kind: 'uint', ...place };
        case 'computed':
          return { kind: source.as, ...place };
        default:
          return { kind: source.kind, ...place };
      }
    });
    if (roots.length === 0 || this.#table === undefined) return { layout: { size: at, slots }, sources };
    const walk = walkLayout(
      this.#table,
      roots.map((source) => ({ chunk: offsets.get(source)! - chunkHeaderSize - area, type: source.type })),
      state,
      area,
      at - area,
    );
    const size = area + walk.lastChunk + chunkHeaderSize + walk.maxChunk;
    return { layout: { size: Math.max(size, at), slots, walk }, sources };
  }
}

/** Room for what the types may need, up to the limits. */
function walkLayout(
  table: TypeTable,
  roots: readonly { readonly chunk: number; readonly type: number }[],
  state: number,
  area: number,
  rootBytes: number,
): WalkLayout {
  const { limits, entries } = table.graph;
  const needs = roots.map((root) => table.need(root.type));
  const sum = (of: (need: (typeof needs)[number]) => number) => needs.reduce((total, need) => total + of(need), 0);
  const maxChunk = align8(Math.max(16, ...needs.map((need) => need.chunk)));
  const most = Math.max(rootBytes, limits.eventBytes - area - chunkHeaderSize - maxChunk);
  // A chunk may begin where the tail is: with all that is needed in it, the last one begins before the end.
  const lastChunk = Math.min(rootBytes + sum((need) => need.bytes), most);
  return {
    state,
    area,
    rootBytes,
    roots: roots
      .filter((_, i) => needs[i]!.references > 1)
      .map(({ chunk, type }) => ({ chunk, entry: entries[type]! + entryBytes })),
    turn: {
      steps: Math.ceil(mostReferences(limits) / turnsInEvent),
      bytes: Math.ceil(limits.eventBytes / turnsInEvent),
    },
    lastChunk,
    maxChunk,
    steps: Math.min(mostReferences(limits), roots.length + 2 + sum((need) => need.references)),
    depth: limits.depth,
    tableBytes: table.bytes.length,
  };
}

function isGraph(source: SlotSource): source is GraphSource {
  return source.kind === 'graph-memory' || source.kind === 'graph-parts';
}

function slotBytes(source: SlotSource): number {
  switch (source.kind) {
    case 'string-parts':
    case 'string-header':
      return 8 + align8(source.maxBytes);
    case 'stack':
      return source.byId === true ? 8 : stackBytes(source.frames);
    case 'graph-memory':
    case 'graph-parts':
      return chunkHeaderSize + align8(source.bytes);
    default:
      return 8;
  }
}

/** The count of its frames, and they. */
export function stackBytes(frames: number): number {
  return 8 + 8 * frames;
}

function align8(count: number): number {
  return (count + 7) & ~7;
}
