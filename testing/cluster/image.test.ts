/** There is no container engine where the tests run: the Dockerfiles are read, and held against what the tests' own images are made of. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../process.ts';
import { root } from '../root.ts';
import { demoConfig, programImage, sondeEntrypoint } from './image.ts';

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

test('whoever an image runs as can pass its root; containerd gets the name by which the kubelet asks for it', async () => {
  const folder = temporaryFolder('sonde-image-test-');
  writeFileSync(join(folder, 'program'), '#!', { mode: 0o755 });
  await programImage(join(folder, 'program'), '/program', { reference: 'program:1' }, join(folder, 'image.tar'));
  execFileSync('tar', ['-xf', join(folder, 'image.tar'), '-C', folder]);
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  expect(index.manifests[0].annotations).toEqual({
    'io.containerd.image.name': 'docker.io/library/program:1',
    'org.opencontainers.image.ref.name': '1',
  });
  const blobs = join(folder, 'blobs', 'sha256');
  const layer = readdirSync(blobs).find((name) => readFileSync(join(blobs, name))[0] !== 0x7b)!;
  const listed = execFileSync('tar', ['-tvf', join(blobs, layer)], { encoding: 'utf8' });
  expect(listed).toMatch(/^drwxr-xr-x 0\/0 .* \.\/$/m);
  expect(listed).toMatch(/^-rwxr-xr-x 0\/0 .* \.\/program$/m);
});
