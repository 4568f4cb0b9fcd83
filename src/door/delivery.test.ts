/** Answers that outlive their connection: a real server, and clients whose connection is cut. */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { grpcService, vizier } from '#api';
import { Cuttable } from '../../testing/cuttable.ts';
import { type Access, guard, OpenCalls } from './access.ts';
import { askedToResume, requireScript } from './answer.ts';
import { callHandlers, type StreamCall } from './calls.ts';
import { Deliveries } from './delivery.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const methods = grpcService(vizier.VizierServiceDefinition, asBuffer);
const path = methods.executeScript.path;

type Call = StreamCall<vizier.ExecuteScriptResponse>;
type Run = (call: Call) => Promise<void>;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server whose scripts do what `run` does. Callers name themselves: `owner`; `own`: px of Sonde, which counts. */
async function serve(run: Run, patienceMs = 5_000) {
  const access: Access = {
    identify(metadata) {
      const text = (key: string) => String(metadata.get(key)[0] ?? '');
      const audience = text('own') === '' ? 'pixie' : 'sonde';
      return { name: 'test', role: 'viewer', audience, open: new OpenCalls('', 1), ahead: 1, owner: text('owner') };
    },
  };
  const server = new grpc.Server({ interceptors: [guard(access)] });
  const greeting = () => new grpc.Metadata();
  const { resumable, deliveries } = callHandlers({ enter: () => () => {}, greeting }, new Deliveries(patienceMs));
  server.addService(methods, {
    executeScript: resumable(
      methods.executeScript,
      (request, call) => {
        requireScript(request, call.lost);
        return run(call);
      },
      askedToResume,
    ),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  ends.push(() => server.forceShutdown());
  const proxy = await Cuttable.before(port);
  ends.push(() => proxy.close());
  return { address: `http://127.0.0.1:${proxy.port}`, proxy, deliveries };
}

/** One call of a client, frame by frame. */
function call(
  address: string,
  {
    queryId = '',
    headers = {},
    session = connectHttp2(address),
  }: { queryId?: string; headers?: Record<string, string>; session?: ClientHttp2Session } = {},
) {
  session.on('error', () => {});
  ends.push(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...headers });
  const body = vizier.ExecuteScriptRequest.encode(
    vizier.ExecuteScriptRequest.fromPartial({ queryId, queryStr: queryId === '' ? 'import px' : '' }),
  ).finish();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  stream.end(Buffer.concat([head, body]));
  let bytes = Buffer.alloc(0);
  const state = { pings: 0, id: '', texts: [] as string[], status: '', details: '', closed: false };
  session.on('ping', () => state.pings++);
  stream.on('error', () => {});
  stream.on('response', (given) => {
    state.id = String(given['sonde-call'] ?? '');
    if (given['grpc-status'] !== undefined)
      Object.assign(state, { status: given['grpc-status'], details: given['grpc-message'] });
  });
  stream.on('trailers', (given) =>
    Object.assign(state, { status: given['grpc-status'], details: given['grpc-message'] }),
  );
  stream.on('close', () => {
    state.closed = true;
  });
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const length = bytes.readUInt32BE(1);
      state.texts.push(vizier.ExecuteScriptResponse.decode(bytes.subarray(5, 5 + length)).queryId);
      bytes = bytes.subarray(5 + length);
    }
  });
  return { state, stream, session };
}

const reply = (text: string): vizier.ExecuteScriptResponse =>
  vizier.ExecuteScriptResponse.fromPartial({ queryId: text });

/** A script whose messages the test sends one by one. */
function stepped() {
  let script: Call | undefined;
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const run: Run = async (given) => {
    script = given;
    await Promise.race([done, new Promise<void>((resolve) => given.signal.addEventListener('abort', () => resolve()))]);
  };
  return {
    run,
    send: (text: string) => script!.send(reply(text)),
    finish,
    begun: () => until(() => script !== undefined),
    get aborted() {
      return script!.signal.aborted;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`never: ${condition}`);
}

/** Long enough for a PING and its answer over loopback. */
const settled = () => sleep(300);

it('a Pixie client whose connection was lost goes on exactly where it was', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await script.send('one');
  await until(() => first.state.texts.length === 1);
  await settled();
  server.proxy.cut();
  await until(() => first.state.closed);
  await settled();
  // Made while nobody was there.
  await script.send('two');
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await until(() => second.state.texts.length === 1);
  await script.send('three');
  script.finish();
  await until(() => second.state.status !== '');
  expect(second.state).toMatchObject({ texts: ['two', 'three'], status: '0' });
  expect(script.aborted).toBe(false);
});

it('it is told to run the query again when nobody knows whether a message arrived', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await settled();
  server.proxy.hold();
  await script.send('one');
  await until(() => first.state.texts.length === 1);
  await settled();
  server.proxy.cut();
  await until(() => first.state.closed);
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await until(() => second.state.status !== '');
  expect(second.state.texts).toEqual([]);
  expect(decodeURIComponent(second.state.details)).toBe(
    `query ${first.state.id} cannot go on: nobody knows whether what was on its way has arrived; run it again`,
  );
  expect(script.aborted).toBe(true);
});

