import { expressionText, parseExpression, parseSignature } from '#goexpr';
import { generator } from './random.ts';

const pieces = [
  ...[
    'a',
    'r.URL.Path',
    '$0',
    '#1',
    '.',
    '*',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ' ',
    '\t',
    '\n',
    '&',
    '&&',
    '<-',
    '...',
    '+',
    '-',
  ],
  ...[
    '0x1p',
    '1e',
    '1_000',
    '"',
    '`',
    "'",
    '\\',
    '"x"',
    'func',
    'func(',
    'struct{',
    'interface{}',
    'n int',
    'map',
    'é',
    '𝕏',
    '\ud800',
    '\0',
    '$',
    '#',
    ':=',
    '=',
    ',',
    ';',
  ],
];

/** Any text: an expression that prints and parses to itself, or diagnostics inside the text; never an exception, and soon. */
export function run(options: { milliseconds: number; seed?: number }): number {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    let text = '';
    const length = random(50) === 0 ? random(5000) : random(12);
    for (let i = 0; i < length; i++) {
      text += random(6) === 0 ? String.fromCharCode(random(0x250)) : pieces[random(pieces.length)];
    }
    const start = performance.now();
    try {
      check(text);
    } catch (error) {
      throw new Error(`seed ${seed}, input ${inputs}: ${JSON.stringify(text)}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 1_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function check(text: string): void {
  for (const each of [text, `func${text}`]) {
    const signature = parseSignature(each);
    for (const { span } of signature.ok ? [] : signature.diagnostics) {
      if (span === undefined || span.start < 0 || span.start > each.length) throw new Error('a span outside the text');
    }
  }
  const parsed = parseExpression(text);
  if (!parsed.ok) {
    if (parsed.diagnostics.length === 0) throw new Error('refused without a diagnostic');
    for (const { span, message } of parsed.diagnostics) {
      if (message === '') throw new Error('an empty message');
      if (span === undefined || span.start < 0 || span.start > text.length) throw new Error('a span outside the text');
    }
    return;
  }
  const printed = expressionText(parsed.expression);
  const again = parseExpression(printed);
  if (!again.ok || expressionText(again.expression) !== printed) throw new Error(`prints as '${printed}'`);
}
