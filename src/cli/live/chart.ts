import type { Row } from '../output/row.ts';
import type { LiveTable } from './tables.ts';

/** Values of one column over time. */
export interface Series {
  readonly name: string;
  readonly semantic: string;
  readonly points: readonly { readonly time: number; readonly value: number }[];
}

/** The column that is drawn over time: the first length of time, else any number but goroutine ids; undefined for a table without times. */
export function seriesOf({ head }: LiveTable, rows: readonly Row[]): Series | undefined {
  const at = head.columns.findIndex((column) => column.type === 'TIME64NS');
  const numbers = head.columns
    .map((column, i) => ({ column, i }))
    .filter(({ column }) => column.type === 'INT64' || column.type === 'FLOAT64');
  const drawn =
    numbers.find(({ column }) => column.semantic === 'ST_DURATION_NS') ??
    numbers.find(({ column }) => column.name !== 'goid_');
  if (at < 0 || drawn === undefined) return undefined;
  const points = rows.flatMap(({ cells }) => {
    const time = cells[at];
    const value = Number(cells[drawn.i] ?? Number.NaN);
    return typeof time === 'bigint' && Number.isFinite(value) ? [{ time: Number(time / 1000n) / 1000, value }] : [];
  });
  return { name: drawn.column.name, semantic: drawn.column.semantic, points };
}

/** Time cut into `width` equal pieces, oldest first, with the values that fall into each. */
export interface Buckets {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly values: readonly (readonly number[])[];
}

export function bucketsOf({ points }: Series, width: number): Buckets | undefined {
  if (points.length === 0 || width < 1) return undefined;
  const times = points.map(({ time }) => time);
  const from = times.reduce((a, b) => Math.min(a, b));
  const to = times.reduce((a, b) => Math.max(a, b));
  const size = Math.max(to - from, 1) / width;
  const values = Array.from({ length: width }, (): number[] => []);
  for (const { time, value } of points) values[Math.min(width - 1, Math.floor((time - from) / size))]!.push(value);
  return { from, to, values };
}

const bars = '▁▂▃▄▅▆▇█';

/** One sign a bucket: its highest value against the highest of all; a blank where nothing was. */
export function sparkline({ values }: Buckets): string {
  const tops = values.map((bucket) => (bucket.length === 0 ? undefined : Math.max(...bucket)));
  const highest = Math.max(...tops.map((top) => top ?? 0));
  return tops
    .map((top) => {
      if (top === undefined) return ' ';
      return bars[highest <= 0 ? 0 : Math.min(7, Math.max(0, Math.floor((top / highest) * 8)))]!;
    })
    .join('');
}

/** Rows of a heat map, the highest values first: `low` of each row's values, and how many fell into each bucket of time. */
export interface HeatRow {
  readonly low: number;
  readonly counts: readonly number[];
}

/** At most `height` rows by powers of two (or of more, if they would not fit). */
export function heatMap({ values }: Buckets, height: number): HeatRow[] {
  const power = (value: number) => (value < 1 ? 0 : Math.floor(Math.log2(value)));
  const powers = values.flat().map(power);
  if (powers.length === 0) return [];
  const lowest = powers.reduce((a, b) => Math.min(a, b));
  const highest = powers.reduce((a, b) => Math.max(a, b));
  const step = Math.ceil((highest - lowest + 1) / height);
  const rows = Math.ceil((highest - lowest + 1) / step);
  return Array.from({ length: rows }, (_, i) => {
    const first = lowest + (rows - 1 - i) * step;
    const counts = values.map(
      (bucket) => bucket.filter((value) => power(value) >= first && power(value) < first + step).length,
    );
    return { low: first === 0 ? 0 : 2 ** first, counts };
  });
}
