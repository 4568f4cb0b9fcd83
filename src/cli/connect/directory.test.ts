import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureDirectory } from './directory.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sonde-directory-'));
});
afterEach(() => rmSync(base, { recursive: true }));

it('makes the folder with those above it, for its owner alone', () => {
  const folder = join(base, 'a', 'b');
  ensureDirectory(folder, process.getuid!());
  ensureDirectory(folder, process.getuid!());
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

it('refuses, at once, what cannot be a folder', () => {
  writeFileSync(join(base, 'file'), '');
  for (const path of [join(base, 'file'), join(base, 'file', 'x'), '/proc/no-such', '/proc/no-such/either']) {
    expect(() => ensureDirectory(path, process.getuid!())).toThrow(path);
  }
});
