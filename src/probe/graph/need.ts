import { type CaptureLimits, mostReferences } from '#model';
import { type Reference, reference } from './entries.ts';

/** Most bytes that are copied of one object, or of one slice: a sixth of the event, and the longest string. */
function mostChunkBytes({ eventBytes, stringBytes }: CaptureLimits): number {
  return Math.max(Math.floor(eventBytes / 48) * 8, align8(stringBytes));
}

/** What the walk from a value of a type may take, at most. */
export interface WalkNeed {
  /** Bytes of chunks behind the root's own, `Infinity` where the types set no bound. */
  readonly bytes: number;
  readonly references: number;
  /** Largest chunk. */
  readonly chunk: number;
}

/** Pointers within a value's own structures count as well: a table's pointer leads to the table, a bucket to its overflow. */
export function needOf(
  references: readonly (readonly Reference[])[],
  limits: CaptureLimits,
  closures: boolean,
): (type: number) => WalkNeed {
  const largest = mostChunkBytes(limits);
  const known = new Map<number, WalkNeed>();
  const open = new Set<number>();
  const endless: WalkNeed = {
    bytes: Number.POSITIVE_INFINITY,
    references: Number.POSITIVE_INFINITY,
    chunk: largest,
  };
  const visit = (type: number): WalkNeed => {
    const found = known.get(type);
    if (found) return found;
    if (open.has(type)) return endless;
    open.add(type);
    let need: WalkNeed = { bytes: 0, references: 1, chunk: 0 };
    for (const each of references[type]!) {
      if (each.kind === reference.redacted) {
        need = { ...need, references: need.references + 1, chunk: Math.max(need.chunk, each.size!) };
        continue;
      }
      if (each.kind === reference.closure && !closures) {
        need = { ...need, references: need.references + 1 };
        continue;
      }
      if (each.kind !== reference.pointer && each.kind !== reference.counted) {
        need = endless;
        break;
      }
      const most = each.kind === reference.pointer ? 1 : each.most!;
      const chunk = Math.min(most * each.size!, largest);
      const inner = visit(each.type ?? 0);
      need = {
        bytes: need.bytes + 24 + align8(chunk) + most * inner.bytes,
        references: need.references + 2 + most * inner.references,
        chunk: Math.max(need.chunk, chunk, inner.chunk),
      };
    }
    open.delete(type);
    if (need.bytes > limits.eventBytes || need.references > mostReferences(limits))
      need = { ...endless, chunk: Math.max(need.chunk, 64) };
    known.set(type, need);
    return need;
  };
  return visit;
}

function align8(count: number): number {
  return (count + 7) & ~7;
}
