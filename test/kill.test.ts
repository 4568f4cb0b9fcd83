/** Probes go with their owner, whoever is killed and however; the target goes on. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { ProbedCode } from '../testing/probed-code.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

let program: CallsProgram;
let code: ProbedCode;
beforeEach(async () => {
  program = await CallsProgram.start();
  code = await ProbedCode.of(program.pid, await goFixture({ source: 'calls' }), 'main.stillHere');
});
afterEach(async () => {
  await program.process.kill();
});

/** Placed by a script, so that the agent alone holds it. */
async function placeProbe(name: string, fn = 'main.stillHere'): Promise<string> {
  const upid = await sonde.upid(program.pid);
  const file = writeProbeScript(sonde.folder, {
    upid,
    name,
    function: fn,
    columns: { n: "ArgExpr('n')", latency: 'FunctionLatency()' },
  });
  await sonde.ok(['run', '-f', file]);
  return file;
}

/** The quickest of a few rounds of some milliseconds: what else runs on the machine only makes a round slower. */
async function nanosecondsPerCall(): Promise<number> {
  const rounds: number[] = [];
  for (let i = 0; i < 5; i++) {
    const [line] = await program.command('spin 1000000');
    rounds.push(Number(/([\d.]+) ns/.exec(line!)![1]));
  }
  return Math.min(...rounds);
}

describe('the probe goes when px trace', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)('gets %s', async (signal) => {
    const trace = await sonde.trace(program.pid, 'main.stillHere');
    expect(code.breakpoints()).toBeGreaterThan(0);
    await trace.process.kill(signal);
    expect(await code.clean()).toBeLessThan(2_000);
    await program.command('stillHere 1');
  });

  it('writes into a closed pipe', async () => {
    const shell = await startProcess('/bin/bash', {
      args: ['-c', `"$PX" trace ${program.pid} main.stillHere -o json | head -n 1`],
      env: { ...sonde.env, PX: sonde.px },
      ready: /armed/,
      timeoutMs: 20_000,
    });
    for (let i = 0; i < 5; i++) {
      await program.command(`stillHere ${i}`);
      await sleep(50);
    }
    expect((await shell.exited).code).toBe(0);
    expect(shell.lines).toHaveLength(1);
    expect(await code.clean()).toBeLessThan(2_000);
  });

  it('has nobody to read it, also while no call happens', async () => {
    const seen = join(sonde.folder, 'seen');
    const shell = await startProcess('/bin/bash', {
      args: ['-c', `"$PX" trace ${program.pid} main.stillHere -o json | until [ -e "$SEEN" ]; do sleep 0.05; done`],
      env: { ...sonde.env, PX: sonde.px, SEEN: seen },
      ready: /armed/,
      timeoutMs: 20_000,
    });
    writeFileSync(seen, '');
    await shell.exited;
    expect(await code.clean()).toBeLessThan(3_000);
  });
});

describe('the agent', () => {
  it('killed by SIGKILL leaves no breakpoint and a target at full speed; the next px starts a clean agent', async () => {
    const tick = await ProbedCode.of(program.pid, await goFixture({ source: 'calls' }), 'main.tick');
    const before = await nanosecondsPerCall();
    await placeProbe('kill_agent');
    expect(code.breakpoints()).toBeGreaterThan(0);
    const pid = (await sonde.agentPid())!;
    process.kill(pid, 'SIGKILL');
    expect(await code.clean()).toBeLessThan(5_000);
    expect(tick.breakpoints()).toBe(0);
    expect(await nanosecondsPerCall()).toBeLessThan(before * 3 + 5);
    await program.command('stillHere 1');

    expect(await sonde.rows(['tracepoint', 'list'])).toEqual([]);
    expect(await sonde.agentPid()).not.toBe(pid);
    const trace = await sonde.trace(program.pid, 'main.stillHere');
    await program.command('stillHere 2');
    expect(await trace.atLeast(1)).toMatchObject([{ args: { n: 2 } }]);
    await trace.stop();
  });

  it('killed in the middle of px trace: px says so, exit code 3', async () => {
    const trace = await sonde.trace(program.pid, 'main.stillHere');
    process.kill((await sonde.agentPid())!, 'SIGKILL');
    const { code: exitCode, stderr } = await trace.ended();
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/agent/);
    expect(await code.clean()).toBeLessThan(5_000);
  });

  it('stopped says how many rows go', async () => {
    const file = await placeProbe('stopped');
    await program.command('stillHere 1');
    expect(await sonde.rows(['run', '-f', file])).toHaveLength(1);
    const pid = (await sonde.agentPid())!;
    const { stdout, stderr } = await sonde.ok(['agent', 'stop']);
    expect(stdout + stderr).toMatch(/1 tracepoint and 1 row/);
    expect(await code.clean()).toBeLessThan(2_000);
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
    expect((await sonde.run(['agent', 'status'])).code).toBe(3);
  });
});

describe('the target', () => {
  it('killed while traced: rows stay, the tracepoint says why it ended', async () => {
    const file = await placeProbe('killed_target');
    await program.command('stillHere 5');
    expect(await sonde.rows(['run', '-f', file])).toMatchObject([{ n: 5 }]);
    await program.process.kill('SIGKILL');
    await expect
      .poll(async () => (await sonde.rows(['tracepoint', 'list'])).find((one) => one.name === 'killed_target'), {
        timeout: 5_000,
      })
      .toMatchObject({ state: 'TERMINATED', rows: 1, reason: expect.stringMatching(/process|ended|exit/) });
    const shown = await sonde.rows(['run', '-f', '-'], {
      input: "import px\npx.display(px.DataFrame(table='killed_target'))\n",
    });
    expect(shown).toMatchObject([{ n: 5 }]);
  });

  it('killed while px trace shows it: px trace ends and says why', async () => {
    const trace = await sonde.trace(program.pid, 'main.stillHere');
    await program.command('stillHere 6');
    await trace.atLeast(1);
    await program.process.kill('SIGKILL');
    const { calls, stderr } = await trace.ended();
    expect(calls).toMatchObject([{ args: { n: 6 } }]);
    expect(stderr).toMatch(/ended: .*(process|exit)/);
  });

  it('replaces itself by exec: it goes on unharmed, no value is wrong, a new trace works', async () => {
    const trace = await sonde.trace(program.pid, 'main.stillHere');
    await program.command('stillHere 4');
    await trace.atLeast(1);
    program.send('exec');
    await program.process.until(
      'the new image',
      () => program.process.lines.filter((line) => line === 'ready').length === 2,
    );
    await sleep(500);
    await program.command('stillHere 5');
    await sleep(200);
    await trace.process.kill('SIGINT');
    for (const call of trace.calls) expect([4, 5]).toContain(call.args.n);
    const again = await sonde.trace(program.pid, 'main.stillHere');
    await program.command('stillHere 6');
    expect(await again.atLeast(1)).toMatchObject([{ args: { n: 6 } }]);
    await again.stop();
  });
});
