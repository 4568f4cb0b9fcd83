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
          'package main\n\nimport p "ex.ample.com/a-b.c/x-y.z"\n\nfunc main() { println(p.Do(1), (&p.T{}).Do(2)) }\n',
        'x-y.z/a.go':
          'package p\n\ntype T struct{ a int }\n\n//go:noinline\nfunc Do(x int) int { return x }\n\n//go:noinline\nfunc (t *T) Do(x int) int { return t.a + x }\n',
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
  },
);

test('a generic function by the name that Go gives it in stack traces', () => {
  const name = 'main.main.(*Tree[go.shape.string,go.shape.map[string]int]).All.func1';
  expect(withoutShapes(name)).toBe('main.main.(*Tree[...]).All.func1');
  expect(withoutShapes('main.(*T).m-fm')).toBe('main.(*T).m-fm');
});
