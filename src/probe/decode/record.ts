import { type EventLayout, type Slot, slotStatus } from '#model';
import type { TypeGraph } from '../graph/index.ts';
import { floatFault } from './float.ts';
import type { TargetContext } from './target.ts';

/** A record in some bytes: of the ring, or of a call's kept copy. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the record begins. */
  readonly offset: number;
}

/** Where the values of a record come from: its layout, the types of its graph, its process. */
export interface RecordContext {
  readonly layout: EventLayout;
  readonly graph: TypeGraph | undefined;
  readonly target: TargetContext;
  /** It is a key by which calls are told apart: the length of its texts is fixed. */
  readonly isKey?: true;
  /** The entry of the map of stacks with this number, if it is there. */
  stack?(id: bigint): RecordBytes | undefined;
}

/** Bytes of a string of `length` bytes, from `start` to `shown` of `source`. */
interface StoredText {
  readonly source: Uint8Array;
  readonly start: number;
  readonly shown: number;
  readonly length: number;
}

/** The bytes that a string's slot holds, or, where they were not resident, those of the executable file; undefined: neither. */
export function storedText(
  slot: Slot & { kind: 'string' },
  { bytes, view, offset }: RecordBytes,
  target: TargetContext,
): StoredText | undefined {
  const at = offset + slot.offset;
  const status = bytes[offset + slot.status];
  const length = wordAt(view, at);
  const wanted = Math.min(length, slot.maxBytes);
  if (status === slotStatus.captured) return { source: bytes, start: at + 8, shown: at + 8 + wanted, length };
  if (status !== slotStatus.cold) return undefined;
  const source = target.fileBytes?.(wordAt(view, at + 8), wanted);
  return source && { source, start: 0, shown: source.length, length };
}

/** As a number: one of 2^53 and more (garbage) loses its last digits only. */
export function wordAt(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

/** Why a slot holds no value. */
export function statusReason(status: number, view: DataView, at: number): string {
  switch (status) {
    case slotStatus.nil:
      return 'nil pointer';
    case slotStatus.outOfRange:
      return 'index out of range';
    case slotStatus.otherType:
      return 'the interface holds a value of another type';
    case slotStatus.noIndex:
      return 'its index could not be computed';
    case slotStatus.unreadable:
    case slotStatus.cold:
      return 'its memory could not be read (not mapped, or not resident)';
    default:
      return floatFault(status, view, at) ?? 'not read';
  }
}
