import type { Cursor } from './cursor.ts';
import type { Expression, Unsupported } from './tree.ts';

/** What was read since `start` is Python that PxL has not: reported, and a node in its place. */
export function unsupported(cursor: Cursor, what: string, start: Expression['span'], hint?: string): Unsupported {
  const span = cursor.spanFrom(start);
  cursor.unsupported(what, span, hint);
  return { kind: 'unsupported', what, span };
}
