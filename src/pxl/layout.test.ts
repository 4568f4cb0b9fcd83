import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { format, parse } from './index.ts';

function formatted(source: string): string {
  const result = format(source);
  if (!result.ok) throw new Error(result.diagnostics[0]!.message);
  return result.source;
}

/** A tree without its places. */
function shape(source: string): unknown {
  return JSON.parse(
    JSON.stringify(parse(source).tree, (key, value: unknown) =>
      /span$/i.test(key) ? undefined : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
}

describe('px fmt', () => {
  it.each([
    [
      'import   px\ndf=px.DataFrame( "t" ,start_time = "-5m" )',
      'import px\ndf = px.DataFrame("t", start_time="-5m")\n',
    ],
    ['def f( a:str ,b = 1 ):\n  return -a[ 1 : 2 ]+b', 'def f(a: str, b=1):\n    return -a[1:2] + b\n'],
    ['def f(a: str="x", b=1, c: int=f(d = 2)):\n  pass', 'def f(a: str = "x", b=1, c: int = f(d=2)):\n    pass\n'],
    ['f(key = lambda x: x, y = 1)', 'f(key=lambda x: x, y=1)\n'],
    ['x = 1  # one\n\n\n\n\ny=2#two', 'x = 1  # one\n\n\ny = 2  #two\n'],
    ['f(a,\n      b  )', 'f(a,\n      b)\n'],
    [
      '# head\nif a :\n\tb = not  c\n\t# in\nelse:\n\tpass',
      '# head\nif a:\n    b = not c\n    # in\nelse:\n    pass\n',
    ],
    ["x = '''a\n   b'''\n", "x = '''a\n   b'''\n"],
    ['', ''],
  ])('%j', (source, expected) => {
    expect(formatted(source)).toBe(expected);
    expect(formatted(expected)).toBe(expected);
  });

  it('refuses what does not parse', () => {
    expect(format('x = (').ok).toBe(false);
  });

  const scripts = new URL('../../scripts/px/', import.meta.url);
  it.each(readdirSync(scripts))('px/%s means the same afterwards, and once is enough', (name) => {
    const source = readFileSync(new URL(`${name}/${name}.pxl`, scripts), 'utf8');
    const once = formatted(source);
    expect(shape(once)).toEqual(shape(source));
    expect(formatted(once)).toBe(once);
  });
});
