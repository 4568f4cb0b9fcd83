/** There is no container engine where the tests run: the Dockerfiles are read, and held against what the tests' own images are made of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../root.ts';
import { demoConfig, sondeEntrypoint } from './image.ts';

/** The instructions of a Dockerfile by stage, in their order. */
function stages(path: string): { name: string; instructions: [string, string][] }[] {
  const found: ReturnType<typeof stages> = [];
  for (const line of readFileSync(join(root, path), 'utf8').split('\n')) {
    const [, word, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (word === undefined) continue;
    if (word === 'FROM') found.push({ name: rest!, instructions: [] });
    else found.at(-1)!.instructions.push([word, rest!]);
  }
  return found;
}

test('Sonde’s image has the files that tools/image-root.ts puts together, and nothing else', () => {
  const [build, image, ...others] = stages('Dockerfile');
  expect(others).toEqual([]);
  expect(build!.name).toMatch(/ AS build$/);
  expect(build!.instructions.at(-1)).toEqual([
    'RUN',
    expect.stringMatching(/ && node_modules\/.bin\/node tools\/image-root\.ts \/image$/),
  ]);
  expect(image).toEqual({
    name: 'scratch',
    instructions: [
      ['COPY', '--from=build /image /'],
      ['ENV', 'PATH=/'],
      ['ENTRYPOINT', JSON.stringify(sondeEntrypoint).replace(',', ', ')],
    ],
  });
});

test('the demo’s image is its program alone, built with the same flags', () => {
  const { program, flags, user } = demoConfig;
  const [build, image, ...others] = stages('examples/simple-gotracing/Dockerfile');
  expect(others).toEqual([]);
  expect(build!.instructions.at(-1)).toEqual(['RUN', `CGO_ENABLED=0 go build ${flags.join(' ')} -o ${program} .`]);
  expect(image).toEqual({
    name: 'scratch',
    instructions: [
      ['COPY', `--from=build ${program} ${program}`],
      ['USER', user],
      ['EXPOSE', '9090'],
      ['ENTRYPOINT', JSON.stringify([program])],
    ],
  });
});
