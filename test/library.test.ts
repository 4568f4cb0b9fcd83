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
