import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const launcher = fileURLToPath(new URL('../../px', import.meta.url));
const agentProgram = fileURLToPath(new URL('testing/fake-agent-main.ts', import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(async () => {
  await px('agent', 'stop').ended;
  rmSync(directory, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
  readonly text: () => string;
}

function start(command: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(command, words, {
    env: { ...process.env, SONDE_DIR: join(directory, 'agent'), SONDE_AGENT: agentProgram, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended, text: () => out + err };
}

const px = (...words: string[]) => start(launcher, words);

async function until(run: Run, text: string): Promise<void> {
  while (!run.text().includes(text)) {
    if (run.child.exitCode !== null) throw new Error(`px ended with ${run.child.exitCode}: ${run.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('several px at once start one agent and all are answered', async () => {
  const results = await Promise.all(Array.from({ length: 4 }, () => px('ps', '-o', 'json').ended));
  expect(results.map(({ code, err }) => [code, err])).toEqual(Array(4).fill([0, '']));
  expect(new Set(results.map(({ out }) => out)).size).toBe(1);
  expect((await px('agent', 'stop').ended).code).toBe(0);
  expect((await px('agent', 'status').ended).code).toBe(3);
}, 120_000);

test('px trace: SIGINT, SIGTERM and a lost reader end it cleanly, SIGKILL cuts the call', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const run = px('trace', '1', 'main.f');
    await until(run, 'armed');
    run.child.kill(signal);
    expect(await run.ended).toMatchObject({ code: 0, out: '' });
    expect(run.text()).toContain('0 calls, 0 rows, 0 drops');
  }
  const lost = px('trace', '1', 'main.f');
  await until(lost, 'armed');
  lost.child.stdout!.destroy();
  expect((await lost.ended).code).toBe(0);
  const log = () => readFileSync(join(directory, 'agent', 'agent.log'), 'utf8');
  expect(log().match(/trace deleted/g)).toHaveLength(3);
  const cancelled = () => log().match(/trace cancelled/g)?.length ?? 0;
  const before = cancelled();
  const killed = px('trace', '1', 'main.f');
  await until(killed, 'armed');
  killed.child.kill('SIGKILL');
  while (cancelled() === before) await new Promise((resolve) => setTimeout(resolve, 20));
}, 120_000);

test('the reader of a pipe goes while nothing is written: px trace ends', async () => {
  // The reader stays until px has begun, however long that takes, and a little longer.
  const told = join(directory, 'told');
  const reader = `{ until grep -q armed '${told}'; do sleep 0.1; done; sleep 1; }`;
  const run = start('/bin/sh', ['-c', `"${launcher}" trace 1 main.f 2>'${told}' | ${reader}`]);
  expect(await run.ended).toMatchObject({ code: 0, out: '' });
  await expect.poll(() => readFileSync(told, 'utf8'), { timeout: 20_000 }).toContain('0 calls, 0 rows, 0 drops');
}, 60_000);

test('px is found through links', async () => {
  mkdirSync(join(directory, 'bin'));
  symlinkSync(launcher, join(directory, 'bin', 'real'));
  symlinkSync('real', join(directory, 'bin', 'px'));
  expect((await start(join(directory, 'bin', 'px'), ['version']).ended).out).toMatch(/^px 0\.1\.0/);
});

test('a reader that stops reading is no failure', async () => {
  const run = start('/bin/sh', ['-c', `"${launcher}" --help | head -1`]);
  expect(await run.ended).toMatchObject({ code: 0, err: '' });
});
