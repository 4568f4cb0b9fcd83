/** Pixie's Python package, as PyPI has it, against the agent over TLS. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken, openDoor, type TestDoor } from '../testing/door.ts';
import { freePort } from '../testing/free-port.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { shellBlocks } from '../testing/readme.ts';
import { root } from '../testing/root.ts';
import { probeScript, writeProbeScript } from '../testing/script.ts';
import { CallsProgram, DemoServer, type SaidCall } from '../testing/targets.ts';

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

const sonde = new PxEnvironment();
let python: string;
let door: TestDoor;
let program: CallsProgram;
let upid: string;
let scalars: SaidCall[];
let texts: SaidCall[];

beforeAll(async () => {
  const { status, stdout, stderr } = spawnSync(join(root, 'tools', 'pxapi.sh'), { encoding: 'utf8' });
  // Python 3.11 or PyPI is not in reach: stderr says which.
  if (status !== 0) throw new Error(stderr);
  python = stdout.trim();
  door = await openDoor(sonde);
  program = await CallsProgram.start();
  upid = await sonde.upid(program.pid);
  for (const [name, fn, columns] of [
    ['ticks', 'main.tick', { n: "ArgExpr('n')" }],
    ['texts', 'main.text', { s: "ArgExpr('s')" }],
    ['numbers', 'main.unsigned', { large: "ArgExpr('d')" }],
    ['named', 'main.named', { b: "ArgExpr('b')" }],
  ] as const) {
    await sonde.ok(['run', '-f', writeProbeScript(sonde.folder, { upid, name, function: fn, columns })]);
  }
  scalars = await program.said('scalars');
  texts = await program.said('text');
});
afterAll(async () => {
  await sonde.dispose();
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
  const [{ hits, rows, drops }] = (await sonde.rows(['tracepoint', 'list'])).filter(({ name }) => name === 'ticks') as [
    Record<string, unknown>,
  ];
  return { hits, rows, drops };
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
  expect(await ticksListed()).toEqual({ hits: streamRows, rows: streamRows, drops: 0 });
  const script = "import px\npx.display(px.DataFrame(table='ticks')[['n']], 'out')\n";
  const answer = await ask({ do: 'drain', table: 'out', script });
  expect(answer).toMatchObject({ rows: streamRows });
  expect(answer.sum).toBe((streamRows / burst) * ((burst * (burst - 1)) / 2));
  const again = await ask({ do: 'cancel', table: 'out', script, times: 20, token: await createToken(sonde, 'hasty') });
  // A token has 16 open calls: had the cancelled ones stayed open, the last would have been refused.
  expect(again).toEqual({ cancelled: 20 });
});

it('the README’s program prints what the demo was asked for', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const own = new PxEnvironment();
  try {
    const demo = await DemoServer.start();
    const address = `127.0.0.1:${await freePort()}`;
    const here = (text: string) => text.replaceAll('127.0.0.1:50305', address).replaceAll('/run/sonde', own.folder);
    writeFileSync(join(own.folder, 'calls.py'), here(shellBlocks(readme, 'python', 'python').join('')));
    const [open, call] = shellBlocks(readme, 'python').map(here) as [string, string];
    const run = call.replace('python3 ', `${python} ${own.folder}/`).replace('<UPID>', await own.upid(demo.pid));
    const shell = await startProcess('/bin/bash', {
      args: ['-c', `set -eum\npx() { ${own.px} "$@"; }\n${open}\n${run}\necho over\nread again\n${run}`],
      env: own.env,
      cwd: root,
    });
    await shell.waitFor(/^over$/m, 30_000);
    for (const path of ['/e', '/e?iters=2']) await demo.get(path);
    shell.write('go\n');
    await shell.until('its end', () => shell.exit, 30_000);
    expect(shell.exit!.code, shell.stderr).toBe(0);
    const [, , over, ...rows] = shell.lines;
    expect([over, ...rows].map((line) => line?.replace(/ \d+$/, ''))).toEqual(['over', '100', '2']);
  } finally {
    await own.dispose();
  }
});

describe('the door', () => {
  const script = 'import px\npx.display(px.GetAgentStatus())\n';

  it('without our CA no connection is made', async () => {
    expect(await ask({ do: 'query', script }, { trust: false })).toMatchObject({ rpc: 'UNAVAILABLE' });
  });

  it.each([
    ['a wrong token', async () => 'sonde_wrong', /the token is not known here/],
    ['no token', async () => '', /a token is needed/],
    ['an expired one', async () => createToken(sonde, 'short', ['--expires', '1ms']), /the token short expired at/],
    [
      'a revoked one',
      async () => {
        const token = await createToken(sonde, 'former');
        await sonde.ok(['token', 'revoke', 'former']);
        return token;
      },
      /the token former was revoked at/,
    ],
  ])('%s is refused with the reason', async (_, token, reason) => {
    const answer = await ask({ do: 'query', script, token: await token() });
    expect(answer).toMatchObject({ rpc: 'UNAUTHENTICATED', details: expect.stringMatching(reason) });
  });
});
