/** The network door under people who mean no good, and people who make mistakes. What happens in each case stands in docs/security.md. */
import { existsSync, readFileSync } from 'node:fs';
import type { ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { vizier } from '#api';
import { createToken, openDoor, type TestDoor } from '../testing/door.ts';
import {
  executeScriptPath,
  frame,
  type PixieClient,
  PixieWire,
  pixieClients,
  responses,
} from '../testing/pixie-wire.ts';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { probeScript, writeProbeScript } from '../testing/script.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
let door: TestDoor;
let wire: PixieWire;
let program: CallsProgram;
let upid: string;
let agentPid: number;

beforeAll(async () => {
  door = await openDoor(sonde);
  wire = door.wire();
  agentPid = (await sonde.agentPid())!;
  program = await CallsProgram.start();
  upid = await sonde.upid(program.pid);
  const columns = { s: "ArgExpr('s')", n: "RetExpr('n')" };
  await sonde.ok([
    'run',
    '-f',
    writeProbeScript(sonde.folder, { upid, name: 'texts', function: 'main.text', columns }),
  ]);
  const ticks = { upid, name: 'ticks', function: 'main.tick', columns: { n: "ArgExpr('n')", name: "ArgExpr('name')" } };
  await sonde.ok(['run', '-f', writeProbeScript(sonde.folder, ticks)]);
  await program.ticks(100_000);
  const [ticked] = (await sonde.rows(['tracepoint', 'list'])).filter(({ name }) => name === 'ticks');
  expect(ticked).toMatchObject({ hits: 100_000, drops: 0 });
});
// Whatever was done to it, the same agent goes on answering.
afterEach(async () => {
  const answer = await wire.execute('go', door.viewer, { queryStr: script });
  expect([answer.status, answer.details]).toEqual([0, 'OK']);
  expect(existsSync(`/proc/${agentPid}`)).toBe(true);
});
afterAll(async () => {
  wire?.close();
  await sonde.dispose();
  await killStarted();
});

const script = 'import px\npx.display(px.GetAgentStatus())\n';
const residentMb = () =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agentPid}/status`, 'utf8'))![1]) / 1024;

function open(of: PixieWire, token: string, path = executeScriptPath, extra = {}): ClientHttp2Stream {
  const stream = of.session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'pixie-api-key': token,
    ...extra,
  });
  stream.on('error', () => {});
  return stream;
}

/** grpc-status and grpc-message of a call that is over. */
function end(stream: ClientHttp2Stream): Promise<readonly [number, string]> {
  return new Promise((resolve) => {
    const done = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] === undefined) return;
      resolve([Number(headers['grpc-status']), decodeURIComponent(String(headers['grpc-message']))]);
    };
    stream.on('response', done);
    stream.on('trailers', done);
    stream.resume();
  });
}

describe('who may do what', () => {
  const placing = () => probeScript({ upid, name: 'mine', function: 'main.stillHere', columns: { n: "ArgExpr('n')" } });

  it.each(Object.keys(pixieClients) as PixieClient[])(
    'a viewer’s mutation (%s): PERMISSION_DENIED with the role that is needed',
    async (client) => {
      for (const queryStr of [placing(), "import pxtrace\npxtrace.DeleteTracepoint('ticks')\n"]) {
        const answer = await wire.execute(client, door.viewer, { queryStr, mutation: client === 'px' });
        expect(answer).toMatchObject({ status: 7, messages: [] });
        expect(answer.details).toMatch(
          /^a script that places or deletes tracepoints needs the role tracer; token viewer \(.*\) has the role viewer$/,
        );
      }
      const names = (await sonde.rows(['tracepoint', 'list'])).map(({ name }) => name);
      expect(names).toEqual(['texts', 'ticks']);
    },
  );

  it.each([
    ['viewer', '/sonde.v1.SondeService/ListProcesses', 7, /needs the role tracer/],
    ['tracer', '/sonde.v1.SondeService/ListProcesses', 0, /OK/],
    ['tracer', '/sonde.v1.SondeService/Stop', 7, /needs the role admin/],
    ['tracer', '/sonde.v1.SondeService/CreateToken', 7, /over the Unix socket/],
    ['tracer', '/sonde.v1.SondeService/Listen', 7, /over the Unix socket/],
    ['tracer', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 12, /./],
  ] as const)('%s calls %s: status %i', async (role, path, status, details) => {
    const answer = await wire.call({ client: 'go', token: door[role], path });
    expect(answer.status).toBe(status);
    expect(answer.details).toMatch(details);
  });

  it('a token that is revoked ends the calls that are open by it', async () => {
    const token = await createToken(sonde, 'brief');
    const stream = open(wire, token, '/px.api.vizierpb.VizierService/HealthCheck');
    stream.end(frame(new Uint8Array()));
    const over = end(stream);
    await new Promise((resolve) => stream.once('data', resolve));
    await sonde.ok(['token', 'revoke', 'brief']);
    expect(await over).toEqual([16, expect.stringMatching(/^the token brief was revoked at/)]);
  });

  it('a token that expires ends them too', async () => {
    const token = await createToken(sonde, 'short', ['--expires', '1500ms']);
    const stream = open(wire, token, '/px.api.vizierpb.VizierService/HealthCheck');
    stream.end(frame(new Uint8Array()));
    expect(await end(stream)).toEqual([16, expect.stringMatching(/^the token short expired at/)]);
  });

  it('without a token nothing of the message is waited for', async () => {
    const stream = open(wire, 'sonde_guess');
    stream.write(frame(new Uint8Array(1000)).subarray(0, 500));
    expect((await end(stream))[0]).toBe(16);
    stream.close();
  });
});

describe('messages', () => {
  it.each([
    ['of 2 MiB', () => frame(new Uint8Array(2 << 20))],
    ['that says it has 4 GiB', () => Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])],
    ['of 64 KiB that unpacks to 64 MiB', () => frame(gzipSync(Buffer.alloc(64 << 20), { level: 9 }))],
  ])('a message %s: RESOURCE_EXHAUSTED', async (what, make) => {
    const body = make();
    if (what.includes('unpacks')) body[0] = 1;
    const before = residentMb();
    const stream = open(
      wire,
      door.viewer,
      executeScriptPath,
      what.includes('unpacks') ? { 'grpc-encoding': 'gzip' } : {},
    );
    const over = end(stream);
    stream.end(body);
    expect((await over)[0]).toBe(8);
    expect(residentMb() - before).toBeLessThan(50);
  });

  it.each([
    ['no protobuf', Buffer.from('\xff\xff\xff\xff garbage', 'latin1'), 13],
    ['a length beyond the end', Buffer.from([0x0a, 0x7f, 0x41]), 13],
    ['text that is not UTF-8', Buffer.from([0x0a, 0x02, 0xff, 0xfe]), 0],
  ])('%s: an error status, at once', async (_, body, status) => {
    expect((await wire.call({ client: 'go', token: door.viewer, body })).status).toBe(status);
  });

  it('a script that nests without end is a fault of the script', async () => {
    const answer = await wire.execute('go', door.viewer, { queryStr: `x = ${'('.repeat(400_000)}` });
    expect(responses(answer)[0]!.status).toMatchObject({ code: 3, message: expect.not.stringMatching(/at .*\.ts/) });
  });

  it.each([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a frame of nonsense after the preface', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(64)}`],
    ['noise', '\x00\x01\x02\xfe'.repeat(5000)],
  ])('%s over TLS, and over TCP: the connection is closed', async (_, text) => {
    const [host, port] = door.address.split(':');
    for (const secure of [true, false]) {
      const options = { host: host!, port: Number(port) };
      const socket: Socket = secure
        ? connectTls({ ...options, ca: readFileSync(door.caFile), ALPNProtocols: ['h2'] })
        : connect(options);
      socket.on('error', () => {});
      socket.resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(Buffer.from(text, 'latin1')));
      await closed;
    }
  });
});

