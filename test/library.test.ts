/** The bundled scripts on a real program, and PxL on rows that its calls have made. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { DemoServer } from '../testing/targets.ts';

describe('the library', () => {
  const sonde = new PxEnvironment();
  let demo: DemoServer;
  let target: string[];

  beforeAll(async () => {
    demo = await DemoServer.start();
    target = ['--', '--upid', await sonde.upid(demo.pid), '--function', 'main.computeE'];
  });
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  /** The rows of one output of a run. */
  async function rows(args: readonly string[], table: string): Promise<Record<string, unknown>[]> {
    return (await sonde.rows(args)).filter((row) => row._tableName_ === table);
  }

  it('px/go_trace shows every call, the latest first', async () => {
    expect(await sonde.rows(['run', 'px/go_trace', ...target])).toEqual([]);
    for (const iterations of [1, 2, 3]) await demo.get(`/e?iters=${iterations}`);
    const calls = await sonde.rows(['run', 'px/go_trace', ...target]);
    expect(calls.map(({ arguments: given, outcome }) => [given, outcome])).toEqual([
      ['{"iterations":3}', 'returned'],
      ['{"iterations":2}', 'returned'],
      ['{"iterations":1}', 'returned'],
    ]);
  });

  it('px/go_latency counts the same calls in pieces of time, in buckets, and by length', async () => {
    await sonde.ok(['run', 'px/go_latency', ...target]);
    for (let i = 0; i < 5; i++) await demo.get('/e?iters=1');
    const sum = (all: Record<string, unknown>[]) => all.reduce((calls, row) => calls + Number(row.calls), 0);
    expect(sum(await rows(['run', 'px/go_latency', ...target], 'over_time'))).toBe(5);
    expect(sum(await rows(['run', 'px/go_latency', ...target], 'histogram'))).toBe(5);
    const slowest = (await rows(['run', 'px/go_latency', ...target], 'slowest')).map((row) => Number(row.latency));
    expect(slowest).toHaveLength(5);
    expect(slowest).toEqual([...slowest].sort((a, b) => b - a));
  });

  it('px/go_heavy and px/go_errors trace several functions', async () => {
    const upid = target[2]!;
    const heavy = ['run', 'px/go_heavy', '--', '--upid', upid, '--functions', 'main.computeE, main.handle*'];
    const errors = ['run', 'px/go_errors', '--', '--upid', upid, '--functions', 'strconv.ParseInt,main.computeE'];
    await sonde.ok(heavy);
    await sonde.ok(errors);
    for (const iterations of ['5', 'many', '6', 'a"b']) await demo.get(`/e?iters=${encodeURIComponent(iterations)}`);
    expect(await sonde.rows(heavy)).toMatchObject([
      { function: 'main.handleE', calls: 4 },
      { function: 'main.computeE', calls: 2 },
    ]);
    expect(
      (await rows(errors, 'errors')).map(({ function: name, error, arguments: given }) => [name, error, given]),
    ).toEqual([
      ['strconv.ParseInt', 'strconv.ParseInt: parsing "a\\"b": invalid syntax', '{"s":"a\\"b","base":10,"bitSize":64}'],
      ['strconv.ParseInt', 'strconv.ParseInt: parsing "many": invalid syntax', '{"s":"many","base":10,"bitSize":64}'],
    ]);
    expect(await rows(errors, 'texts')).toHaveLength(2);
    expect(await rows(errors, 'functions_by_errors')).toMatchObject([
      { function: 'strconv.ParseInt', calls: 4, errors: 2, share: 0.5 },
      { function: 'main.computeE', calls: 2, errors: 0, share: 0 },
    ]);
  });

  it('px/go_calls counts by caller, in the kernel', async () => {
    const calls = ['run', 'px/go_calls', '--', '--upid', target[2]!, '--functions', 'main.compute*'];
    await sonde.ok(calls);
    for (let i = 0; i < 7; i++) await demo.get('/e?iters=3');
    const callers = await rows(calls, 'callers');
    expect(callers).toMatchObject([
      { function: 'main.computeE', caller: expect.stringMatching(/^main\.handleE .*app\.go:\d+$/), calls: 7 },
    ]);
    expect(Number(callers[0]!.longest)).toBeGreaterThanOrEqual(Number(callers[0]!.mean));
    const seconds = await rows(calls, 'by_second');
    expect(seconds.reduce((sum, { calls: count }) => sum + Number(count), 0)).toBe(7);
  });

  it('px/go_functions and px/goroutines look into the process without tracing it', async () => {
    const upid = target[2]!;
    const functions = await rows(['run', 'px/go_functions', '--', '--upid', upid], 'functions');
    expect(functions).toContainEqual(
      expect.objectContaining({ function: 'main.computeE', signature: 'func(iterations int64) float64', line: 27 }),
    );
    const places = await rows(['run', 'px/goroutines', '--', '--upid', upid], 'places');
    expect(places).toContainEqual({
      _tableName_: 'places',
      goroutines: 1,
      state: 'waiting',
      function: 'internal/poll.runtime_pollWait',
      started: 'runtime.main',
    });
    const serving = await rows(
      ['run', 'px/goroutines', '--', '--upid', upid, '--match', 'main.main'],
      'all_goroutines',
    );
    expect(serving).toMatchObject([{ goid: 1, stack: expect.stringContaining('"main.main","runtime.main"') }]);
    const gone = await sonde.run(['run', 'px/goroutines', '--', '--upid', '00000001-0000-0001-0000-000000000001']);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('is not of this machine')]);
  });

  it('stream() prints rows as they arrive, until Ctrl-C', async () => {
    const file = join(sonde.folder, 'stream.pxl');
    writeFileSync(
      file,
      `import px
import pxtrace

@pxtrace.probe('main.computeE')
def probe():
    return [{'n': pxtrace.ArgExpr('iterations')}]

pxtrace.UpsertTracepoint('streamed', 'streamed', probe, px.uint128('${target[2]}'), '5m')
df = px.DataFrame('streamed').stream()
px.display(df[df.n > 5][['n']])
`,
    );
    const run = await sonde.start(['run', '-f', file], { ready: /Deploying streamed/ });
    for (const iterations of [6, 1, 7]) await demo.get(`/e?iters=${iterations}`);
    await run.until('two rows', () => /^\S+ {2}6\n\S+ {2}7\n/m.test(run.stdout));
    await demo.get('/e?iters=8');
    await run.until('a third', () => /^\S+ {2}7\n\S+ {2}8\n/m.test(run.stdout));
    expect((await run.kill('SIGINT')).code).toBe(0);
    expect(run.stdout.split('\n')[0]).toBe('Table ID: output');
  });

  it('the others tell of the agent, of processes and of functions', async () => {
    expect(await sonde.rows(['run', 'px/agent_status'])).toMatchObject([{ agent_state: 'AGENT_STATE_HEALTHY' }]);
    const programs = await rows(['run', 'px/go_processes'], 'programs');
    expect(programs.map((row) => row.module)).toContain('gotracing');
    expect(await rows(['run', 'px/funcs', '--', '--match', 'normalize_my'], 'row_functions')).toMatchObject([
      { name: 'normalize_mysql', return_type: 'STRING', args: '["STRING","INT64"]' },
    ]);
    expect(await sonde.rows(['run', 'px/tracepoint_errors'])).toEqual([]);
  });

  it('a script over a table of Pixie’s collector has no rows, and px says so', async () => {
    const file = join(sonde.folder, 'http.pxl');
    writeFileSync(
      file,
      "import px\ndf = px.DataFrame('http_events', start_time='-5m')\npx.display(df.groupby('req_path').agg())\n",
    );
    const { stdout, stderr } = await sonde.ok(['run', '-f', file, '-o', 'json']);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      "note: http_events is of Pixie's own collector, which Sonde does not have: it has no rows here\n",
    );
  });

  it('PxL knows the command line of a process, and calls what is no SQL', async () => {
    const file = join(sonde.folder, 'processes.pxl');
    writeFileSync(
      file,
      `import px
df = px.GetGoProcesses()
df = df[df.pid == ${demo.pid}]
df.command = df.ctx['cmdline']
df.query = px.pluck(px.normalize_mysql(f"SELECT * FROM p WHERE id = {df.pid}", 3), 'query')
px.display(df[['command', 'query']])
`,
    );
    const [row] = await sonde.rows(['run', '-f', file]);
    expect(row).toMatchObject({ query: 'SELECT * FROM p WHERE id = ?' });
    expect(row!.command).toContain('-port 0');
  });
});
