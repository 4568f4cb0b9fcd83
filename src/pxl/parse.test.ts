import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excerpt } from '#base';
import { type Expression, parse } from './index.ts';

const faults = (source: string) =>
  parse(source).diagnostics.map(
    ({ id, message, span, hints }) =>
      `${span!.line}:${span!.column} ${id} ${message}${hints ? ` [${hints.join('; ')}]` : ''}`,
  );

/** An expression with its grouping shown. */
function shape(node: Expression): string {
  switch (node.kind) {
    case 'name':
      return node.name;
    case 'int':
    case 'float':
      return `${node.value}`;
    case 'string':
      return JSON.stringify(node.value);
    case 'constant':
      return node.value === null ? 'None' : node.value ? 'True' : 'False';
    case 'list':
      return `[${node.items.map(shape).join(' ')}]`;
    case 'tuple':
      return `(${node.items.map(shape).join(' ')},)`;
    case 'dict':
      return `{${node.entries.map((entry) => `${shape(entry.key)}:${shape(entry.value)}`).join(' ')}}`;
    case 'attribute':
      return `${shape(node.object)}.${node.name}`;
    case 'call':
      return `${shape(node.function)}(${node.arguments.map((each) => `${each.name ? `${each.name}=` : ''}${shape(each.value)}`).join(' ')})`;
    case 'subscript':
      return `${shape(node.object)}[${shape(node.index)}]`;
    case 'unary':
      return `(${node.operator} ${shape(node.operand)})`;
    case 'binary':
    case 'comparison':
    case 'logical':
      return `(${shape(node.left)} ${node.operator} ${shape(node.right)})`;
    case 'membership':
      return `(${shape(node.left)} ${node.negated ? 'not ' : ''}${node.operator} ${shape(node.right)})`;
    case 'conditional':
      return `(${shape(node.test)} ? ${shape(node.yes)} : ${shape(node.no)})`;
    case 'slice':
      return [node.start, node.stop, node.step].map((part) => (part ? shape(part) : '')).join(':');
    case 'comprehension':
      return `[${node.key ? `${shape(node.key)}: ` : ''}${shape(node.item)} for ${node.targets.map((each) => each.name)} in ${shape(node.iterable)} if ${node.conditions.map(shape)}]`;
    case 'format':
      return `f(${node.parts.map((part) => (typeof part === 'string' ? JSON.stringify(part) : `${shape(part.value)}${part.format === '' ? '' : `:${part.format}`}`)).join(' ')})`;
    case 'lambda':
      return `(${node.parameters.map((each) => each.name)} => ${shape(node.body)})`;
    case 'unsupported':
      return `<${node.what}>`;
  }
}

function expressionOf(source: string): Expression {
  const { tree, diagnostics } = parse(source);
  expect(diagnostics).toEqual([]);
  const [only] = tree.body;
  if (only?.kind !== 'expression') throw new Error(`${source} is no expression`);
  return only.value;
}

