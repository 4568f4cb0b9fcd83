import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from './index.ts';

const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).status === 0;

/** For each snippet whether Python compiles it. One process for all. */
function compiles(snippets: readonly string[]): boolean[] {
  const program = `
import json, sys, warnings
warnings.simplefilter('ignore')
out = []
for text in json.load(sys.stdin):
    try:
        compile(text, 'x', 'exec')
        out.append(True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        out.append(False)
json.dump(out, sys.stdout)
`;
  const run = spawnSync('python3', ['-c', program], { input: JSON.stringify(snippets), encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as boolean[];
}

/** What is no PxL is skipped unread, so only two verdicts bind: nothing is wrong, and this is no Python. */
function verdict(source: string): boolean | undefined {
  const { diagnostics, lenient } = parse(source);
  if (diagnostics.length === 0) return lenient ? undefined : true;
  return diagnostics.some((diagnostic) => diagnostic.id === 'pxl.syntax') ? false : undefined;
}

function checkAgainstPython(snippets: readonly string[]): { accepted: number; wrong: string[] } {
  const expected = compiles(snippets);
  let accepted = 0;
  const wrong: string[] = [];
  snippets.forEach((snippet, i) => {
    const found = verdict(snippet);
    if (found) accepted++;
    if (found !== undefined && found !== expected[i]) {
      wrong.push(
        `${found ? 'accepted' : `refused (${parse(snippet).diagnostics[0]!.message})`} ${JSON.stringify(snippet)}`,
      );
    }
  });
  return { accepted, wrong: wrong.slice(0, 12) };
}

const name = fc.constantFrom('a', 'df', 'px', 'größe', 'None', 'True');
const literal = fc.constantFrom(
  '1',
  '0x1F',
  '1_000',
  '1.5e3',
  '.5',
  "'s'",
  '"d"',
  "'''t\nt'''",
  "r'\\d'",
  "'a' 'b'",
  "'\\x41'",
);
const joined = (parts: readonly string[]) => parts.join('');

/** Scripts of Python, or of what PxL has of it. */
function scripts(pxl: boolean): fc.Arbitrary<string> {
  const only = (...more: string[]) => (pxl ? [] : more);
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression');
    const operator = fc.constantFrom(
      '+',
      '-',
      '*',
      '/',
      '%',
      '<',
      '==',
      ' and ',
      ' or ',
      ...only(' in ', ' is not ', '**', '//', '|', '<<'),
    );
    const sign = fc.constantFrom('-', 'not ', '+', '~', ...only('lambda: ', 'lambda x, *y: '));
    const behind = fc.constantFrom(
      '.b',
      '[0]',
      '()',
      '(x=1)',
      '(1, y=[a],)',
      '[a, b]',
      '["c"]',
      ...only('[1:2]', '(*a)'),
    );
    const python = [
      fc.tuple(inner, inner, inner).map(([a, b, c]) => `${a} if ${b} else ${c}`),
      fc.tuple(inner, inner).map(([a, b]) => `[${a} for x in ${b}]`),
    ];
    return {
      expression: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        name,
        literal,
        fc.tuple(inner, operator, inner).map(joined),
        fc.tuple(sign, inner).map(joined),
        inner.map((text) => `(${text})`),
        fc.array(inner, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
        fc.array(inner, { minLength: 1, maxLength: 3 }).map((items) => `(${items.join(',\n ')},)`),
        fc.tuple(inner, inner).map(([key, value]) => `{${key}: ${value}}`),
        fc.tuple(inner, behind).map(joined),
        ...(pxl ? [] : python),
      ),
    };
  });
  const target = fc.constantFrom(
    'a',
    'df.b',
    "df['c']",
    '(a)',
    'f().x',
    ...only('a, b', '[a, b]', 'f()', '1', 'a + b'),
  );
  const statement = fc.oneof(
    expression,
    fc.tuple(target, expression).map(([left, right]) => `${left} = ${right}`),
    fc.constantFrom(
      'import px',
      'import px as p, pxtrace',
      'from pxtrace import probe, ArgExpr as A',
      'from px import (a, b,)',
      'pass',
      '"""doc"""',
      'a; b;',
      '# only a comment',
      '',
      '   ',
    ),
    ...(pxl
      ? []
      : [
          fc
            .tuple(fc.constantFrom('+=', '//=', ':', '='), expression)
            .map(([operator, value]) => `a ${operator} ${value}`),
          fc.constantFrom('from px import a,', 'from px import *', 'return 1', 'del a', 'assert a, b', 'global g'),
        ]),
  );
  const head = fc.constantFrom(
    'def f():',
    'def f(a, b: int = 3) -> str:',
    '@p("x")\ndef f(a):',
    ...only('for x in a:', 'if a:', 'while a:', 'def f(a, a):', 'class C:', 'with a as b:'),
  );
  const block = fc
    .tuple(head, fc.array(statement, { maxLength: 3 }), fc.constantFrom('  ', '\t', '    '))
    .map(([first, body, indent]) => `${first}\n${[...body, 'return a'].map((line) => indent + line).join('\n')}`);
  const some = fc.array(fc.oneof({ arbitrary: statement, weight: 3 }, { arbitrary: block, weight: 2 }), {
    minLength: 1,
    maxLength: 4,
  });
  return fc
    .tuple(some, fc.constantFrom('\n', '\r\n'))
    .map(([statements, end]) => statements.join('\n').replaceAll('\n', end));
}

