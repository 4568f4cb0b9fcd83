import { expect, test } from 'vitest';
import { importsTracing } from './execute.ts';

test.each([
  ['import pxtrace', true],
  ['import px\r\nimport pxtrace\r\n', true],
  ['import pxtrace as t', true],
  ['import px, pxtrace  # both', true],
  ['from pxtrace import probe', true],
  ['import px  # not pxtrace', false],
  ['import pxtracer', false],
  ['px.display(1)', false],
])('%j imports tracing: %s', (text, expected) => {
  expect(importsTracing(text)).toBe(expected);
});
