/** A network door under people who mean no good, and people who make mistakes. What happens in each case stands in docs/security.md. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { vizier } from '#api';
import type { TestDoor } from './door.ts';
import { executeScriptPath, frame, type PixieClient, type PixieWire, pixieClients, responses } from './pixie-wire.ts';
import { killStarted } from './process.ts';
import { probeScript } from './script.ts';
import type { Served } from './served.ts';
import { CallsProgram } from './targets.ts';

/** Registers the tests for what `serve` starts. */
export function doorSuite(serve: () => Promise<Served>): void {
  let sonde: Served;
  let door: TestDoor;
  let wire: PixieWire;
  let program: CallsProgram;
  let upid: string;

  beforeAll(async () => {
    sonde = await serve();
    door = sonde.door;
    wire = door.wire();
    program = await CallsProgram.start();
    upid = await sonde.upid(program.pid);
    await sonde.place({
      upid,
      name: 'texts',
      function: 'main.text',
      columns: { s: "ArgExpr('s')", n: "RetExpr('n')" },
    });
    await sonde.place({
      upid,
      name: 'ticks',
      function: 'main.tick',
      columns: { n: "ArgExpr('n')", name: "ArgExpr('name')" },
      noBudget: true,
    });
    await program.ticks(100_000);
  });
  // Whatever was done to it, the same process goes on answering.
  afterEach(async () => {
    const answer = await wire.execute('go', door.viewer, { queryStr: script });
    expect([answer.status, answer.details]).toEqual([0, 'OK']);
    expect(existsSync(`/proc/${sonde.pid()}`)).toBe(true);
  });
  afterAll(async () => {
    wire?.close();
    await sonde?.dispose();
    await killStarted();
  });

  const script = 'import px\npx.display(px.GetAgentStatus())\n';
  const residentMb = () =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${sonde.pid()}/status`, 'utf8'))![1]) / 1024;

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
      stream.on('close', () => resolve([-1, `closed without a status, code ${stream.rstCode}`]));
      stream.resume();
    });
  }

  describe('who may do what', () => {
    const placing = () =>
      probeScript({ upid, name: 'mine', function: 'main.stillHere', columns: { n: "ArgExpr('n')" } });

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
        const names = (await sonde.tracepoints()).map(({ name }) => name);
        expect(names.sort()).toEqual(['texts', 'ticks']);
      },
    );

    it.each([
      ['viewer', '/sonde.v1.SondeService/ListProcesses', 7, /needs the role tracer/, /answered to nobody with a token/],
      ['tracer', '/sonde.v1.SondeService/ListProcesses', 0, /OK/, /answered to nobody with a token/],
      ['tracer', '/sonde.v1.SondeService/Stop', 7, /needs the role admin/, /answered to nobody with a token/],
      ['tracer', '/sonde.v1.SondeService/CreateToken', 7, /over the Unix socket/, /answered to nobody with a token/],
      ['tracer', '/sonde.v1.NodeService/RunPlan', 12, /./, /./],
      ['tracer', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 12, /./, /./],
    ] as const)('%s calls %s', async (role, path, ofAgent, agentSays, brokerSays) => {
      const answer = await wire.call({ client: 'go', token: door[role], path });
      if (sonde.kind === 'agent') {
        expect(answer.status).toBe(ofAgent);
        expect(answer.details).toMatch(agentSays);
      } else {
        // The broker's door has Pixie's services only.
        expect([7, 12]).toContain(answer.status);
        if (answer.status === 7) expect(answer.details).toMatch(brokerSays);
      }
    });

    it('a token that is revoked ends the calls that are open by it', async () => {
      const token = await sonde.createToken('brief');
      const stream = open(wire, token, '/px.api.vizierpb.VizierService/HealthCheck');
      stream.end(frame(new Uint8Array()));
      const over = end(stream);
      await new Promise((resolve) => stream.once('data', resolve));
      await sonde.revokeToken('brief');
      expect(await over).toEqual([16, expect.stringMatching(/^the token brief was revoked at/)]);
    });

    it('a token that expires ends them too', async () => {
      const token = await sonde.createToken('short', ['--expires', '4s']);
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
      const other = door.wire();
      const body = vizier.ExecuteScriptRequest.encode(
        vizier.ExecuteScriptRequest.fromPartial({
          queryStr: "import px\nfor_all = px.DataFrame(table='ticks')\npx.display(for_all, 'a')\n",
        }),
      ).finish();
      const token = await sonde.createToken('sleepy');
      // One that reads all of it: what its answers take of the agent's heap is not what the others cost.
      expect((await wire.call({ client: 'go', token: door.viewer, body })).status).toBe(0);
      const before = residentMb();
      const streams = Array.from({ length: 16 }, () => open(other, token));
      for (const stream of streams) stream.end(frame(body));
      await Promise.all(streams.map((stream) => once(stream, 'response')));
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

    /** Sends a byte now and then: how long that goes on. */
    function drip(socket: Socket, bytes: Buffer, event: 'connect' | 'secureConnect') {
      let began = performance.now();
      let sent = 0;
      const drops = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), 400);
      socket.on('error', () => {});
      const ready = new Promise<void>((resolve) => {
        socket.once(event, () => {
          began = performance.now();
          resolve();
        });
      });
      const lifetime = new Promise<number>((resolve) => {
        socket.once('close', () => {
          clearInterval(drops);
          resolve(performance.now() - began);
        });
      });
      socket.resume();
      return { ready, lifetime };
    }

    it('1,000 connections: 512 are taken, and go when they show no token in ten seconds; who is in stays in; who drips bytes has as long, and five for TLS', async () => {
      const [host, port] = door.address.split(':');
      const place = { host: host!, port: Number(port) };
      // A ClientHello that says it is 512 bytes long, and behind TLS's handshake the preface of HTTP/2.
      const hello = Buffer.concat([Buffer.from('160301020001', 'hex'), Buffer.alloc(500)]);
      const preface = Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\0'.repeat(40)}`, 'latin1');
      const inHandshake = drip(connect(place), hello, 'connect');
      const secured = connectTls({ ...place, ca: readFileSync(door.caFile), ALPNProtocols: ['h2'] });
      const afterIt = drip(secured, preface, 'secureConnect');
      await Promise.all([inHandshake.ready, afterIt.ready]);
      const began = performance.now();
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
        // Five seconds for TLS, ten for a valid token.
        expect(await inHandshake.lifetime).toBeGreaterThan(4_000);
        expect(await inHandshake.lifetime).toBeLessThan(9_000);
        expect(await afterIt.lifetime).toBeGreaterThan(5_000);
        expect(await afterIt.lifetime).toBeLessThan(14_000);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });
  });
}
