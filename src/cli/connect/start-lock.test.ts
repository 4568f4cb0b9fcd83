import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeStartLock } from './start-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('one at a time', () => {
  const release = takeStartLock(directory);
  expect(release).toBeDefined();
  expect(takeStartLock(directory)).toBeUndefined();
  release!();
  expect(takeStartLock(directory)).toBeDefined();
});

test('the lock of a px that is no more, or that is too old, is nobody’s', () => {
  const path = join(directory, 'agent.starting');
  writeFileSync(path, '2147483647');
  expect(takeStartLock(directory)).toBeDefined();
  utimesSync(path, 1, 1);
  expect(takeStartLock(directory)).toBeDefined();
});
