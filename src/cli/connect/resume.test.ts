/** px before a server whose connection breaks again and again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { vizier } from '#api';
import { Cuttable } from '../../../testing/cuttable.ts';
import { ResumeServer } from '../../../testing/resume-server.ts';
import { version } from '../version.ts';
import { Agent, vizierMethods } from './agent.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** px's way to a server that answers scripts by `run`, through a proxy. */
async function serve(run: Parameters<typeof ResumeServer.start>[1], patienceMs?: number) {
  const server = await ResumeServer.start(version(), run, patienceMs);
  const folder = mkdtempSync(join(tmpdir(), 'sonde-resume-'));
  const socket = join(folder, 'socket');
  const proxy = await Cuttable.before(server.port, socket);
  let broken = 0;
  const forgotten = (detail: string) => new Error(`forgotten: ${detail}`);
  const resume = { broke: () => void broken++, prepare: async () => {}, forgotten };
  const agent = new Agent({ socket, resume, gone: async (_, detail) => new Error(`gone: ${detail}`) }, 'test');
  ends.push(
    () => rmSync(folder, { recursive: true }),
    () => server.close(),
    () => proxy.close(),
    () => agent.close(),
  );
  return { agent, proxy, server, broken: () => broken };
}

const reply = (text: string) => vizier.ExecuteScriptResponse.fromPartial({ queryId: text });
const request = vizier.ExecuteScriptRequest.fromPartial({ queryStr: 'import px' });

it('a stream goes on by itself: each message once, in order, while its connection is cut again and again', async () => {
  const count = 150;
  const px = await serve(async ({ send }) => {
    // Some larger than what the server keeps unheard, most small.
    for (let i = 0; i < count; i++) await send(reply(`${i} ${'x'.repeat(i % 7 === 0 ? 300_000 : 10)}`));
  });
  const timer = setInterval(() => px.proxy.cut(), 400);
  ends.push(() => clearInterval(timer));
  const seen: number[] = [];
  for await (const { queryId } of px.agent.stream(vizierMethods.executeScript, request)) {
    seen.push(Number.parseInt(queryId, 10));
    await sleep(10);
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(px.broken()).toBeGreaterThan(2);
  expect(px.server.confirmed).toBeGreaterThan(2);
});

it('what the server does not know any more is a failure, never a part', async () => {
  const px = await serve(async ({ send, signal }) => {
    await send(reply('one'));
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  }, 1);
  const seen: string[] = [];
  const read = async () => {
    for await (const { queryId } of px.agent.stream(vizierMethods.executeScript, request)) {
      seen.push(queryId);
      px.proxy.cut();
    }
  };
  await expect(read()).rejects.toThrow(/^forgotten: it is not known here, or was given up/);
  expect(seen).toEqual(['one']);
});

it('who cancels does not come again', async () => {
  let aborted = false;
  const px = await serve(async ({ send, signal }) => {
    await send(reply('one'));
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    aborted = true;
  });
  const stream = px.agent.stream(vizierMethods.executeScript, request);
  for await (const _ of stream) stream.cancel();
  while (!aborted) await sleep(10);
  expect(px.broken()).toBe(0);
});
