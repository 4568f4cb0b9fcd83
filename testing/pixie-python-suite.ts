/** Pixie's Python package, as PyPI has it, over TLS. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDoor } from './door.ts';
import { killStarted, startProcess } from './process.ts';
import { root } from './root.ts';
import { probeScript } from './script.ts';
import type { Served } from './served.ts';
import { CallsProgram, DemoServer, type SaidCall } from './targets.ts';

/** Rows of the stream, a multiple of `burst`; the full size is 10^6. */
const streamRows = Number(process.env.SONDE_PIXIE_ROWS ?? 100_000);
const burst = 4_000;

type Value = { int?: string; bytes?: string; uuid?: string } | number | boolean;
interface Answer {
  readonly tables?: Readonly<Record<string, readonly Readonly<Record<string, Value>>[]>>;
  readonly records?: number;
  readonly timed?: boolean;
  readonly rows?: number;
  readonly sum?: number;
  readonly cancelled?: number;
  readonly rpc?: string;
  readonly details?: string;
  readonly error?: string;
  readonly message?: string;
}

/** Where Python and the package are. @throws when Python 3.11 or PyPI is not in reach */
export function pxapiPython(): string {
  const { status, stdout, stderr } = spawnSync(join(root, 'tools', 'pxapi.sh'), { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** Registers the tests for what `serve` starts. */
export function pixiePythonSuite(serve: () => Promise<Served>): void {
  let sonde: Served;
  let python: string;
  let door: TestDoor;
  let program: CallsProgram;
  let upid: string;
  let scalars: SaidCall[];
  let texts: SaidCall[];

  beforeAll(async () => {
    python = pxapiPython();
    sonde = await serve();
    door = sonde.door;
    program = await CallsProgram.start();
    upid = await sonde.upid(program.pid);
    for (const [name, fn, columns] of [
      ['ticks', 'main.tick', { n: "ArgExpr('n')" }],
      ['texts', 'main.text', { s: "ArgExpr('s')" }],
      ['numbers', 'main.unsigned', { large: "ArgExpr('d')" }],
      ['named', 'main.named', { b: "ArgExpr('b')" }],
    ] as const) {
      await sonde.place({ upid, name, function: fn, columns, noBudget: true });
    }
    scalars = await program.said('scalars');
    texts = await program.said('text');
  });
  afterAll(async () => {
    await sonde?.dispose();
    await killStarted();
  });

  async function ask(order: object, { trust = true } = {}): Promise<Answer> {
    const env = trust ? { GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: door.caFile } : {};
    const client = await startProcess(python, {
      args: [join(root, 'test', 'python', 'client.py')],
      env: { ...process.env, ...env },
    });
    client.write(JSON.stringify({ address: door.address, token: door.tracer, ...order }));
    client.endInput();
    await client.until('its end', () => client.exit, 100_000);
    expect(client.lines, client.stderr).toHaveLength(1);
    return JSON.parse(client.lines[0]!) as Answer;
  }

  async function ticksListed(): Promise<object> {
    const { hits, rows, drops, state } = (await sonde.tracepoints()).find(({ name }) => name === 'ticks')!;
    return { hits, rows, drops, state };
  }

  const query = (script: string, more: object = {}) => ask({ do: 'query', script, ...more });

  describe.each([false, true])('with encryption %s', (encryption) => {
    it('several tables with columns of every type: every value is the one that was there', async () => {
      const script = [
        'import px',
        "px.display(px.DataFrame(table='numbers')[['upid', 'time_', 'goid_', 'large']], 'numbers')",
        "px.display(px.DataFrame(table='texts')[['s']].head(4), 'texts')",
        "px.display(px.DataFrame(table='named')[['b']], 'flags')",
        "df = px.DataFrame(table='numbers').head(1)",
        'df.third = df.goid_ / df.goid_ / 4.0',
        "px.display(df[['third']], 'floats')",
        '',
      ].join('\n');
      const before = BigInt(Date.now() - 120_000) * 1_000_000n;
      const answer = await query(script, { encryption });
      expect(answer.error ?? answer.rpc, JSON.stringify(answer)).toBeUndefined();
      const { numbers, texts: shown, flags, floats } = answer.tables!;
      const unsigned = scalars.filter((call) => call.function === 'main.unsigned');
      expect(numbers!.map((row) => row.large)).toEqual(unsigned.map(({ args }) => ({ bytes: String(args.d) })));
      for (const row of numbers!) {
        expect(row.upid).toEqual({ uuid: upid });
        const time = BigInt((row.time_ as { int: string }).int);
        expect(time > before && time < BigInt(Date.now()) * 1_000_000n).toBe(true);
        expect(Number((row.goid_ as { int: string }).int)).toBeGreaterThan(0);
      }
      expect(shown!.map((row) => row.s)).toEqual(texts.slice(0, 4).map(({ args }) => ({ bytes: args.s })));
      expect(flags!.map((row) => row.b)).toEqual(
        scalars.filter((call) => call.function === 'main.named').map(({ args }) => args.b),
      );
      expect(floats).toEqual([{ third: 0.25 }]);
      expect(answer.records).toBe(numbers!.length + shown!.length + flags!.length + 1);
      expect(answer.timed).toBe(true);
    });
  });

  it('a fault in the script: the line with a caret', async () => {
    const answer = await query('import px\ndf = px.DataFrame(table=foo)\n');
    expect(answer.error).toBe('PxLError');
    const [, head, line, caret] = answer.message!.split('\n');
    expect(head).toMatch(/^ {2}PxL, line 2, .*foo/);
    expect(line!.trim()).toBe('df = px.DataFrame(table=foo)');
    expect(caret!.indexOf('^') - 4).toBe('df = px.DataFrame(table='.length);
  });

  it('a script places its probe on the demo, waits until it is armed, and sees the calls after that', async () => {
    const demo = await DemoServer.start();
    const script = probeScript({
      upid: await sonde.upid(demo.pid),
      name: 'compute_e_data',
      function: 'main.computeE',
      columns: { iterations: "ArgExpr('iterations')" },
    });
    expect(await query(script)).toMatchObject({ tables: { output: [] } });
    for (const path of ['/e', '/e?iters=2']) await demo.get(path);
    const { tables } = await query(script);
    expect(tables!.output!.map((row) => row.iterations)).toEqual([{ int: '100' }, { int: '2' }]);
    const wrong = await query(script.replace('main.computeE', 'main.computeX'));
    expect(wrong).toMatchObject({
      error: 'PxLError',
      message: expect.stringMatching(/main\.computeX[\s\S]*main\.computeE/),
    });
    const viewer = await query(script, { token: door.viewer });
    expect(viewer).toMatchObject({
      rpc: 'PERMISSION_DENIED',
      details: expect.stringMatching(/needs the role tracer; token viewer .* has the role viewer/),
    });
  });

  it(`a stream of ${streamRows} rows, whole and in one piece`, async () => {
    await program.ticks(streamRows, burst);
    await expect.poll(ticksListed, { timeout: 20_000 }).toMatchObject({ hits: streamRows, rows: streamRows, drops: 0 });
    const script = "import px\npx.display(px.DataFrame(table='ticks')[['n']], 'out')\n";
    const answer = await ask({ do: 'drain', table: 'out', script });
    expect(answer).toMatchObject({ rows: streamRows });
    expect(answer.sum).toBe((streamRows / burst) * ((burst * (burst - 1)) / 2));
    const again = await ask({ do: 'cancel', table: 'out', script, times: 20, token: await sonde.createToken('hasty') });
    // A token has 16 open calls: had the cancelled ones stayed open, the last would have been refused.
    expect(again).toEqual({ cancelled: 20 });
  });

  describe('the door', () => {
    const script = 'import px\npx.display(px.GetAgentStatus())\n';

    it('without our CA no connection is made', async () => {
      expect(await ask({ do: 'query', script }, { trust: false })).toMatchObject({ rpc: 'UNAVAILABLE' });
    });

    it.each([
      ['a wrong token', async () => 'sonde_wrong', /the token is not known here/],
      ['no token', async () => '', /a token is needed/],
      ['an expired one', async () => sonde.createToken('short', ['--expires', '1ms']), /the token short expired at/],
      [
        'a revoked one',
        async () => {
          const token = await sonde.createToken('former');
          await sonde.revokeToken('former');
          return token;
        },
        /the token former was revoked at/,
      ],
    ])('%s is refused with the reason', async (_, token, reason) => {
      const answer = await ask({ do: 'query', script, token: await token() });
      expect(answer).toMatchObject({ rpc: 'UNAUTHENTICATED', details: expect.stringMatching(reason) });
    });
  });
}
