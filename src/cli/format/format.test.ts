import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeControls, escapeJson, jsonString } from '#base';
import { readableBytes } from './bytes.ts';
import { readableDuration } from './duration.ts';
import { rfc3339Local, rfc3339Utc, timeOfDay } from './time.ts';
import { cutToWidth, displayWidth, wrapToWidth } from './width.ts';

test.each([
  [0n, '0 ns'],
  [850n, '850 ns'],
  [999n, '999 ns'],
  [1_000n, '1.0 µs'],
  [4_000n, '4.0 µs'],
  [99_949n, '99.9 µs'],
  [99_950n, '100 µs'],
  [999_499n, '999 µs'],
  [999_500n, '1.0 ms'],
  [250_004_000n, '250 ms'],
  [1_500_000_000n, '1.5 s'],
  [59_940_000_000n, '59.9 s'],
  [59_950_000_000n, '1 min'],
  [61_000_000_000n, '1 min 1 s'],
  [3_600_000_000_000n, '1 h'],
  [90_000_000_000_000n, '1 day 1 h'],
  [864_000_000_000_000n, '10 days'],
  [-1_500n, '-1.5 µs'],
  [1234.5, '1.2 µs'],
  [0.25, '0.3 ns'],
] as const)('%s ns is %s', (ns, text) => {
  expect(readableDuration(ns)).toBe(text);
});

test.each([
  [9n, '9 B'],
  [1023n, '1023 B'],
  [1536n, '1.5 KiB'],
  [1_048_575n, '1.0 MiB'],
  [5_000_000_000n, '4.7 GiB'],
  [-1536n, '-1.5 KiB'],
] as const)('%s bytes are %s', (bytes, text) => {
  expect(readableBytes(bytes)).toBe(text);
});

test('times', () => {
  const zone = process.env.TZ;
  try {
    process.env.TZ = 'Asia/Kolkata';
    expect(rfc3339Local(1_700_000_001_500_000_000n)).toBe('2023-11-15T03:43:21.5+05:30');
    expect(rfc3339Local(1_700_000_000_000_000_000n)).toBe('2023-11-15T03:43:20+05:30');
    expect(timeOfDay(1_700_000_001_500_000_999n)).toBe('03:43:21.500000');
    process.env.TZ = 'America/New_York';
    expect(rfc3339Local(1_700_000_000_123_456_789n)).toBe('2023-11-14T17:13:20.123456789-05:00');
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
  expect(rfc3339Utc(1_700_000_000_123_456_789n)).toBe('2023-11-14T22:13:20.123456789Z');
  expect(rfc3339Utc(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
  expect(rfc3339Utc(2n ** 63n - 1n)).toBe('2262-04-11T23:47:16.854775807Z');
});

test('what a terminal would act on is written out', () => {
  expect(escapeControls('a\nb\t\u001b[2J\u009b\u007f\u202e\ud800é—漢😀')).toBe(
    'a\\nb\\t\\x1b[2J\\x9b\\x7f\\u202e\\ud800é—漢😀',
  );
});

test('nothing that a terminal acts on is left, in any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(escapeControls(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

test('escaped JSON means the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(jsonString(text))).toBe(text);
      expect(JSON.parse(escapeJson(JSON.stringify({ [text]: [text] })))).toEqual({ [text]: [text] });
    }),
  );
});

test('cut to a width', () => {
  expect(cutToWidth('abcdef', 6)).toBe('abcdef');
  expect(cutToWidth('abcdef', 5)).toBe('abcd…');
  expect(cutToWidth('漢字漢字', 6)).toBe('漢字…');
  expect(cutToWidth('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…');
  expect(cutToWidth('👩‍👩‍👧x', 2)).toBe('…');
});

test('widths', () => {
  expect(displayWidth('4.0 µs — …')).toBe(10);
  expect(displayWidth('漢字')).toBe(4);
  expect(displayWidth('😀')).toBe(2);
});

test('a text in lines: at blanks where that leaves no line half empty, never half a character, nothing lost', () => {
  expect(wrapToWidth('', 5)).toEqual(['']);
  expect(wrapToWidth('one two three', 8)).toEqual(['one two ', 'three']);
  expect(wrapToWidth('one two three', 7)).toEqual(['one two ', 'three']);
  expect(wrapToWidth('a bcdefghijkl', 6)).toEqual(['a bcde', 'fghijk', 'l']);
  expect(wrapToWidth('漢字漢字', 5)).toEqual(['漢字', '漢字']);
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '漢', 'e\u0301', '👩‍👩‍👧') });
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 12 }), (text, width) => {
      const lines = wrapToWidth(text, width);
      expect(lines.join('')).toBe(text);
      for (const line of lines) expect(displayWidth(line.trimEnd())).toBeLessThanOrEqual(width);
    }),
  );
});
