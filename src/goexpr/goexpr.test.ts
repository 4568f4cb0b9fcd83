import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Expression, expressionText, parseExpression, parseSignature, type VariableText } from './index.ts';

function tree(text: string): Expression {
  const parsed = parseExpression(text);
  if (!parsed.ok) throw new Error(parsed.diagnostics[0]!.message);
  return parsed.expression;
}

function refusal(text: string): string {
  const parsed = parseExpression(text);
  if (parsed.ok) throw new Error(`'${text}' was taken`);
  expect(parsed.diagnostics).toHaveLength(1);
  const { id, message, span } = parsed.diagnostics[0]!;
  return `${id} ${span?.column}: ${message}`;
}

describe('parseExpression', () => {
  it('reads names, results, parameters', () => {
    expect(tree('iterations')).toEqual({ kind: 'name', name: 'iterations', start: 0, end: 10 });
    expect(tree(' $0 ')).toEqual({ kind: 'result', index: 0, start: 1, end: 3 });
    expect(tree('#12')).toEqual({ kind: 'parameter', index: 12, start: 0, end: 3 });
    expect(tree('größe')).toMatchObject({ kind: 'name', name: 'größe' });
  });

  it('reads field paths', () => {
    expect(tree('r.URL.Path')).toEqual({
      kind: 'selector',
      field: 'Path',
      fieldStart: 6,
      start: 0,
      end: 10,
      operand: {
        kind: 'selector',
        field: 'URL',
        fieldStart: 2,
        start: 0,
        end: 5,
        operand: { kind: 'name', name: 'r', start: 0, end: 1 },
      },
    });
  });

  it('binds as Go does: *p.x is *(p.x)', () => {
    expect(tree('*p.x')).toMatchObject({ kind: 'dereference', operand: { kind: 'selector', field: 'x' } });
    expect(tree('(*p).x')).toMatchObject({ kind: 'selector', operand: { kind: 'dereference' } });
    expect(tree('**p')).toMatchObject({ kind: 'dereference', operand: { kind: 'dereference' } });
  });

  it.each([
    ['a + b * c', { kind: 'binary', operator: '+', right: { kind: 'binary', operator: '*' } }],
    ['a - b - c', { kind: 'binary', operator: '-', left: { kind: 'binary', operator: '-' } }],
    ['a || b && c == d', { operator: '||', right: { operator: '&&', right: { operator: '==' } } }],
    ['-x.y', { kind: 'unary', operator: '-', operand: { kind: 'selector' } }],
    ['!ok && x', { operator: '&&', left: { kind: 'unary', operator: '!' } }],
    ['a &^ b << 2', { operator: '<<', left: { operator: '&^' } }],
    ['*p * 2', { operator: '*', left: { kind: 'dereference' } }],
    ['a[i + 1].name', { kind: 'selector', operand: { kind: 'index', index: { operator: '+' } } }],
    ['s[1:n]', { kind: 'slice', low: { value: 1n }, high: { kind: 'name' } }],
    ['s[:]', { kind: 'slice', low: undefined, high: undefined }],
    ['m["k\\x41"]', { kind: 'index', index: { kind: 'string', bytes: new Uint8Array([0x6b, 0x41]) } }],
    ['x.(*net/http.T)', { kind: 'assertion', type: '*net/http.T' }],
    ['x.(map[string] []int).y', { operand: { kind: 'assertion', type: 'map[string][]int' } }],
    ['x.( chan  int )', { kind: 'assertion', type: 'chan int' }],
    ['x.(func(int, any) (string, error))', { kind: 'assertion', type: 'func(int,any)(string,error)' }],
    ['strings.HasPrefix(s, `a`)', { kind: 'call', args: [{ kind: 'name' }, { kind: 'string' }] }],
    ['$latency > 1m30s', { operator: '>', left: { kind: 'fact', fact: 'latency' }, right: { ns: 90_000_000_000n } }],
    ['0x_ff', { kind: 'integer', value: 255n }],
    ['017', { kind: 'integer', value: 15n }],
    ["'\\n'", { kind: 'integer', value: 10n }],
    ['1.5e3', { kind: 'float', value: 1500 }],
  ])('reads %s', (text, wanted) => {
    expect(tree(text.replaceAll('\\\\', '\\'))).toMatchObject(wanted);
  });

  it.each([
    ['&x', 1, 'taking an address is not supported'],
    ['<-c', 1, 'receiving from a channel is not supported'],
    ['T{}', 2, 'a composite literal is not supported'],
    ['2i', 1, 'an imaginary literal is not supported'],
    ['func', 1, `'func' is not supported`],
    ['s[1:2:3]', 6, 'a slice with a capacity is not supported'],
  ])('refuses %s by name', (text, column, message) => {
    expect(refusal(text)).toBe(`goexpr.unsupported ${column}: ${message} (at character ${column} of '${text}')`);
  });

  it.each([
    ['', 'goexpr.syntax 1: the expression is empty'],
    ['a.', `goexpr.syntax 3: the expression ends where a field's name after '.' should be (at character 3 of 'a.')`],
    ['a..b', `goexpr.syntax 3: '.' stands where a field's name after '.' should be (at character 3 of 'a..b')`],
    ['a b', `goexpr.syntax 3: 'b' stands where the end of the expression should be (at character 3 of 'a b')`],
    ['(a', `goexpr.syntax 3: the expression ends where ')' should be (at character 3 of '(a')`],
    ['a)', `goexpr.syntax 2: ')' stands where the end of the expression should be (at character 2 of 'a)')`],
    ['$cpu', `goexpr.syntax 1: there is no $cpu (at character 1 of '$cpu')`],
    ['a[1', `goexpr.syntax 4: the expression ends where ']' should be (at character 4 of 'a[1')`],
    ['f(a b)', `goexpr.syntax 5: 'b' stands where ',' or ')' should be (at character 5 of 'f(a b)')`],
    ['"\\q"', `goexpr.syntax 1: "\\q" is no string of Go (at character 1 of '"\\q"')`],
    ['08', `goexpr.syntax 1: 08 is no number of Go (at character 1 of '08')`],
    ['$', `goexpr.syntax 1: '$' stands where a name should be (at character 1 of '$')`],
    ['.x', `goexpr.syntax 1: '.' stands where a name should be (at character 1 of '.x')`],
  ])('explains %j', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it('takes the span of the script where there is one', () => {
    const span = { start: 90, end: 95, line: 7, column: 12 };
    const parsed = parseExpression('a[0', span);
    expect(parsed).toMatchObject({ ok: false, diagnostics: [{ span }] });
  });

  it('ends on nesting without end', () => {
    expect(refusal('('.repeat(5000))).toMatch(/nested too deep/);
    expect(refusal(`${'*'.repeat(5000)}p`)).toMatch(/nested too deep/);
    expect(refusal(`a${'.b'.repeat(5000)}`)).toMatch(/nested too deep/);
  });

  it('reads back what it prints', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,4}x$/);
    const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
      expression: fc.oneof(
        { depthSize: 'small' },
        name.map((text) => ({ kind: 'name', name: text, start: 0, end: 0 }) as const),
        fc.nat(20).map((index) => ({ kind: 'result', index, start: 0, end: 0 }) as const),
        fc
          .record({ operand: tie('expression'), field: name })
          .map((each) => ({ kind: 'selector', ...each, fieldStart: 0, start: 0, end: 0 }) as const),
        tie('expression').map((operand) => ({ kind: 'dereference', operand, start: 0, end: 0 }) as const),
        fc
          .record({ operator: fc.constantFrom('-', '!', '^', '+'), operand: tie('expression') })
          .map((each) => ({ kind: 'unary', ...each, start: 0, end: 0 }) as const),
        fc
          .record({
            operator: fc.constantFrom('+', '*', '&&', '||', '==', '<<', '-'),
            left: tie('expression'),
            right: tie('expression'),
          })
          .map((each) => ({ kind: 'binary', ...each, start: 0, end: 0 }) as const),
        fc
          .record({ operand: tie('expression'), index: tie('expression') })
          .map((each) => ({ kind: 'index', ...each, start: 0, end: 0 }) as const),
        fc
          .record({ callee: tie('expression'), args: fc.array(tie('expression'), { maxLength: 2 }) })
          .map((each) => ({ kind: 'call', ...each, start: 0, end: 0 }) as const),
      ),
    }));
    fc.assert(
      fc.property(expression, (made) => {
        const text = expressionText(made);
        expect(expressionText(tree(text))).toBe(text);
      }),
    );
  });
});

