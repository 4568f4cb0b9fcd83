/** The story, as a user would type it, against the demo server built by several Go versions. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goVersion } from '../testing/go-toolchain.ts';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { root } from '../testing/root.ts';
import { printedTables } from '../testing/table.ts';
import { CallsProgram, DemoServer, toolchains } from '../testing/targets.ts';

const script = join(root, 'examples', 'simple-gotracing', 'capture_args.pxl');
const rfc3339WithOffset = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const readableDuration = /^\d+(\.\d+)? (ns|µs|ms|s)$/;

// The newest, and the two steps of the register ABI before it.
describe.each(toolchains('local', 'go1.21.13', 'go1.17.13'))('the demo built by %s', (toolchain) => {
  const sonde = new PxEnvironment();
  let demo: DemoServer;
  let upid: string;

  beforeAll(async () => {
    demo = await DemoServer.start({ toolchain });
    upid = await sonde.upid(demo.pid);
  });
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  it('answers as the demo should', async () => {
    expect(await demo.get('/e')).toBe('e = 2.7183\n');
    expect(await demo.get('/e?iters=2')).toBe('e = 2.0000\n');
    expect((await fetch(`${demo.url}/e?iters=x`)).status).toBe(400);
    expect((await fetch(`${demo.url}/e`, { method: 'POST' })).status).toBe(405);
  });

  it('is in px run px/upids, and in px ps with its Go version', async () => {
    const { stdout } = await sonde.ok(['run', 'px/upids']);
    const pid = demo.pid.toString(16).padStart(8, '0');
    const found = new RegExp(`[0-9a-f]{8}-${pid.slice(0, 4)}-${pid.slice(4)}-[0-9a-f]{4}-[0-9a-f]{12}`).exec(stdout);
    expect(found, stdout).not.toBeNull();
    expect(found![0]).toBe(upid);
    const processes = await sonde.rows(['ps']);
    expect(processes).toContainEqual(
      expect.objectContaining({
        pid: demo.pid,
        upid,
        go_version: await goVersion(toolchain),
        symbols: true,
        debug_info: true,
      }),
    );
  });

  it('px run places the probe, then shows a row a call, then duplicates nothing', async () => {
    const copy = join(sonde.folder, 'capture_args.pxl');
    writeFileSync(copy, readFileSync(script, 'utf8').replace('replace-me-with-the-upid', upid));

    const first = await sonde.ok(['run', '-f', copy]);
    expect(first.stderr).toBe(' ✔    Preparing schema\n ✔    Deploying compute_e_data\n');
    expect(first.stdout).toMatch(/^Table ID: output\n\s*CLUSTERID\s+UPID\s+TIME\s+GOID\s+ITERATIONS\s+LATENCY\n$/);

    for (const query of ['', '?iters=2', '?iters=200']) await demo.get(`/e${query}`);
    const second = await sonde.ok(['run', '-f', copy]);
    const [table] = printedTables(second.stdout);
    expect(table!.header).toEqual(['CLUSTERID', 'UPID', 'TIME', 'GOID', 'ITERATIONS', 'LATENCY']);
    expect(table!.rows.map((row) => row[4])).toEqual(['100', '2', '200']);
    for (const [cluster, id, time, goid, , latency] of table!.rows) {
      expect(cluster).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(id).toBe(upid);
      expect(time).toMatch(rfc3339WithOffset);
      expect(Math.abs(Date.parse(time!) - Date.now())).toBeLessThan(60_000);
      expect(Number(goid)).toBeGreaterThan(0);
      expect(latency).toMatch(readableDuration);
    }

    const third = await sonde.ok(['run', '-f', copy]);
    expect(printedTables(third.stdout)[0]!.rows).toEqual(table!.rows);
    const tracepoints = await sonde.rows(['tracepoint', 'list']);
    expect(tracepoints).toHaveLength(1);
    expect(tracepoints[0]).toMatchObject({
      name: 'compute_e_data',
      state: 'RUNNING',
      table: 'compute_e_data',
      hits: 3,
      rows: 3,
      drops: 0,
    });
  });

  it('takes the UPID behind -- instead, and lists what can be given', async () => {
    const help = await sonde.ok(['run', '-f', script, '--', '--help']);
    expect(help.stdout).toMatch(/--upid/);
    const { stdout } = await sonde.ok(['run', '-f', script, '--', '--upid', upid]);
    expect(printedTables(stdout)[0]!.rows.map((row) => row[4])).toEqual(['100', '2', '200']);
  });

  it('prints json and csv without surprises', async () => {
    const rows = await sonde.rows(['run', '-f', script, '--', '--upid', upid]);
    expect(rows).toHaveLength(3);
    expect(Object.keys(rows[0]!)).toEqual(['_tableName_', 'upid', 'time_', 'goid_', 'iterations', 'latency']);
    expect(rows[0]).toMatchObject({ _tableName_: 'output', upid, iterations: 100, latency: expect.any(Number) });
    const csv = (await sonde.ok(['run', '-f', script, '-o', 'csv', '--', '--upid', upid])).stdout.trimEnd().split('\n');
    expect(csv[0]).toBe('table_id,upid,time_,goid_,iterations,latency');
    expect(csv.slice(1).map((line) => line.split(',')[4])).toEqual(['100', '2', '200']);
  });

  it.each([
    ['pid', () => String(demo.pid)],
    ['UPID', () => upid],
  ])('px trace by %s prints calls as they happen and ends with the counts', async (_, target) => {
    const trace = await sonde.trace(target(), 'main.computeE');
    await demo.get('/e?iters=7');
    const [call] = await trace.atLeast(1);
    expect(Object.keys(call!)).toEqual([
      'time',
      'upid',
      'goid',
      'function',
      'args',
      'results',
      'latency_ns',
      'outcome',
      ...('notes' in call! ? ['notes'] : []),
    ]);
    expect(call).toMatchObject({ upid, function: 'main.computeE', args: { iterations: 7 }, outcome: 'returned' });
    expect(call!.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(call!.latency_ns).toBeGreaterThan(0);
    const { code, stderr, calls } = await trace.stop();
    expect(code).toBe(0);
    expect(calls).toHaveLength(1);
    expect(stderr).toMatch(/1 call, 1 row, 0 drops/);
  });

  it('px trace --count and --for end by themselves', async () => {
    const counted = await sonde.trace(demo.pid, 'main.computeE', ['--count', '2']);
    await Promise.all([demo.get('/e?iters=3'), demo.get('/e?iters=3')]);
    expect(await counted.ended()).toMatchObject({
      code: 0,
      calls: [{ args: { iterations: 3 } }, { args: { iterations: 3 } }],
    });
    const timed = await sonde.trace(demo.pid, 'main.computeE', ['--for', '300ms']);
    expect(await timed.ended()).toMatchObject({ code: 0, calls: [] });
  });

  it('px trace for people says the call in one line', async () => {
    const trace = await sonde.start(['trace', String(demo.pid), 'main.computeE', '--count', '1'], { ready: /armed/ });
    await demo.get('/e?iters=11');
    expect((await trace.exited).code).toBe(0);
    expect(trace.stdout).toMatch(/goid \d+ {2}main\.computeE\(iterations=11\)/);
  });

  it('px funcs shows the signature and the place', async () => {
    const functions = await sonde.rows(['funcs', String(demo.pid), 'main.computeE']);
    expect(functions).toHaveLength(1);
    expect(JSON.stringify(functions[0])).toMatch(/main\.computeE/);
    // Debug info of Go 1.17 has no results.
    expect(functions[0]!.signature).toMatch(
      toolchain === 'go1.17.13' ? /^func\(iterations int64\)/ : /^func\(iterations int64\) float64$/,
    );
    expect(JSON.stringify(functions[0])).toMatch(/app\.go/);
  });

  it('px tracepoint delete takes the probe away; the rows stay', async () => {
    await sonde.ok(['tracepoint', 'delete', 'compute_e_data']);
    const left = await sonde.rows(['tracepoint', 'list']);
    expect(left.filter((tracepoint) => tracepoint.state === 'RUNNING')).toEqual([]);
    expect((await sonde.run(['tracepoint', 'delete', 'compute_e_data'])).code).toBe(1);
  });
});

describe('several processes of one name', () => {
  const sonde = new PxEnvironment();
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  it('are all traced, and px says how many', async () => {
    const name = `calls-${process.pid}`;
    const programs = [await CallsProgram.start({}, name), await CallsProgram.start({}, name)];
    const bystander = await CallsProgram.start({}, `${name}-other`);
    const trace = await sonde.trace(name, 'main.stillHere');
    expect(trace.process.stderr).toMatch(/2 processes/);
    for (const [i, program] of programs.entries()) await program.command(`stillHere ${i}`);
    await bystander.command('stillHere 9');
    const calls = await trace.atLeast(2);
    await trace.stop();
    expect(calls.map((call) => call.args.n).sort()).toEqual([0, 1]);
    expect(new Set(calls.map((call) => call.upid)).size).toBe(2);
  });

  it('do not see calls of another process that runs the same file', async () => {
    const [one, other] = [await CallsProgram.start(), await CallsProgram.start()];
    const trace = await sonde.trace(one!.pid, 'main.stillHere');
    await other!.command('stillHere 1');
    await one!.command('stillHere 2');
    await other!.command('stillHere 3');
    await trace.atLeast(1);
    const { calls, stderr } = await trace.stop();
    expect(calls.map((call) => call.args)).toEqual([{ n: 2 }]);
    expect(stderr).toMatch(/1 call, 1 row, 0 drops/);
  });
});
