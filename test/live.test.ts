/** `px live` on a terminal, over a program that is traced. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { DemoServer } from '../testing/targets.ts';
import { Tmux } from '../testing/tmux.ts';

describe('px live', () => {
  const sonde = new PxEnvironment({ NO_COLOR: '' });
  let demo: DemoServer;
  let script: string;
  let tmux: Tmux;

  beforeAll(async () => {
    demo = await DemoServer.start();
    script = join(sonde.folder, 'e.pxl');
    writeFileSync(
      script,
      `import px
import pxtrace

@pxtrace.probe('main.computeE')
def probe():
    return [{'iterations': pxtrace.ArgExpr('iterations'), 'latency': pxtrace.FunctionLatency()},
            {'all': pxtrace.Arguments()}]

pxtrace.UpsertTracepoint('live', 'live', probe, px.uint128('${await sonde.upid(demo.pid)}'), '5m')
df = px.DataFrame('live')
px.display(df[['time_', 'goid_', 'iterations', 'latency', 'all']], 'calls')
px.display(df.groupby('iterations').agg(calls=('latency', px.count)), 'sums')
`,
    );
    tmux = new Tmux(
      `${sonde.px} live -f ${script} --every 300ms --local; echo "over: $?"; cat`,
      { width: 100, height: 16 },
      {
        ...sonde.env,
        EDITOR: join(sonde.folder, 'editor'),
      },
    );
  });
  afterAll(async () => {
    tmux?.stop();
    await sonde.dispose();
    await killStarted();
  });

  /** What differs from run to run. */
  const steady = (screen: string) =>
    screen
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/g, '<time>')
      .replace(/\d\d:\d\d:\d\d/g, '<clock>')
      .replace(/[\d.]+ [µnm]s/g, '<length>')
      .replace(/(<time>\s+)\d+/g, '$1<goid>')
      .replace(/[▁▂▃▄▅▆▇█░▒▓]( *[▁▂▃▄▅▆▇█░▒▓])*/g, '<chart>')
      .replace(/ +/g, ' ');

  it('shows rows as calls come, and keeps the row that is looked at', async () => {
    const empty = await tmux.until(/no rows/);
    expect(steady(empty)).toContain('px live');
    for (const iterations of [3, 1, 20]) await demo.get(`/e?iters=${iterations}`);
    const screen = steady(await tmux.until(/1 calls \(3\)/));
    const lines = screen.split('\n');
    expect(lines[0]).toMatch(/^px live e\.pxl 1 calls \(3\) 2 sums \(3\)$/);
    expect(lines[1]).toBe('latency ≤ <length> <chart>');
    expect(lines.slice(2, 6)).toEqual([
      'TIME GOID ITERATIONS LATENCY ALL',
      '<time> <goid> 3 <length> {"iterations":3}',
      '<time> <goid> 1 <length> {"iterations":1}',
      '<time> <goid> 20 <length> {"iterations":20}',
    ]);
    expect(lines.at(-1)).toBe('every <length> <clock> row 1 of 3 ? help q quit');
  });

  it('sorts, filters, and shows a row as JSON', async () => {
    tmux.keys('Right', 'Right', 's');
    const sorted = steady(await tmux.until(/ITERATIONS ▼/));
    expect(
      sorted
        .split('\n')
        .slice(3, 6)
        .map((line) => line.split(' ')[2]),
    ).toEqual(['20', '3', '1']);
    tmux.keys('Enter');
    const row = await tmux.until(/"iterations": 20,/);
    expect(row).toMatch(/"all": \{\n\s+"iterations": 20\n/);
    tmux.keys('Escape');
    await tmux.until(/ITERATIONS ▼/);
    tmux.keys('/', 'iterations<5');
    expect(await tmux.until(/\/iterations<5/)).not.toContain('"iterations":20');
    tmux.keys('Enter');
    expect(await tmux.until(/row 1 of 2/)).toContain('/iterations<5');
    tmux.keys('Escape');
    await tmux.until(/row 1 of 3/);
  });

  it('has a tab for each table, a heat map, help, and fits another size of the terminal', async () => {
    tmux.keys('Tab');
    const sums = await tmux.until(/CALLS/);
    expect(steady(sums)).not.toContain('latency');
    tmux.keys('1', 'c');
    expect(await tmux.until(/latency ≥ /)).toMatch(/[░▒▓█]/);
    tmux.keys('?');
    await tmux.until(/the row as JSON; Esc back/);
    tmux.keys('Escape');
    await tmux.until(/ITERATIONS/);
    expect(tmux.colours()).toContain('\x1b[7m');
    tmux.resize(60, 20);
    const narrow = await tmux.until(/^.{1,60}\n[\s\S]*q quit$/);
    expect(narrow.split('\n').every((line) => line.length <= 60)).toBe(true);
    tmux.resize(100, 16);
    await tmux.until(/ALL/);
  });

  it('edits the script and runs it again; a fault is told and the rows stay', async () => {
    const editor = join(sonde.folder, 'editor');
    writeFileSync(editor, `#!/bin/sh\nsed -i "s/'sums')/'by_iterations')/" "$1"\n`);
    chmodSync(editor, 0o755);
    tmux.keys('e');
    await tmux.until(/2 by_iterations \(3\)/);
    writeFileSync(editor, `#!/bin/sh\nsed -i "s/'goid_'/'goit_'/" "$1"\n`);
    tmux.keys('e');
    const broken = await tmux.until(/✕/);
    expect(broken).toContain("Column 'goit_' not found");
    expect(broken).toContain('2 by_iterations (3)');
    tmux.keys('!');
    expect(await tmux.until(/did you mean/)).toContain('`goid_`');
    expect(readFileSync(script, 'utf8')).toContain('goit_');
  });

  it('gives the terminal back', async () => {
    tmux.keys('Escape', 'q');
    const after = await tmux.until(/over: 0/);
    expect(after).not.toContain('px live');
    const { code, stderr } = await sonde.run(['live', '-f', script]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('px live wants a terminal')]);
  });
});