it('the end, too, comes by the next connection', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await script.send('one');
  await settled();
  server.proxy.cut();
  await until(() => first.state.closed);
  script.finish();
  await settled();
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await until(() => second.state.status !== '');
  expect(second.state).toMatchObject({ texts: [], status: '0' });
});

it('what its client cancels ends at once, and cannot go on', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await script.send('one');
  await until(() => first.state.texts.length === 1);
  first.stream.close(8);
  await until(() => script.aborted);
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await until(() => second.state.status !== '');
  expect(decodeURIComponent(second.state.details)).toMatch(
    /cannot go on: it is not known here, or was given up; run it/,
  );
});

it('what was told to its end is forgotten', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  script.finish();
  await until(() => first.state.status === '0');
  await settled();
  expect(server.deliveries.resume({ id: first.state.id, received: undefined }, 'a')).toMatch(/not known/);
});

it('another caller does not learn of it', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await script.send('one');
  await settled();
  server.proxy.cut();
  await until(() => first.state.closed);
  const thief = call(server.address, { queryId: first.state.id, headers: { owner: 'b' } });
  await until(() => thief.state.status !== '');
  expect(decodeURIComponent(thief.state.details)).toMatch(/it is not known here, or was given up/);
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await script.send('two');
  await until(() => second.state.texts.length === 1);
});

it('a client that comes again before the lost connection is noticed takes its place', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const first = call(server.address, { headers: { owner: 'a' } });
  await script.begun();
  await script.send('one');
  await settled();
  const second = call(server.address, { queryId: first.state.id, headers: { owner: 'a' } });
  await until(() => first.state.closed);
  await script.send('two');
  await until(() => second.state.texts.length === 1);
  expect(script.aborted).toBe(false);
});

it('again and again, on one connection, while messages come', async () => {
  let made = 0;
  const server = await serve(async ({ send, signal }) => {
    while (!signal.aborted) {
      await send(reply(String(made++)));
      await sleep(1);
    }
  });
  const headers = { owner: 'a', own: 'yes' };
  let { state, session } = call(server.address, { headers });
  await until(() => state.texts.length > 0);
  const seen = [...state.texts];
  for (let i = 0; i < 100; i++) {
    const { id } = state;
    const resumed = { ...headers, 'sonde-resume': `${id} ${seen.length}` };
    ({ state, session } = call(server.address, { headers: resumed, session }));
    const now = state;
    await until(() => now.texts.length > 0);
    seen.push(...state.texts);
  }
  expect(seen).toEqual(seen.map((_, i) => String(i)));
});

it('it waits for its client no longer than it should, and makes no more than it may keep', async () => {
  let made = 0;
  let signal: AbortSignal | undefined;
  const server = await serve(async (given) => {
    signal = given.signal;
    while (!given.signal.aborted) {
      await given.send(reply('x'.repeat(64 * 1024)));
      made++;
    }
  }, 1000);
  const first = call(server.address, { headers: { owner: 'a' } });
  await until(() => made > 3);
  server.proxy.cut();
  await until(() => first.state.closed);
  await sleep(300);
  const kept = made;
  await sleep(300);
  expect(made).toBe(kept);
  expect(signal!.aborted).toBe(false);
  await until(() => signal!.aborted);
});

it('of many that wait for one client, the oldest is given up', async () => {
  const signals: AbortSignal[] = [];
  const server = await serve(async ({ signal }) => {
    signals.push(signal);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  });
  for (let i = 0; i < 17; i++) {
    call(server.address, { headers: { owner: 'a' } });
    await until(() => signals.length === i + 1);
  }
  server.proxy.cut();
  await until(() => signals.some(({ aborted }) => aborted));
  await settled();
  expect(signals.filter(({ aborted }) => aborted)).toHaveLength(1);
});

it('who counts gets exactly what is missing, whatever the transport took', async () => {
  const script = stepped();
  const server = await serve(script.run);
  const headers = { owner: 'a', own: 'yes' };
  const first = call(server.address, { headers });
  await script.begun();
  for (const text of ['one', 'two', 'three']) await script.send(text);
  await until(() => first.state.texts.length === 3);
  await settled();
  server.proxy.cut();
  await until(() => first.state.closed);
  const second = call(server.address, { headers: { ...headers, 'sonde-resume': `${first.state.id} 1` } });
  await until(() => second.state.texts.length === 2);
  expect(second.state.texts).toEqual(['two', 'three']);
  server.deliveries.received({ id: first.state.id, received: 3 }, 'a');
  server.proxy.cut();
  await until(() => second.state.closed);
  const third = call(server.address, { headers: { ...headers, 'sonde-resume': `${first.state.id} 1` } });
  await until(() => third.state.status !== '');
  expect(third.state).toMatchObject({ texts: [], status: '5', details: expect.stringContaining('is%20not%20kept') });
});