/** A script with one to three small damages. Without a lone CR: Python ends a line there, PxL refuses it. */
const damaged = fc
  .tuple(
    fc.oneof(scripts(true), scripts(false)),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom(
          '',
          '(',
          ')',
          ']',
          '{',
          ',',
          ':',
          '=',
          '.',
          ' ',
          '\n',
          '  ',
          "'",
          '"',
          '\\',
          'if',
          '1',
          '@',
          '*',
        ),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, damages]) => {
    let out = text;
    for (const [at, what] of damages) {
      const place = at % (out.length + 1);
      out = out.slice(0, place) + what + out.slice(place + (what === '' ? 1 : at % 2));
    }
    return out;
  });

describe.skipIf(!hasPython)('accepts and refuses what Python does', () => {
  it('scripts of PxL', () => {
    const { accepted, wrong } = checkAgainstPython(fc.sample(scripts(true), { numRuns: 1000, seed: seedOf() }));
    expect(wrong).toEqual([]);
    expect(accepted).toBeGreaterThan(500);
  });

  it('scripts of Python', () => {
    const { wrong } = checkAgainstPython(fc.sample(scripts(false), { numRuns: 1000, seed: seedOf() }));
    expect(wrong).toEqual([]);
  });

  it('damaged scripts', () => {
    const { accepted, wrong } = checkAgainstPython(
      fc.sample(
        damaged.filter((text) => !/\r(?!\n)/.test(text)),
        { numRuns: 3000, seed: seedOf() },
      ),
    );
    expect(wrong).toEqual([]);
    expect(accepted).toBeGreaterThan(100);
  });

  it('corners of the grammar', () => {
    const corners = [
      'x = 007',
      'x = 00',
      'x = 0_0',
      'x = 1__0',
      'x = 1_',
      'x = 0x',
      'x = 0b12',
      'x = 1e',
      'x = 1.e5',
      'x = 1.real',
      'x = 1 .real',
      '1if a else 2',
      'x = 5j',
      "b'a' 'c'",
      "u'x'",
      "Rb'x'",
      "bu'x'",
      "'\\x4'",
      "'\\u12'",
      "'\\777'",
      "'\\q'",
      "'a\nb'",
      "'a\\\nb'",
      "'''a\nb'''",
      "'''a",
      'r"\\"',
      'r"\\""',
      '"\\"',
      'a = \\\n 1',
      'a = \\ \n 1',
      'a \\',
      '(a\n=1)',
      '(\n)',
      'f(a b)',
      'f(a, b=1, c)',
      'f(a=1, a=2)',
      'f(**a, b)',
      'f(*a, b)',
      'f(**a, *b)',
      'f(x for x in y)',
      'f(a, x for x in y)',
      'f((a)=1)',
      'f(a.b=1)',
      'f(a,)',
      'f(,)',
      '{**a, b: 1}',
      '{a, **b}',
      '{*a, b}',
      '{a: 1, b}',
      '{a, b: 1}',
      '[*a]',
      '(*a)',
      '(*a,)',
      '*a',
      'print(*a)',
      '*a, b = c',
      'a, b = c = d',
      'a = b: int',
      'a: int',
      'a: int = 3',
      '(a): int = 3',
      'a, b: int',
      'a += b += c',
      'a = yield',
      'def f():\n  a = yield 1\n',
      'def f(): return',
      'def f(): return 1; pass',
      'def f(): if a: pass',
      'def f():\n\n\n  pass',
      'def f():\npass',
      'def f():',
      'if a:\n  b\n c',
      'if a:\n  b\n   c',
      'if a:\n\tb\n        c',
      ' a',
      'a\n b',
      'not a == b',
      'a == not b',
      'a < b < c',
      '(a < b) < c',
      'a not in b',
      'a not b',
      '- not a',
      'a if b',
      'a if b else',
      'lambda: (yield)',
      'lambda a, a: 1',
      'lambda *: 1',
      'lambda x=1, y: 2',
      'def f(a=1, b): pass',
      'def f(*, a): pass',
      'def f(*): pass',
      'def f(a, /, b): pass',
      'def f(*a, **k): pass',
      'def f(**k, a): pass',
      '@a\nx = 1',
      '@a\n\ndef f(): pass',
      '@a @b\ndef f(): pass',
      '@a\n@b.c(1)\ndef f(): pass',
      'None = 1',
      'True.a = 1',
      'f() = 1',
      'f().a = 1',
      'a.b.c[0] = 1',
      '"a" = 1',
      'a and b = 1',
      '(a, b) = c',
      '() = a',
      '[] = a',
      '{} = a',
      '-a = 1',
      '(a := 1)',
      'a := 1',
      'f(a := 1)',
      'x[a := 1]',
      'x[a:b, c]',
      'x[]',
      'x[a,]',
      'x[*a]',
      'import a.b as c',
      'import a.',
      'import',
      'import a as b.c',
      'from . import a',
      'from .. import a',
      'from .a import b',
      'from a import (b',
      'from a import ()',
      'from a import (b as c,)',
      'def f():\n  from a import *',
      'from a import b as c.d',
      'a;',
      ';',
      'a;;b',
      'pass;',
      'a ; b',
      '...',
      'x = ...',
      'x = $',
      'x = a?b',
      'a!',
      'a != b',
      'a <> b',
      '`a`',
      'é = 1',
      'ſ = 1',
      '𝒳 = 1',
      '1a',
      '€',
      '"“"',
      'a\u00a0= 1',

      'a\f',
      '\fa',
      '(a]',
      '(a',
      'a)',
      '[(])',
      '{(}',
      'async def f(): pass',
      'def f():\n  await x',
      'class A: pass',
      'class A(b, c=d):\n  x = 1',
      'try:\n  a\nexcept E as e:\n  b\nelse:\n  c\nfinally:\n  d',
      'while a:\n  break',
      'for a, b in c:\n  continue',
      'with a: pass',
      'for x in y: pass\nelse: pass',
      'nonlocal x',
      'def f():\n  global x',
      'raise',
      'raise a from b',
      'assert',
      'del',
      'del a, b',
      'return',
      'print "a"',
      'exec = 1',
      'match = 1',
      'match(a)',
      'type = 1',
      '_ = 1',
    ];
    expect(checkAgainstPython(corners).wrong).toEqual([]);
  });
});

/** Printed, so that a failure can be run again with PXL_SEED. */
function seedOf(): number {
  const seed = Number(process.env.PXL_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`PXL_SEED=${seed}`);
  return seed;
}