describe('signatures', () => {
  const read = (text: string) => {
    const parsed = parseSignature(text);
    return parsed.ok ? parsed.signature : parsed.diagnostics[0]!.message;
  };
  const plain = (text: string) => {
    const signature = read(text);
    if (typeof signature === 'string') return signature;
    const one = ({ name, type }: VariableText) => `${name}:${text.slice(type.start, type.end)}`;
    const { receiver, parameters, results } = signature;
    return [receiver === undefined ? '' : one(receiver), parameters.map(one).join(' '), results.map(one).join(' ')];
  };

  it.each([
    ['func(n int, s string) (float64, error)', ['', 'n:int s:string', ':float64 :error']],
    ['func f(a, b int, c ...*T) error', ['', 'a:int b:int c:...*T', ':error']],
    ['func(int, []string)', ['', ':int :[]string', '']],
    [
      'func (s *Server) Handle(w http.ResponseWriter) (n int, err error)',
      ['s:*Server', 'w:http.ResponseWriter', 'n:int err:error'],
    ],
    ['func (Point) Sum() int', [':Point', '', ':int']],
    ['func() func(int) string', ['', '', ':func(int) string']],
    [
      'func(m map[string][]int, c <-chan struct{ X, Y int }) map[int]bool',
      ['', 'm:map[string][]int c:<-chan struct{ X, Y int }', ':map[int]bool'],
    ],
    ['func(x github.com/a-b/c.T, y gopkg.in/yaml.v3.Node)', ['', 'x:github.com/a-b/c.T y:gopkg.in/yaml.v3.Node', '']],
    [
      'func(v interface{ M(int) error }, a [4]byte) (interface{})',
      ['', 'v:interface{ M(int) error } a:[4]byte', ':interface{}'],
    ],
    [
      'func(p *pair[string, *a/b.T], n [2]box[int]) map[k[int]]v',
      ['', 'p:*pair[string, *a/b.T] n:[2]box[int]', ':map[k[int]]v'],
    ],
  ])('%s', (text, parts) => {
    expect(plain(text)).toEqual(parts);
  });

  it('declarations of types may stand before it, as in the source', () => {
    const text = `type order struct {
	ID int64 \`json:"id // no comment"\` // a comment
	*base
	By map[string]*item /* and
	another */
	Next *order
}
type (
	handler func(int)
	item = struct{ A, B int }
)
type pair[K comparable, V interface{ ~int | [2]string }] struct { Key K; Value V }
type n int; func(o *order, h handler) error`;
    const signature = read(text);
    if (typeof signature === 'string') throw new Error(signature);
    const fields = (name: string) => {
      const type = signature.types.get(name)?.type;
      return type?.kind === 'struct' ? type.fields.map((field) => field.name) : type?.kind;
    };
    expect([...signature.types.keys()].map((name) => [name, fields(name)])).toEqual([
      ['order', ['ID', 'base', 'By', 'Next']],
      ['handler', 'func'],
      ['item', ['A', 'B']],
      ['pair', ['Key', 'Value']],
      ['n', 'name'],
    ]);
    expect([...signature.types.values()].flatMap(({ parameters }) => parameters)).toEqual(['K', 'V']);
    expect(signature.parameters.map(({ name }) => name)).toEqual(['o', 'h']);
    expect(read('type t struct {\n\tA int B int\n}\nfunc()')).toBe(
      "';' is expected, not 'B' (at line 2, column 8 of the signature: 'A int B int')",
    );
  });

  it.each([
    ['', "'func' is expected, and the text ends (at character 1 of '')"],
    ['func', "'(' is expected, and the text ends"],
    ['func(n int', "')' is expected, and the text ends (at character 11 of 'func(n int')"],
    ['func(n int, string)', 'either all have names, or none'],
    ['func(n +int)', "a type is expected, not '+' (at character 8"],
    ['func(n int) int int', "the end of the signature is expected, not 'int' (at character 17"],
    ['func(x [n]int)', "the length of an array is expected, not 'n'"],
    ['func (a, b T) M()', 'a method has one receiver'],
    ['type t int; type t string; func(x t)', 'the type t is declared twice (at character 18'],
    ['type t struct { A, _, _ int; A string }; func(x t)', 'the field A is declared twice (at character 30'],
    ['type t struct { *item; item int }; func(x t)', 'the field item is declared twice'],
    ['type t[K, K any] int; func(x t[int, int])', "another name is expected, not 'K'"],
    ['func(_ int, n, n int)', 'the name n is there twice'],
  ])('refused: %s', (text, message) => {
    expect(read(text)).toContain(message);
  });
});

describe('docs/expressions.md', () => {
  it('shows expressions that parse', () => {
    const page = readFileSync(new URL('../../docs/expressions.md', import.meta.url), 'utf8');
    const cells = page.split('\n').flatMap((line) => (line.startsWith('| `') ? [line.split(' | ')[0]!] : []));
    const shown = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
    expect(shown.length).toBeGreaterThan(50);
    for (const each of shown) expect(parseExpression(each), each).toMatchObject({ ok: true });
  });
});
