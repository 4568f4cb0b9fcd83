/** The agent's network door under people who mean no good (`doorSuite`), and how it opens and ends. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { createToken, openDoor } from '../testing/door.ts';
import { doorSuite } from '../testing/door-suite.ts';
import { PixieWire } from '../testing/pixie-wire.ts';
import { PxEnvironment } from '../testing/px.ts';
import { servedByAgent } from '../testing/served.ts';

const script = 'import px\npx.display(px.GetAgentStatus())\n';

doorSuite(servedByAgent);

/** Has the agent call an address. */
const exporting = `import px
df = px.GetUDFList()
df.time_ = px.now()
df.n = px.length(df.name)
to = px.otel.Endpoint('127.0.0.1:1', insecure=True)
px.export(df, px.otel.Data({'service.name': 'x'}, [px.otel.metric.Gauge('n', df.n)], to))
`;

describe('px agent start --listen', () => {
  const own = new PxEnvironment({ SONDE_IDLE: '2s' });
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
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = await start(`127.0.0.1:${(other.address() as AddressInfo).port}`);
    other.close();
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
    await sleep(2_500);
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
    const sent = await plain.execute('go', first.viewer, { queryStr: exporting });
    expect([sent.status, sent.details]).toEqual([
      7,
      expect.stringMatching(/^sending rows to an endpoint needs the role tracer/),
    ]);
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
