import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, quoted, scriptFunctions, scriptParameters, withParameters } from './index.ts';

const source = `import px
upid = 'replace-me'  # a comment
count = -5
share = 0.5
on = True
twice = 1
twice = 2
table = px.f('x')
def f(a: str, b: px.Time, c=3):
  ''' What f does. '''
  inner = 'not this'
  return a
@px.g
def probe():
  return 1
`;

function replaced(values: Record<string, string>) {
  const { tree } = parse(source);
  return withParameters(source, tree, new Map(Object.entries(values)));
}

describe('scriptParameters', () => {
  it('are the literals at top level, unless assigned twice', () => {
    const found = scriptParameters(parse(source).tree).map(({ name, kind, value }) => [name, kind, value]);
    expect(found).toEqual([
      ['upid', 'string', 'replace-me'],
      ['count', 'int', -5n],
      ['share', 'float', 0.5],
      ['on', 'bool', true],
    ]);
  });
});

describe('withParameters', () => {
  it('replaces literals and nothing else', () => {
    const result = replaced({ upid: "it's\n\\", count: '12', share: '7', on: 'false' });
    expect(result).toEqual({
      ok: true,
      source: source
        .replace("'replace-me'", "'it\\'s\\n\\\\'")
        .replace('-5', '12')
        .replace('0.5', '7.0')
        .replace('True', 'False'),
    });
  });

  it('refuses unknown names and values of another kind', () => {
    const result = replaced({ upd: 'x', count: '1.5', on: 'maybe', share: 'nan' });
    if (result.ok) throw new Error('accepted');
    expect(result.diagnostics.map(({ message, hints }) => [message, ...(hints ?? [])])).toEqual([
      ['the script has no parameter --upd', 'did you mean --upid?', 'it has: --upid, --count, --share, --on'],
      ['--count takes an integer, not `1.5`'],
      ['--on takes true or false, not `maybe`'],
      ['--share takes a number, not `nan`'],
    ]);
  });

  it('puts any text in as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const result = replaced({ upid: text });
        if (!result.ok) throw new Error('refused');
        const { tree, diagnostics } = parse(result.source);
        expect(diagnostics).toEqual([]);
        expect(scriptParameters(tree)[0]!.value).toBe(text);
        expect(parse(quoted(text)).tree.body).toHaveLength(1);
      }),
    );
  });
});

describe('scriptFunctions', () => {
  it('are those at top level without decorators', () => {
    const { span: _, ...found } = scriptFunctions(parse(source).tree)[0]!;
    expect(scriptFunctions(parse(source).tree)).toHaveLength(1);
    expect(found).toEqual({
      name: 'f',
      arguments: [
        { name: 'a', annotation: 'str', hasDefault: false },
        { name: 'b', annotation: 'px.Time', hasDefault: false },
        { name: 'c', hasDefault: true },
      ],
      docstring: ' What f does. ',
    });
  });
});
