import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answers, claim, ownSocketPath, removeStale, socketPath } from './socket.ts';

let dir: string;
const servers: Server[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sonde-socket-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(dir, { recursive: true });
});

function listen(path: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(path, () => resolve(server));
    servers.push(server);
  });
}

it('gives the name to one of several that claim it at once', async () => {
  const own = ['a', 'b', 'c', 'd'].map((name) => join(dir, name));
  await Promise.all(own.map(listen));
  const claimed = await Promise.all(own.map((path) => claim(path, socketPath(dir))));
  expect(claimed.filter(Boolean)).toHaveLength(1);
  expect(await answers(socketPath(dir))).toBe(true);
});

it('takes the name from one that is gone', async () => {
  const gone = await listen(join(dir, 'gone'));
  await claim(join(dir, 'gone'), socketPath(dir));
  await new Promise((resolve) => gone.close(resolve));
  expect(existsSync(socketPath(dir))).toBe(true);
  expect(await answers(socketPath(dir))).toBe(false);
  await listen(join(dir, 'next'));
  expect(await claim(join(dir, 'next'), socketPath(dir))).toBe(true);
  expect(await answers(socketPath(dir))).toBe(true);
});

it('removes what dead agents left, and nothing else', () => {
  const names = ['.4999999', `.${process.ppid}`, 'agent.log', '.other'];
  for (const name of names) writeFileSync(join(dir, name), '');
  writeFileSync(ownSocketPath(dir), '');
  removeStale(dir);
  expect(readdirSync(dir).sort()).toEqual(names.slice(1).sort());
  expect(ownSocketPath('').length).toBeLessThanOrEqual(socketPath('').length);
});
