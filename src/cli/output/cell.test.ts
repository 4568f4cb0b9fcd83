import { expect, test } from 'vitest';
import { tableCell } from './cell.ts';

const column = { name: 'd', type: 'STRING', semantic: 'ST_NONE' } as const;

test('a structured value is shown as Go writes it, with what is missing in its place; other text as it is', () => {
  const value = '{"&":"0xc000010000","Name":"x","Age":3,"Next":{"&":"0xc000010030"}}';
  const notes = {
    'd.Next':
      'not captured: deeper than 1 reference (limit depth 1: --depth, depth= of the probe, #px:set capture_depth)',
  };
  expect(tableCell(column, value, undefined)).toBe('&{Name:"x" Age:3 Next:0xc000010030}');
  expect(tableCell(column, value, notes)).toBe(
    '&{Name:"x" Age:3 Next:&(0xc000010030)<not captured: deeper than 1 reference (limit depth 1: --depth, depth= of the probe, #px:set capture_depth)>}',
  );
  expect(tableCell(column, '{"Name":"x"}', undefined)).toBe('{"Name":"x"}');
  const cut =
    'truncated from 9000 bytes (limit string bytes 3: --string-bytes, string_bytes= of the probe, #px:set capture_string_bytes)';
  expect(tableCell(column, 'abc', { d: cut })).toBe('abc…(3 of 9000 B)');
});

test('quantiles of a duration are shown as durations', () => {
  const quantiles = { ...column, semantic: 'ST_DURATION_NS_QUANTILES' } as const;
  expect(tableCell(quantiles, '{"p01":17656.0,"p50":1.5e3,"p99":2500000.5}', undefined)).toBe(
    'p01: 17.7 µs, p50: 1.5 µs, p99: 2.5 ms',
  );
  expect(tableCell(quantiles, '{"p01":null}', undefined)).toBe('p01: —');
  expect(tableCell(quantiles, '{"p50":"x"}', undefined)).toBe('{"p50":"x"}');
  expect(tableCell({ ...column, semantic: 'ST_QUANTILES' }, '{"p50":3.0}', undefined)).toBe('{"p50":3.0}');
});
