import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const contents = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

test('src/api/generated is what its protos say: run tools/generate-api.sh after a change', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-api-'));
  try {
    execFileSync(join(root, 'tools/generate-api.sh'), [join(folder, 'generated')], { stdio: 'pipe' });
    expect(contents(join(folder, 'generated'))).toEqual(contents(join(root, 'src/api/generated')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 30_000);
