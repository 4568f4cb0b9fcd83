import { type EventKind, type EventLayout, eventKinds, header, headerFlags, headerSize } from '#model';

/** A ring record for decoder tests. */
export interface TestRecord {
  readonly kind: keyof typeof eventKinds;
  readonly probe?: number;
  readonly target?: number;
  readonly ktime?: bigint;
  readonly goid?: bigint;
  readonly g?: bigint;
  readonly depth?: number;
  /** Default: g and goid hold. */
  readonly flags?: number;
  readonly site?: bigint;
  readonly entryDrops?: number;
  readonly returnDrops?: number;
  readonly layout?: EventLayout;
  /** One a slot: a number, a string's bytes (or its text), or a status other than `captured`; with it, where a cold string's bytes are. */
  readonly values?: readonly (bigint | string | Uint8Array | { readonly status: number; readonly address?: bigint })[];
  /** Full length of strings that are cut or cold, by slot. */
  readonly lengths?: Readonly<Record<number, bigint>>;
}

/** The bytes of a record; those that no program would write are garbage. */
export function recordBytes(record: TestRecord): Uint8Array {
  const { layout } = record;
  const bytes = new Uint8Array(layout?.size ?? headerSize).fill(0xaa);
  const view = new DataView(bytes.buffer);
  const kind: EventKind = eventKinds[record.kind];
  view.setUint16(header.kind, kind, true);
  view.setUint16(header.probe, record.probe ?? 0, true);
  view.setUint32(header.target, record.target ?? 0, true);
  view.setBigUint64(header.ktime, record.ktime ?? 0n, true);
  view.setBigUint64(header.goid, record.goid ?? 1n, true);
  view.setBigUint64(header.g, record.g ?? 0xc0_0000_1000n, true);
  view.setUint32(header.depth, record.depth ?? 0, true);
  view.setUint32(header.flags, record.flags ?? headerFlags.g | headerFlags.goid, true);
  view.setBigUint64(header.site, record.site ?? 0n, true);
  view.setUint32(header.entryDrops, record.entryDrops ?? 0, true);
  view.setUint32(header.returnDrops, record.returnDrops ?? 0, true);
  layout?.slots.forEach((slot, index) => {
    const value = record.values?.[index] ?? 0n;
    bytes[slot.status] = 0;
    view.setBigUint64(slot.offset, 0n, true);
    if (typeof value === 'bigint') view.setBigUint64(slot.offset, BigInt.asUintN(64, value), true);
    else if (typeof value === 'object' && 'status' in value) {
      bytes[slot.status] = value.status;
      if (value.address === undefined) return;
      view.setBigUint64(slot.offset, record.lengths?.[index] ?? 0n, true);
      view.setBigUint64(slot.offset + 8, value.address, true);
    } else {
      const text = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      view.setBigUint64(slot.offset, record.lengths?.[index] ?? BigInt(text.length), true);
      bytes.set(text.subarray(0, slot.kind === 'string' ? slot.maxBytes : 0), slot.offset + 8);
    }
  });
  return bytes;
}
