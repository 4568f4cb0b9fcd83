import { type EventLayout, headerSize, type Slot, type ValueShape } from '#model';
import type { ResolvedValue } from '../resolve/index.ts';
import { type SlotSource, slotSource } from './source.ts';

/** Largest record, bytes: its slots are reached by the 16-bit offsets of eBPF stores. */
export const maxRecordBytes = 32_760;

/** Collects the values of one kind of event and lays them out. */
export class LayoutBuilder {
  readonly #sources: SlotSource[] = [];
  /** Source → slot: what several columns want is captured once. */
  readonly #known = new Map<string, number>();
  readonly #noFloats: () => string | undefined;
  #bytes = headerSize;

  /** `noFloats`: why float registers cannot be had, if so; asked only where one is wanted. */
  constructor(noFloats: () => string | undefined) {
    this.#noFloats = noFloats;
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
      default: {
        const source = slotSource(value, this.#noFloats);
        if (typeof source === 'string') return { kind: 'missing', reason: source };
        const key = JSON.stringify(source);
        const known = this.#known.get(key);
        if (known !== undefined) return { kind: 'slot', slot: known };
        // One status byte each, and up to 7 bytes of padding behind them all.
        const bytes = this.#bytes + 1 + slotBytes(source);
        if (bytes + 7 > maxRecordBytes) {
          return { kind: 'missing', reason: `the event is full (${maxRecordBytes} bytes): name fewer values` };
        }
        this.#bytes = bytes;
        const slot = this.#sources.push(source) - 1;
        this.#known.set(key, slot);
        return { kind: 'slot', slot };
      }
    }
  }

  finish(): { readonly layout: EventLayout; readonly sources: readonly SlotSource[] } {
    let at = headerSize + align8(this.#sources.length);
    const slots = this.#sources.map((source, index): Slot => {
      const status = headerSize + index;
      const offset = at;
      at += slotBytes(source);
      if (source.kind === 'string-parts' || source.kind === 'string-header') {
        return { kind: 'string', offset, status, maxBytes: source.maxBytes };
      }
      if (source.kind === 'float' || source.kind === 'float-register') {
        return { kind: 'float', size: source.size === 4 ? 4 : 8, offset, status };
      }
      return { kind: source.kind, offset, status };
    });
    return { layout: { size: at, slots }, sources: this.#sources };
  }
}

function slotBytes(source: SlotSource): number {
  return source.kind === 'string-parts' || source.kind === 'string-header' ? 8 + align8(source.maxBytes) : 8;
}

function align8(count: number): number {
  return (count + 7) & ~7;
}
