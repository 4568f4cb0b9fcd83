import { expect, test } from 'vitest';
import { tableCell } from './cell.ts';

const column = { name: 'd', type: 'STRING', semantic: 'ST_NONE' } as const;

test('a structured value is shown as Go writes it, with what is missing in its place; other text as it is', () => {
  const value = '{"&":"0xc000010000","Name":"x","Age":3,"Next":{"&":"0xc000010030"}}';
  const notes = {
    'd.Next':
      'not captured: deeper than 1 references (limit depth 1: --depth, depth= of the probe, #px:set capture_depth)',
  };
  expect(tableCell(column, value, undefined)).toBe('&{Name:"x" Age:3 Next:0xc000010030}');
  expect(tableCell(column, value, notes)).toBe(
    '&{Name:"x" Age:3 Next:&(0xc000010030)<not captured: deeper than 1 references (limit depth 1: --depth, depth= of the probe, #px:set capture_depth)>}',
  );
  expect(tableCell(column, '{"Name":"x"}', undefined)).toBe('{"Name":"x"}');
  const cut =
    'truncated from 9000 bytes (limit string bytes 3: --string-bytes, string_bytes= of the probe, #px:set capture_string_bytes)';
  expect(tableCell(column, 'abc', { d: cut })).toBe('abc…(3 of 9000 B)');
});
