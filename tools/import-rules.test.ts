import { expect, it } from 'vitest';
import { cycles } from './cycles.ts';
import { type SourceFile, violations } from './import-rules.ts';
import { importsOf } from './imports.ts';

/** Violations of some files beside the index files of all parts that are named. */
function check(...files: (readonly [path: string, text?: string])[]): string[] {
  const named = ['base', 'model', 'elf', 'agent', 'sys'].map(
    (part): SourceFile => ({ path: `src/${part}/index.ts`, text: '' }),
  );
  return violations([
    ...named,
    ...files.map(([path, text]): SourceFile => (text === undefined ? { path } : { path, text })),
  ]);
}

it('allows what the rows name', () => {
  expect(
    check(
      ['src/elf/a.ts', "import { ByteReader } from '#base';\nimport type { B } from './b.ts';"],
      ['src/elf/b.ts', ''],
    ),
  ).toEqual([]);
  expect(check(['src/agent/a.ts', "import { x } from '#probe/decode';"], ['src/probe/decode/index.ts', ''])).toEqual(
    [],
  );
  expect(check(['src/sys/a.ts', "import koffi from 'koffi';\nimport { readFileSync } from 'node:fs';"])).toEqual([]);
  expect(
    check([
      'src/elf/a.test.ts',
      "import { it } from 'vitest';\nimport { x } from '#agent';\nimport { readFileSync } from 'node:fs';",
    ]),
  ).toEqual([]);
});

it.each([
  ['another part', 'src/elf/a.ts', "import { x } from '#model';", /elf may import #base/],
  ['another part, types only', 'src/base/a.ts', "import type { X } from '#model';", /base may import none/],
  ['an inline type import', 'src/base/a.ts', "let x: import('#model').X;", /base may import none/],
  ['a platform module in a pure part', 'src/elf/a.ts', "import { readFileSync } from 'node:fs';", /elf is pure/],
  ['a package', 'src/agent/a.ts', "import koffi from 'koffi';", /agent may import/],
  ['a dynamic import', 'src/agent/a.ts', "const koffi = await import('koffi');", /agent may import/],
  ['a computed import', 'src/agent/a.ts', 'const x = await import(name);', /computed/],
  ['a re-export', 'src/base/a.ts', "export { x } from '#agent';", /base may import none/],
  ['a way round the name', 'src/elf/a.ts', "import { x } from '../base/index.ts';", /leads out of the part/],
  ['its own name', 'src/elf/a.ts', "import { x } from '#elf';", /relative paths/],
  ['testing from a source', 'src/sys/a.ts', "import { x } from '../../testing/px.ts';", /leads out of the part/],
  ['no such file', 'src/elf/a.ts', "import { x } from './gone.ts';", /no such file/],
  ['a folder that is no entry', 'src/agent/a.ts', "import { x } from '#probe/emit';", /no such part/],
  ['no such part', 'src/agent/a.ts', "import { x } from '#utils';", /no such part/],
])('refuses %s', (_, path, text, message) => {
  const found = check([path, text]);
  expect(found).toContainEqual(expect.stringMatching(message));
  expect(found[0]).toMatch(new RegExp(`^${path}:1: `));
});

it.each(['src/helpers.ts', 'src/utils/a.ts', 'src/elf/notes.txt', 'stray.js', 'lib/a.ts', 'testing/a.js'])(
  'refuses the file %s',
  (path) => {
    expect(check([path])).toHaveLength(1);
  },
);

it('finds cycles of values, not of types', () => {
  const a = (kind: string) => ['src/elf/a.ts', `import ${kind}{ b } from './b.ts';`] as const;
  const b = ['src/elf/b.ts', "import { a } from './a.ts';"] as const;
  expect(check(a('type '), b)).toEqual([]);
  expect(check(a(''), b)).toEqual(['import cycle: src/elf/a.ts → src/elf/b.ts → src/elf/a.ts']);
  expect(cycles(new Map([['x', new Set(['x'])]]))).toEqual([['x']]);
  expect(
    cycles(
      new Map([
        ['x', new Set(['y', 'z'])],
        ['y', new Set(['z'])],
      ]),
    ),
  ).toEqual([]);
});

it('is not misled by text that looks like an import', () => {
  const text =
    "const go = `\nimport \"fmt\"\nimport { x } from '#agent';\n`;\n// import '#agent';\nconst r = /`/;\nimport { y } from '#base';\n";
  expect(importsOf(text, 'a.ts')).toEqual([{ specifier: '#base', line: 7, value: true }]);
  expect(
    importsOf("import { type A } from './a.ts';\nexport type { B } from './b.ts';\nimport './c.ts';\n", 'x.ts'),
  ).toEqual([
    { specifier: './a.ts', line: 1, value: false },
    { specifier: './b.ts', line: 2, value: false },
    { specifier: './c.ts', line: 3, value: true },
  ]);
});
