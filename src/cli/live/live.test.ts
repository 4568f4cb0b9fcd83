import { expect, test } from 'vitest';
import type { OutputColumn, Row } from '../output/row.ts';
import { bucketsOf, heatMap, seriesOf, sparkline } from './chart.ts';
import { rowLines } from './detail.ts';
import { filtered, sorted } from './filter.ts';
import { keysOf } from './keys.ts';
import { newState, pressed, refresh, shownRows } from './state.ts';
import { mostRows, TableCollector } from './tables.ts';
import { screen } from './view.ts';

const columns: OutputColumn[] = [
  { name: 'time_', type: 'TIME64NS', semantic: 'ST_NONE' },
  { name: 'name', type: 'STRING', semantic: 'ST_NONE' },
  { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
];
const row = (second: number, name: string | null, latency: bigint | null): Row => ({
  cells: [BigInt(second) * 1_000_000_000n, name, latency],
});
const rows = [row(1, 'Ada', 500n), row(2, 'b', null), row(3, null, 2_000_000_000n), row(4, 'ab c', 1500n)];

test('keys from bytes', () => {
  expect(keysOf('a\x1b[A\x1bOB\x1b[5~\r\t\x1b[Zä\x1b')).toEqual([
    ...['a', 'up', 'down', 'pageup', 'enter', 'tab', 'shift-tab', 'ä', 'escape'],
  ]);
  expect(keysOf('\x1b[99;5~\x00')).toEqual([]);
});

test('a filter’s words must all hold', () => {
  const left = (filter: string) => filtered(columns, rows, filter).map(({ cells }) => cells[1]);
  expect(left('')).toEqual(['Ada', 'b', null, 'ab c']);
  expect(left('a')).toEqual(['Ada', 'ab c']);
  expect(left('name=ADA')).toEqual(['Ada']);
  expect(left('name!=b latency>1000')).toEqual([null, 'ab c']);
  expect(left('latency<1000')).toEqual(['Ada']);
  expect(left('none=5')).toEqual([]);
});

test('missing values come last in both directions', () => {
  const order = (descending: boolean) => sorted(rows, 2, descending).map(({ cells }) => cells[2]);
  expect(order(false)).toEqual([500n, 1500n, 2_000_000_000n, null]);
  expect(order(true)).toEqual([2_000_000_000n, 1500n, 500n, null]);
});

test('latencies over time', () => {
  const table = { head: { name: 't', columns }, rows, count: 4 };
  const buckets = bucketsOf(seriesOf(table, rows)!, 3)!;
  expect(buckets.values).toEqual([[500], [], [2_000_000_000, 1500]]);
  expect(sparkline(buckets)).toBe('▁ █');
  expect(heatMap(buckets, 4).map(({ counts }) => counts)).toEqual([
    [0, 0, 1],
    [0, 0, 0],
    [0, 0, 0],
    [1, 0, 1],
  ]);
  expect(bucketsOf(seriesOf(table, [])!, 3)).toBeUndefined();
  expect(seriesOf({ head: { name: 't', columns: columns.slice(1) }, rows, count: 4 }, rows)).toBeUndefined();
});

test('a row as JSON: texts that are JSON are laid out with their own digits, lines fit', () => {
  const wide: Row = { cells: [0n, '{"big":12345678901234567890,"s":[1]}', null], notes: { latency: 'nil' } };
  const lines = rowLines(columns, wide, 40);
  expect(lines.join('\n')).toContain('"big": 12345678901234567890');
  expect(lines).toContain('  "latency": null,');
  expect(lines).toContain('    "latency": "nil"');
  const long = rowLines(columns, { cells: [0n, 'x'.repeat(100), 1n] }, 40);
  expect(Math.max(...long.map((line) => line.length))).toBeLessThanOrEqual(40);
  expect(long.join('').match(/x/g)).toHaveLength(100);
});

test('the newest rows are kept, all are counted', () => {
  const collector = new TableCollector(() => {});
  collector.begin({ name: 't', columns });
  for (let i = 0; i < 2 * mostRows + 5; i++) collector.row(row(i, 'x', BigInt(i)));
  collector.end();
  const [table] = collector.tables;
  expect([table!.rows.length, table!.count]).toEqual([mostRows, 2 * mostRows + 5]);
  expect(table!.rows.at(-1)!.cells[2]).toBe(BigInt(2 * mostRows + 4));
});

test('keys move in the table, and a refresh keeps the table that is looked at', () => {
  const state = newState('s', 1000);
  const size = { width: 60, height: 14 };
  const text = () =>
    screen(state, size).map((line) =>
      line
        .map((span) => span.text)
        .join('')
        .trimEnd(),
    );
  expect(text()[1]).toBe('running …');
  const tables = ['a', 'b'].map((name) => ({ head: { name, columns }, rows: [...rows], count: rows.length }));
  refresh(state, tables);
  for (const key of ['tab', 'end', 'up', 'right', 'right', 's']) expect(pressed(state, key, 5)).toBeUndefined();
  expect(shownRows(state, tables[1]!)[0]!.cells[2]).toBe(2_000_000_000n);
  expect(text()).toHaveLength(14);
  expect(text()[0]).toContain('2 b (4)');
  expect(text().find((line) => line.startsWith('TIME'))).toContain('LATENCY ▼');
  refresh(state, [tables[1]!]);
  expect(state.tab).toBe(0);
  expect(pressed(state, 'enter', 5)).toBeUndefined();
  expect(text()[1]).toBe('{');
  expect(pressed(state, 'q', 5)).toBeUndefined();
  expect(pressed(state, 'e', 5)).toBe('edit');
  expect(pressed(state, 'q', 5)).toBe('quit');
});
