import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeStartLock } from './start-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('one at a time, for as long as it takes', () => {
  const release = takeStartLock(directory);
  expect(release).toBeDefined();
  utimesSync(join(directory, 'agent.starting'), 1, 1);
  expect(takeStartLock(directory)).toBeUndefined();
  release!();
  expect(takeStartLock(directory)).toBeDefined();
  expect(readdirSync(directory)).toEqual(['agent.starting']);
});

test('the lock of a px that is no more is nobody’s, though another process may have its pid', () => {
  const path = join(directory, 'agent.starting');
  writeFileSync(path, '2147483647 5');
  expect(takeStartLock(directory)).toBeDefined();
  const [pid] = readFileSync(path, 'utf8').split(' ');
  expect(pid).toBe(`${process.pid}`);
  writeFileSync(path, `${pid} 5`);
  expect(takeStartLock(directory)).toBeDefined();
});

test('a folder that cannot be written is no reason to wait', () => {
  expect(takeStartLock(join(directory, 'absent'))).toBeDefined();
});
