/** Several px at once, times to live, budgets, the agent's own life. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { ProbedCode } from '../testing/probed-code.ts';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
let program: CallsProgram;
beforeAll(async () => {
  program = await CallsProgram.start();
});
afterEach(async () => {
  for (const { name } of await sonde.rows<{ name: string }>(['tracepoint', 'list']))
    await sonde.run(['tracepoint', 'delete', name]);
});
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly hits: number;
  readonly [column: string]: unknown;
}

async function listed(name: string): Promise<Listed | undefined> {
  return (await sonde.rows<Listed>(['tracepoint', 'list'])).find((one) => one.name === name);
}

const latency = { n: "ArgExpr('n')", latency: 'FunctionLatency()' };

it('ten px at once without an agent: one agent, one tracepoint, ten answers', async () => {
  const fresh = new PxEnvironment();
  try {
    const upid = await sonde.upid(program.pid);
    const file = writeProbeScript(fresh.folder, { upid, name: 'ten', function: 'main.stillHere', columns: latency });
    const results = await Promise.all(Array.from({ length: 10 }, () => fresh.run(['run', '-f', file])));
    expect(results.map((result) => `${result.code} ${result.stderr}`)).toEqual(
      Array(10).fill('0  ✔    Preparing schema\n ✔    Deploying ten\n'),
    );
    expect(await fresh.rows(['tracepoint', 'list'])).toMatchObject([{ name: 'ten', state: 'RUNNING' }]);
    const agent = await fresh.agentPid();
    await expect.poll(() => fresh.processes(), { timeout: 5_000 }).toEqual([agent]);
    await program.command('stillHere 1');
    expect(await fresh.rows(['run', '-f', file])).toHaveLength(1);
  } finally {
    await fresh.dispose();
  }
});

it('the same script renews the TTL; a changed one replaces the probes at once', async () => {
  const upid = await sonde.upid(program.pid);
  const ttl = async () => {
    const row = (await listed('renewed'))!;
    const column = Object.keys(row).find((name) => name.startsWith('ttl'))!;
    return Number(row[column]);
  };
  const script = { upid, name: 'renewed', function: 'main.stillHere', columns: latency, ttl: '1h30m' };
  const file = writeProbeScript(sonde.folder, script);
  await sonde.ok(['run', '-f', file]);
  const first = await ttl();
  expect(first).toBeGreaterThan(89 * 60e9);
  expect(first).toBeLessThanOrEqual(90 * 60e9);
  await sleep(1_200);
  const lower = await ttl();
  expect(lower).toBeLessThan(first);
  await sonde.ok(['run', '-f', file]);
  expect(await ttl()).toBeGreaterThan(lower);
  await program.command('stillHere 3');
  expect(await sonde.rows(['run', '-f', file])).toMatchObject([{ n: 3 }]);

  const changed = writeProbeScript(sonde.folder, { ...script, columns: { m: "ArgExpr('n')" } });
  await sonde.ok(['run', '-f', changed]);
  await program.command('stillHere 4');
  const rows = await sonde.rows(['run', '-f', changed]);
  expect(rows).toMatchObject([{ m: 4 }]);
  expect(rows[0]).not.toHaveProperty('latency');
});

it('a tracepoint ends with its TTL and its probe goes', async () => {
  const upid = await sonde.upid(program.pid);
  const code = await ProbedCode.of(program.pid, await goFixture({ source: 'calls' }), 'main.stillHere');
  await sonde.ok([
    'run',
    '-f',
    writeProbeScript(sonde.folder, { upid, name: 'short', function: 'main.stillHere', columns: latency, ttl: '2s' }),
  ]);
  expect(code.breakpoints()).toBeGreaterThan(0);
  expect(await code.clean()).toBeLessThan(4_000);
  expect(await listed('short')).toMatchObject({
    state: 'TERMINATED',
    reason: expect.stringMatching(/time to live|TTL/i),
  });
});

it('px trace of runtime.mallocgc is taken off soon, with the numbers', async () => {
  const busy = await CallsProgram.urgent();
  const code = await ProbedCode.of(busy.pid, await goFixture({ source: 'calls' }), 'runtime.mallocgc');
  const trace = await sonde.trace(busy.pid, 'runtime.mallocgc');
  busy.send('allocate 3000');
  // About a second from passing the limit; where more wants to run than there are CPUs, timers are late.
  expect(await code.clean(10_000)).toBeLessThan(Number.POSITIVE_INFINITY);
  const { code: exitCode, stderr } = await trace.ended();
  expect(exitCode).toBe(4);
  expect(stderr).toMatch(/ended: .*\d+ calls a second.*CPU \(budget 5 %\)\. What would fit: .*--no-budget/);
  await busy.process.until('the end of allocate', () => busy.process.lines.includes('ok allocate 3000'), 20_000);
});

it('a tracepoint that costs too much is FAILED with the numbers; run again, it is tried again', async () => {
  const busy = await CallsProgram.urgent();
  const upid = await sonde.upid(busy.pid);
  const file = writeProbeScript(sonde.folder, { upid, name: 'costly', function: 'main.tick', columns: latency });
  await sonde.ok(['run', '-f', file]);
  busy.send('storm 3000');
  await expect.poll(async () => (await listed('costly'))!.state, { timeout: 6_000, interval: 100 }).toBe('FAILED');
  expect((await listed('costly'))!.reason).toMatch(/\d+ calls a second/);
  await busy.process.until('the end of storm', () => busy.process.lines.includes('ok storm 3000'), 60_000);
  await sonde.ok(['run', '-f', file]);
  expect(await listed('costly')).toMatchObject({ state: 'RUNNING' });
});

it('functions by a pattern that would cost too much are refused after counting, with the numbers and the way to insist', async () => {
  const busy = await CallsProgram.start();
  const code = await ProbedCode.of(busy.pid, await goFixture({ source: 'calls' }), 'main.tick');
  busy.send('storm 30000');
  const refused = await sonde.run(['trace', String(busy.pid), 're:^main\\.', '--for', '3s']);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(
    /not traced, because it would cost too much: \d+ calls a second of .*functions, counted for \d+ ms, would be \d+ % of one CPU \(budget 5 %\)\. Most of it: main\.tick \(\d+\/s\).*--no-budget/,
  );
  expect(code.breakpoints()).toBe(0);
  await busy.process.kill();
});

it('a probe with arguments alone emits at the entry: the call need not return', async () => {
  const upid = await sonde.upid(program.pid);
  const file = writeProbeScript(sonde.folder, {
    upid,
    name: 'entries',
    function: 'main.hangs',
    columns: { id: "ArgExpr('id')" },
  });
  await sonde.ok(['run', '-f', file]);
  await program.command('hang 2');
  await expect
    .poll(async () => (await sonde.rows<{ id: number }>(['run', '-f', file])).map((row) => row.id).sort())
    .toEqual([0, 1]);
  await program.command('release');
});

it('queries run while rows come in', async () => {
  const upid = await sonde.upid(program.pid);
  const file = writeProbeScript(sonde.folder, {
    upid,
    name: 'busy',
    function: 'main.work',
    columns: { call: "ArgExpr('call')" },
  });
  await sonde.ok(['run', '-f', file]);
  program.send('spread 10 1000 20');
  const count = "import px\ndf = px.DataFrame(table='busy')\ndf = df.agg(n=('call', px.count))\npx.display(df)\n";
  let last = 0;
  for (let i = 0; i < 5; i++) {
    const [row] = await sonde.rows<{ n: number }>(['run', '-f', '-'], { input: count });
    expect(row!.n).toBeGreaterThanOrEqual(last);
    last = row!.n;
  }
  await program.process.until(
    'the end of spread',
    () => program.process.lines.includes('ok spread 10 1000 20'),
    60_000,
  );
  await expect
    .poll(async () => (await sonde.rows<{ n: number }>(['run', '-f', '-'], { input: count }))[0]!.n)
    .toBe(10_000);
});

it('the agent that nobody needs ends by itself', async () => {
  const fresh = new PxEnvironment({ SONDE_IDLE: '3s' });
  try {
    await fresh.ok(['ps']);
    const pid = (await fresh.agentPid())!;
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
    expect((await fresh.run(['agent', 'status'])).code).toBe(3);
    await fresh.ok(['ps']);
  } finally {
    await fresh.dispose();
  }
});