describe('many, and slow ones', () => {
  it('clients that never read cost little, and the rows of others go on', async () => {
    const before = residentMb();
    const other = door.wire();
    const body = vizier.ExecuteScriptRequest.encode(
      vizier.ExecuteScriptRequest.fromPartial({
        queryStr: "import px\nfor_all = px.DataFrame(table='ticks')\npx.display(for_all, 'a')\n",
      }),
    ).finish();
    const token = await createToken(sonde, 'sleepy');
    const streams = Array.from({ length: 16 }, () => open(other, token));
    for (const stream of streams) stream.end(frame(body));
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('response', resolve))));
    await sleep(1500);
    const held = residentMb() - before;
    expect(held).toBeLessThan(16 * 20);
    // A token has so many calls.
    const refused = open(other, token);
    refused.end(frame(body));
    expect(await end(refused)).toEqual([8, '16 calls of this token are open already']);
    const answer = await wire.call({ client: 'go', token: door.viewer, body });
    const rows = responses(answer).reduce(
      (sum, { result }) => sum + Number(result?.$case === 'data' ? (result.value.batch?.numRows ?? 0n) : 0n),
      0,
    );
    expect([answer.status, rows]).toEqual([0, 100_000]);
    // It still gets all of it, when it reads at last.
    expect(await end(streams[0]!)).toEqual([0, 'OK']);
    other.close();
  });

  it('1,000 connections: 512 are taken, and go when they show no token in ten seconds; who is in stays in', async () => {
    const [host, port] = door.address.split(':');
    const began = performance.now();
    const place = { host: host!, port: Number(port) };
    // Ten know how to speak TLS, the others say nothing at all.
    const closed: { secure: boolean; after: number }[] = [];
    const sockets = Array.from({ length: 1000 }, (_, i) => {
      const secure = i < 10;
      const socket: Socket = secure
        ? connectTls({ ...place, ca: readFileSync(door.caFile), ALPNProtocols: ['h2'] })
        : connect(place);
      socket.on('error', () => {});
      socket.once('close', () => closed.push({ secure, after: performance.now() - began }));
      return socket.resume();
    });
    try {
      for (let tries = 0; tries < 80 && closed.length < 488; tries++) await sleep(50);
      expect(closed.length).toBeGreaterThanOrEqual(488);
      expect(closed.length).toBeLessThan(600);
      expect((await wire.execute('go', door.viewer, { queryStr: script })).status).toBe(0);
      for (let tries = 0; tries < 300 && closed.length < 1000; tries++) await sleep(50);
      expect(closed).toHaveLength(1000);
      for (const { secure, after } of closed) if (secure) expect(after).toBeGreaterThan(9_000);
      const later = door.wire();
      expect((await later.execute('go', door.viewer, { queryStr: script })).status).toBe(0);
      later.close();
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('px agent start --listen', () => {
  const own = new PxEnvironment({ SONDE_IDLE: '200ms' });
  afterAll(() => own.dispose());
  const start = (...options: string[]) => own.run(['agent', 'start', '--listen', ...options]);

  it('refuses what would let secrets out, and places that are none', async () => {
    const { code, stderr } = await start('0.0.0.0:0', '--plaintext');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/without TLS, tokens and rows could be read on the way to 0\.0\.0\.0/),
    ]);
    for (const words of [['7'], ['localhost'], [':1'], ['127.0.0.1:65536'], ['::1:7']])
      expect((await start(...words)).code).toBe(2);
    expect((await own.run(['agent', 'start', '--plaintext'])).code).toBe(2);
    const taken = await start(door.address);
    expect([taken.code, taken.stderr]).toEqual([
      3,
      expect.stringMatching(/cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/),
    ]);
  });

  it('keeps the agent until it is stopped; twice is once; the next agent knows the tokens, and has another CA', async () => {
    const first = await openDoor(own, { plaintext: false });
    const pid = await own.agentPid();
    expect((await own.ok(['agent', 'start', '--listen', '127.0.0.1:0'])).stdout).toContain(first.address);
    expect((await start('127.0.0.1:0', '--plaintext')).stderr).toContain(`listens on ${first.address} already`);
    await sleep(700);
    expect(await own.agentPid()).toBe(pid);
    const ca = readFileSync(first.caFile, 'utf8');
    await own.ok(['agent', 'stop']);
    expect(existsSync(first.caFile)).toBe(false);
    await own.ok(['agent', 'start', '--listen', '127.0.0.1:0', '--plaintext']);
    const [status] = await own.rows<{ listen: string; ca_file: null }>(['agent', 'status']);
    expect(status).toMatchObject({ listen: expect.stringMatching(/^127\.0\.0\.1:\d+ \(plaintext\)$/), ca_file: null });
    const plain = new PixieWire(status!.listen.replace(' (plaintext)', ''));
    expect((await plain.execute('px', first.viewer, { queryStr: script })).status).toBe(0);
    expect((await plain.execute('px', 'sonde_x', { queryStr: script })).status).toBe(16);
    const admin = await createToken(own, 'boss', ['--role', 'admin']);
    const stop = await plain.call({ client: 'go', token: admin, path: '/sonde.v1.SondeService/Stop' });
    expect([stop.status, stop.messages.length]).toEqual([0, 1]);
    plain.close();
    for (let tries = 0; tries < 100 && own.processes().length > 0; tries++) await sleep(50);
    expect((await own.run(['agent', 'status'])).code).toBe(3);
    const second = await own.ok(['agent', 'start', '--listen', '127.0.0.1:0']);
    expect(second.stdout).toContain(first.caFile);
    expect(readFileSync(first.caFile, 'utf8')).not.toBe(ca);
  });
});
