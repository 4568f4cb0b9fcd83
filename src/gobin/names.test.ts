import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '#elf';
import { nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { createX86Decoder, type IcedX86, openGoBinary } from './index.ts';
import { linkerSpellings, withoutShapes } from './names.ts';

describe('spellings of a name', () => {
  test.each([
    ['main.computeE', ['main.computeE']],
    ['main.T.Val', ['main.T.Val', 'main%2eT.Val']],
    ['gopkg.in/yaml.v3.(*Node).Decode', ['gopkg.in/yaml.v3.(*Node).Decode', 'gopkg.in/yaml%2ev3.(*Node).Decode']],
    ['gopkg.in/yaml%2ev3.Unmarshal', ['gopkg.in/yaml%2ev3.Unmarshal']],
    ['a.b/c.Map[go.shape.int]', ['a.b/c.Map[go.shape.int]']],
    ['x/größe.Do', ['x/größe.Do', 'x/gr%c3%b6%c3%9fe.Do']],
  ])('%s', (name, spellings) => {
    expect(linkerSpellings(name)).toEqual(spellings);
  });
});

test.each([[], ['-ldflags=-s -w']])(
  'packages with dots in their last element are found as people write them %s',
  async (...flags) => {
    const path = await goFixture({
      flags,
      source: {
        'go.mod': 'module ex.ample.com/a-b.c\n\ngo 1.18\n',
        'main.go':
          'package main\n\nimport p "ex.ample.com/a-b.c/x-y.z"\n\nvar doers = []p.Doer{&p.T{}}\nvar e error = p.E(1)\n\nfunc main() { println(p.Do(1), doers[0].Do(2), e.Error()) }\n',
        'x-y.z/a.go':
          'package p\n\ntype Doer interface{ Do(int) int }\ntype T struct{ a int }\ntype E int\n\nfunc (e E) Error() string { return "" }\n\n//go:noinline\nfunc Do(x int) int { return x }\n\n//go:noinline\nfunc (t *T) Do(x int) int { return t.a + x }\n',
      },
    });
    const binary = openGoBinary(bytesSource(new Uint8Array(readFileSync(path))), {
      inflate: nodeInflate,
      decode: createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86),
    });
    const found = (name: string) => {
      const lookup = binary.findFunction(name);
      return lookup.kind === 'found' ? lookup.function.name : lookup;
    };
    expect(found('ex.ample.com/a-b.c/x-y.z.Do')).toBe('ex.ample.com/a-b.c/x-y%2ez.Do');
    expect(found('ex.ample.com/a-b.c/x-y%2ez.Do')).toBe('ex.ample.com/a-b.c/x-y%2ez.Do');
    expect(found('x-y.z.Do')).toBe('ex.ample.com/a-b.c/x-y%2ez.Do');
    expect(found('ex.ample.com/a-b.c/x-y.z.(*T).Do')).toBe('ex.ample.com/a-b.c/x-y%2ez.(*T).Do');
    const all = (pattern: string) => binary.selectFunctions(pattern)?.functions.map(({ name }) => name);
    const method = 'ex.ample.com/a-b.c/x-y%2ez.(*T).Do';
    expect(all('ex.ample.com/a-b.c/x-y.z.(*T).*')).toEqual([method]);
    expect(all('re:x-y\\.z\\.Do$')).toEqual(['ex.ample.com/a-b.c/x-y%2ez.Do']);
    for (const path of ['ex.ample.com/a-b.c/x-y.z', 'ex.ample.com/a-b.c/x-y%2ez', 'x-y.z'])
      expect(all(`impl:${path}.Doer.Do`)).toEqual([method]);
    expect(all('impl:error.Error')).toContain('ex.ample.com/a-b.c/x-y%2ez.E.Error');
  },
);

test('a generic function by the name that Go gives it in stack traces', () => {
  const name = 'main.main.(*Tree[go.shape.string,go.shape.map[string]int]).All.func1';
  expect(withoutShapes(name)).toBe('main.main.(*Tree[...]).All.func1');
  expect(withoutShapes('main.(*T).m-fm')).toBe('main.(*T).m-fm');
});