describe('expressions', () => {
  it.each([
    ['a + b * c - d', '((a + (b * c)) - d)'],
    ['-a.b[0](c)', '(- a.b[0](c))'],
    ['a < b <= c != d', '(((a < b) and (b <= c)) and (c != d))'],
    ['(a < b) < c', '((a < b) < c)'],
    ['a in b and c not in d', '((a in b) and (c not in d))'],
    ['a is not None', '(a not is None)'],
    ['a if b else c if d else e', '(b ? a : (d ? c : e))'],
    ['a // b ** -c ** d', '(a // (b ** (- (c ** d))))'],
    ['a[1:], a[:-1], a[::2], a[b:c:d]', '(a[1::] a[:(- 1):] a[::2] a[b:c:d],)'],
    ['[a for a, b in c if a if b]', '[a for a,b in c if a,b]'],
    ['{a: b for a in c if a}', '[a: b for a in c if a]'],
    ['lambda a, b=1: a + b', '(a,b => (a + b))'],
    ["f'x{a + 1}y{b}'", 'f("x" (a + 1) "y" b)'],
    ["'a' f'{{{a:.2f}}}' f'b'", 'f("a" "{" a:.2f "}" "b")'],
    ['not a == b and c or d', '(((not (a == b)) and c) or d)'],
    ['(a + b) * c % d / e', '((((a + b) * c) % d) / e)'],
    ['- -a', '(- (- a))'],
    ["f(1, 'x', y=[a, b], z={'k': None},)", 'f(1 "x" y=[a b] z={"k":None})'],
    ["df[['a', 'b']]", 'df[["a" "b"]]'],
    ['()', '(,)'],
    ['a,', '(a,)'],
    ['(a < b) == c', '((a < b) == c)'],
    ["'a' \"b\" '''c\nd'''", '"abc\\nd"'],
    ['0x1F + 1_000 + 0o17 + 0b101', '(((31 + 1000) + 15) + 5)'],
    ['1.5e3 + .5', '(1500 + 0.5)'],
    ["r'\\d\\'' + '\\x41\\u00e9\\101\\n\\q'", '("\\\\d\\\\\'" + "AéA\\n\\\\q")'],
  ])('%s', (source, expected) => {
    expect(shape(expressionOf(source))).toBe(expected);
  });

  it('gives every node its place', () => {
    const source = 'x = 1\nf(a, b=df.c)\n';
    const { tree } = parse(source);
    const call = tree.body[1]!;
    if (call.kind !== 'expression' || call.value.kind !== 'call') throw new Error('no call');
    const texts = [call.value, call.value.function, ...call.value.arguments].map(({ span }) =>
      source.slice(span.start, span.end),
    );
    expect(texts).toEqual(['f(a, b=df.c)', 'f', 'a', 'b=df.c']);
    expect(call.value.arguments[1]!.value.span).toEqual({ start: 13, end: 17, line: 2, column: 8 });
  });

  it('counts lines and columns behind CRLF, strings over several lines and continuations', () => {
    const source = "a = '''x\r\ny'''\r\nb = 1 + \\\r\n  2\r\nc = )\r\n";
    expect(faults(source)).toEqual(["5:5 pxl.syntax SyntaxError: unmatched ')'"]);
  });
});

describe('faults', () => {
  it('shows the line with a caret', () => {
    const source = 'import px\npx.display(px.DataFrame(table="x")\n';
    const [fault] = parse(source).diagnostics;
    expect(`${fault!.message}\n${excerpt(source, fault!.span!)}`).toBe(
      'SyntaxError: \'(\' was never closed\npx.display(px.DataFrame(table="x")\n          ^',
    );
  });

  it.each([
    [
      'f(a\nb = 1\nc = (2',
      ["1:2 pxl.syntax SyntaxError: '(' was never closed", "3:5 pxl.syntax SyntaxError: '(' was never closed"],
    ],
    [
      'x = [1,\ndef f():\n  return 1\ny = }\n',
      ["1:5 pxl.syntax SyntaxError: '[' was never closed", "4:5 pxl.syntax SyntaxError: unmatched '}'"],
    ],
    ['f(a]', ["1:4 pxl.syntax SyntaxError: ']' does not match the opening '('"]],
    ['f(\na]', ["2:2 pxl.syntax SyntaxError: ']' does not match the opening '(' on line 1"]],
    [
      "s = 'abc\nt = 1 +\n",
      [
        "1:5 pxl.syntax SyntaxError: this string has no closing ' on its line",
        '2:8 pxl.syntax SyntaxError: expected an expression but found the end of the line',
      ],
    ],
    ["s = '''abc\nt = 1\n", ['1:5 pxl.syntax SyntaxError: this triple-quoted string was never closed']],
    ['f(a b)', ['1:5 pxl.syntax SyntaxError: invalid syntax. Perhaps you forgot a comma?']],
    [
      'df = df[df.a = 1]',
      ["1:14 pxl.syntax SyntaxError: invalid syntax. Maybe you meant '==' or ':=' instead of '='?"],
    ],
    [
      'f() = 1',
      ["1:1 pxl.syntax SyntaxError: cannot assign to the result of a call here. Maybe you meant '==' instead of '='?"],
    ],
    [
      'def f():\n    x = 1\n   y = 2\n    z = 3',
      ['3:4 pxl.syntax IndentationError: unindent does not match any outer indentation level'],
    ],
    [
      'def f():\n\tx = 1\n\t\\\n\treturn x',
      ['4:2 pxl.syntax IndentationError: inconsistent use of tabs and spaces in indentation'],
    ],
    ['return 1', ["1:1 pxl.syntax SyntaxError: 'return' outside function"]],
    [
      'def f()\n  return 1\nx = 1 1',
      [
        "1:8 pxl.syntax SyntaxError: expected ':' behind the head of the function but found the end of the line",
        '3:7 pxl.syntax SyntaxError: invalid syntax: `1` cannot stand behind a finished statement',
      ],
    ],
    [
      'def f():\nx = 1',
      ['2:1 pxl.syntax IndentationError: expected an indented block after the function definition on line 1'],
    ],
    [
      'x = 1\n  y = 2\nz = (',
      ['2:3 pxl.syntax IndentationError: unexpected indent', "3:5 pxl.syntax SyntaxError: '(' was never closed"],
    ],
    ['x = “a”', ['1:5 pxl.syntax SyntaxError: “ is a typographic quote: use \' or "']],
    [
      'f(a=1, 2)\ng(a=1, a=2)',
      [
        '1:8 pxl.syntax SyntaxError: positional argument follows keyword argument',
        '2:8 pxl.syntax SyntaxError: keyword argument repeated: a',
      ],
    ],
  ])('%j', (source, expected) => {
    expect(faults(source)).toEqual(expected);
  });

  it('refuses by name what Python has and PxL lacks', () => {
    const source = [
      'for x in y:\n  z(\n  )\nelse:\n  a',
      'while a:\n  b',
      'class C: pass',
      'a @= 1',
      'b = [x for x in y for z in x]',
      'c = lambda *a: 1',
      "d = f'{a!r}'",
      'h = a & b',
      'j, k = a',
      'del a',
      'try:\n  a\nexcept E:\n  b',
      'def m(*args): return 1',
      'n: int = 3',
      'f(*a)',
      'match a:\n  case 1:\n    b',
      'match = {x: y for x in z}',
      'match[1:2]',
    ].join('\n');
    const found = parse(source).diagnostics;
    expect(found.map((each) => each.id)).toEqual(Array(14).fill('pxl.unsupported'));
    expect(found.map((each) => each.message)).toMatchInlineSnapshot(`
      [
        "\`else\` behind \`for\` is not supported in PxL",
        "\`while\` loops are not supported in PxL",
        "classes are not supported in PxL",
        "\`@=\` is not supported in PxL",
        "comprehensions over several \`for\` are not supported in PxL",
        "\`*\` in the parameters of a lambda is not supported in PxL",
        "the conversion \`!r\` is not supported in PxL",
        "the operator \`&\` is not supported in PxL",
        "\`del\` is not supported in PxL",
        "\`try\` statements are not supported in PxL",
        "variable length args are not supported in PxL",
        "annotated assignments (\`a: int = 1\`) are not supported in PxL",
        "unpacking with \`*\` is not supported in PxL",
        "\`match\` statements are not supported in PxL",
      ]
    `);
  });
});

