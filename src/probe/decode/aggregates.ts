/** How what was added up is written, whether the kernel did it or rows were. */
import { bucketText } from '../emit/buckets.ts';
import type { NumberKind } from '../types.ts';

/** Most keys that a `TopKeys` lists. */
const mostTopKeys = 10;

/** `[{"from":1024,"to":1152,"count":5},…]`, from the smallest on; `to` is the first number behind the bucket. */
export function histogramText(buckets: Iterable<readonly [bucket: bigint, count: bigint]>, number: NumberKind): string {
  const sorted = [...buckets].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = sorted.map(([bucket, count]) => {
    const { from, to } = bucketText(bucket, number);
    return `{"from":${from},"to":${to},"count":${count}}`;
  });
  return `[${parts.join(',')}]`;
}

/** `[{"key":"ada","count":125},…]`, the most frequent first; `key` is made of those that are listed only. `note`: that there are more. */
export function topKeysText<Entry extends { readonly count: bigint }>(
  entries: readonly Entry[],
  key: (entry: Entry) => string,
): { readonly text: string; readonly note?: string } {
  const sorted = [...entries].sort((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0));
  const listed = sorted.slice(0, mostTopKeys).map((entry) => `{"key":${key(entry)},"count":${entry.count}}`);
  const text = `[${listed.join(',')}]`;
  return sorted.length > mostTopKeys ? { text, note: `the first ${mostTopKeys} of ${sorted.length} keys` } : { text };
}

/** Of some calls there is nothing to add up. */
export function lackingNote(lacking: bigint, calls: bigint, number: NumberKind): string {
  const what = number === 'float' ? 'is NaN or could not be read' : 'could not be read';
  return `of ${lacking} of ${calls} calls the value ${what}`;
}
