import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { atLeast, goFixture } from './go-fixtures.ts';
import { GoToolchainError } from './go-toolchain.ts';

const cache = mkdtempSync(join(tmpdir(), 'sonde-fixtures-'));
const before = process.env.SONDE_TEST_CACHE;
beforeAll(() => {
  process.env.SONDE_TEST_CACHE = cache;
});
afterAll(() => {
  if (before === undefined) delete process.env.SONDE_TEST_CACHE;
  else process.env.SONDE_TEST_CACHE = before;
  rmSync(cache, { recursive: true, force: true });
});

const hello = (text: string) => ({ 'main.go': `package main\n\nfunc main() { println("${text}") }\n` });

it('builds once, also when asked twice at the same time', { timeout: 120_000 }, async () => {
  const [a, b] = await Promise.all([goFixture({ source: hello('one') }), goFixture({ source: hello('one') })]);
  expect(a).toBe(b);
  expect(execFileSync(a!, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()).toBe('');
  expect(await goFixture({ source: hello('two') })).not.toBe(a);
  expect(await goFixture({ source: hello('one'), flags: ['-ldflags=-s -w'] })).not.toBe(a);
});

it("gives the compiler's words when the source is wrong", { timeout: 120_000 }, async () => {
  const wrong = goFixture({ source: { 'main.go': 'package main\n\nfunc main() { nonsense }\n' } });
  await expect(wrong).rejects.toThrow(GoToolchainError);
  await expect(goFixture({ source: { 'main.go': 'package main\n\nfunc main() { nonsense }\n' } })).rejects.toThrow(
    /nonsense/,
  );
});

it('compares versions by their minor number', () => {
  expect(atLeast('go1.17.13', 18)).toBe(false);
  expect(atLeast('go1.18', 18)).toBe(true);
  expect(atLeast('go1.26.8', 9)).toBe(true);
  expect(atLeast('devel +1234', 26)).toBe(true);
});