describe('whatever comes', () => {
  const piece = fc.constantFrom(
    ...[
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '=',
      '.',
      '\n',
      '\r\n',
      ' ',
      '  ',
      '\t',
      "'",
      '"',
      "'''",
      '\\',
      '#',
      '@',
      '*',
      '-',
      '+',
      '0',
      '1e',
      'a',
      'def ',
      'f(',
      'return ',
      'if ',
      'else',
      'lambda ',
      'not ',
      'in ',
      'import ',
      'for ',
      '\u00a0',
      '\ud800',
      '\0',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
  );

  it('ends, does not throw, and puts every place inside the text', () => {
    fc.assert(
      fc.property(text, (source) => {
        const { diagnostics } = parse(source);
        const lines = source.split('\n').length;
        for (const { span } of diagnostics) {
          expect(span!.start).toBeGreaterThanOrEqual(0);
          expect(span!.end).toBeGreaterThanOrEqual(span!.start);
          expect(span!.line).toBeGreaterThanOrEqual(1);
          expect(span!.line).toBeLessThanOrEqual(lines);
          expect(span!.column).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('refuses what is nested beyond all measure', () => {
    const deep = 100_000;
    for (const source of [
      '('.repeat(deep),
      '-'.repeat(deep),
      'not '.repeat(deep),
      'a.b'.repeat(deep),
      'a+'.repeat(deep),
      'a[0]'.repeat(deep),
      `x = ${'['.repeat(deep)}${']'.repeat(deep)}`,
      'lambda: '.repeat(deep),
      'a if b else '.repeat(deep),
      '{1:'.repeat(deep),
      'a**'.repeat(deep),
      '@a\n'.repeat(5000),
      Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}def f():`).join('\n'),
    ]) {
      expect(parse(source).diagnostics.length, source.slice(0, 20)).toBeGreaterThan(0);
    }
  });
});
