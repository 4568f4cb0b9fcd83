/** `px lsp` with an editor's library, beside an agent and a program. */
import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LspClient } from '../testing/lsp.ts';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { DemoServer } from '../testing/targets.ts';

const uri = 'file:///tmp/sonde-lsp-test/script.pxl';
const probe = (upid: string, lines: string) => `import px
import pxtrace

@pxtrace.probe('main.computeE')
def probe():
    return [{'n': pxtrace.ArgExpr('iterations'), 'latency': pxtrace.FunctionLatency()}]

pxtrace.UpsertTracepoint('lsp', 'lsp_calls', probe, px.uint128('${upid}'), '5m')
${lines}`;

describe('px lsp', () => {
  const sonde = new PxEnvironment();
  let demo: DemoServer;
  let upid: string;
  let editor: LspClient;

  beforeAll(async () => {
    demo = await DemoServer.start();
    upid = await sonde.upid(demo.pid);
    editor = await LspClient.start(sonde);
  });
  afterAll(async () => {
    expect(await editor.stop()).toBe(0);
    await sonde.dispose();
    await killStarted();
  });

  it('tells faults as they are typed, with id, place and suggestion', async () => {
    expect(await editor.open(uri, "import px\ndf = px.DataFrame('http_events')\npx.display(df)\n")).toEqual([]);
    const [fault, ...more] = await editor.change(uri, "import px\ndf = px.DataFrame('http_evnts')\npx.display(df)\n");
    expect(more).toEqual([]);
    expect(fault).toMatchObject({ place: '1:18', id: 'pxl.unknown-table' });
    expect(fault!.message).toContain('did you mean `http_events`?');
    expect((await editor.change(uri, 'import px\npx.display(\n'))[0]).toMatchObject({ id: 'pxl.syntax' });
  });

  it('completes columns and methods, also in a script that is not finished', async () => {
    const script =
      "import px\ndf = px.DataFrame('http_events')\ndf = df.groupby('req_path').agg(calls=('latency', px.count))\n";
    const after = await editor.complete(uri, `${script}px.display(df.|`);
    expect([...after.keys()].slice(0, 2)).toEqual(['req_path', 'calls']);
    expect(after.get('calls')).toBe('INT64');
    expect(after.get('head')).toBe('df.head(n=5)');
    expect((await editor.complete(uri, `${script}df = df[df['|\npx.display(df)\n`)).get('req_path')).toBe('STRING');
    expect((await editor.complete(uri, `${script}df.pod = df.ctx['|']\n`)).has('pod')).toBe(true);
    expect([...(await editor.complete(uri, `${script}df = df.groupby(['|'])\n`)).keys()]).toEqual([
      'req_path',
      'calls',
    ]);
    const inFunction = await editor.complete(
      uri,
      "import px\ndef f(start: str):\n    df = px.DataFrame('dns_events', start_time=start)\n    df.|\n    return df\n",
    );
    expect(inFunction.get('latency')).toBe('INT64 ST_DURATION_NS');
  });

  it('completes modules, tables and names', async () => {
    const px = await editor.complete(uri, 'import px\npx.|\n');
    expect(px.get('pluck')).toBe('px.pluck(json: STRING, key: STRING)');
    expect(px.get('DataFrame')).toBe('px.DataFrame(table, select=[], start_time=None, end_time=None)');
    expect((await editor.complete(uri, 'import pxtrace\npxtrace.|')).has('UpsertTracepoint')).toBe(true);
    const tables = await editor.complete(uri, probe(upid, "df = px.DataFrame('|')\n"));
    expect([tables.has('http_events'), tables.has('lsp_calls')]).toEqual([true, true]);
    expect((await editor.complete(uri, 'import px\nlimit = 5\nli|\n')).has('limit')).toBe(true);
    expect([...(await editor.complete(uri, 'import |\n')).keys()]).toEqual(['px', 'pxtrace', 'pxviews']);
    expect((await editor.complete(uri, '# import px|\n')).size).toBe(0);
  });

  it('knows the functions of the running binary, their parameters and results', async () => {
    const functions = await editor.complete(uri, probe(upid, '').replace("'main.computeE'", "'main.comp|'"));
    expect(functions.get('main.computeE')).toBe('func(iterations int64) float64');
    const names = await editor.complete(uri, probe(upid, '').replace("'iterations'", "'|'"));
    expect([...names]).toEqual([['iterations', 'int64']]);
    const handler = probe(upid, '').replace('main.computeE', 'main.handleE');
    const fields = await editor.complete(uri, handler.replace("'iterations'", "'len(r.|'"));
    expect([fields.get('Method'), fields.get('URL')]).toEqual(['string', '*url.URL']);
    expect((await editor.complete(uri, handler.replace("'iterations'", "'r.URL.Pa|'"))).get('Path')).toBe('string');
    const condition = handler.replace("'main.handleE'", "'main.handleE', when='r.Method == \"GET\" && r.Header.|'");
    expect([...(await editor.complete(uri, condition))]).toEqual([]);
    expect([...(await editor.complete(uri, condition.replace('r.Header.|', '|'))).keys()]).toEqual(['w', 'r']);
    const results = await editor.complete(uri, probe(upid, '').replace("ArgExpr('iterations')", "RetExpr('|')"));
    expect([...results]).toEqual([['$0', 'float64']]);
    // Of the processes that the script names, whatever else runs on the machine.
    const executable = readlinkSync(`/proc/${demo.pid}/exe`);
    const named = probe(upid, '').replace(/px\.uint128\(.*?\)/, `pxtrace.Process(executable='${executable}')`);
    const ofNamed = await editor.complete(uri, named.replace("'main.computeE'", "'main.|'"));
    expect([...ofNamed.keys()].filter((each) => each.startsWith('main.'))).toContain('main.computeE');
    expect(ofNamed.has('main.lookupCmd')).toBe(false);
  });

  it('knows the columns of a tracepoint’s table: before it runs by the script, then by the agent', async () => {
    const script = probe(upid, "df = px.DataFrame('lsp_calls')\npx.display(df)\n");
    const before = await editor.hover(uri, script.replace('display(df', 'display(d|f'));
    expect(before).toContain('latency: INT64 ST_DURATION_NS');
    await sonde.ok(['run', '-f', '-'], { input: script });
    const known = await LspClient.start(sonde);
    await known.open(uri, '');
    const after = await known.hover(uri, "import px\ndf = px.DataFrame('lsp_calls')\npx.display(df.|n)\n");
    expect(after).toBe('n: INT64');
    expect(await known.change(uri, "import px\npx.display(px.DataFrame('lsp_calls'))\n")).toEqual([]);
    expect(await known.stop()).toBe(0);
  });

  it('tells which parameter comes next', async () => {
    const script =
      "import px\ndf = px.DataFrame('http_events')\ndef f(a, b=2):\n    ''' what it is for '''\n    return a\n";
    const frame = 'px.DataFrame(table, select=[], start_time=None, end_time=None)';
    const at = (line: string) => editor.signature(uri, `${script}${line}`);
    expect(await at("d = px.DataFrame('http_events', |")).toEqual({ form: frame, parameter: 'select=[]' });
    expect(await at("d = px.DataFrame('http_events', end_time=|)")).toEqual({
      form: frame,
      parameter: 'end_time=None',
    });
    expect(await at('df.x = px.pluck(df.req_body, |)\n')).toMatchObject({ parameter: 'key: STRING' });
    expect(await at('df.x = px.bin(df.time_, px.seconds(|')).toMatchObject({ form: 'px.seconds(unit)' });
    expect(await at('df = df.head(|')).toEqual({ form: 'df.head(n=5)', parameter: 'n=5' });
    expect(await at('f(1, |)')).toEqual({ form: 'f(a, b)', parameter: 'b' });
    expect(await at('x = |1')).toBeUndefined();
  });

  it('tells types when pointed at, and lays out', async () => {
    const script = "import px\nwindow = px.seconds(5)\ndf = px.DataFrame('http_events')\npx.display(df)\n";
    expect(await editor.hover(uri, script.replace('window', 'win|dow'))).toBe('INT64 ST_DURATION_NS = 5000000000');
    expect(await editor.hover(uri, script.replace('px.DataFrame', 'px.Data|Frame'))).toContain('px.DataFrame(table,');
    const source = probe(upid, '').replace("'main.computeE'", "'main.com|puteE'");
    expect(await editor.hover(uri, source)).toBe('main.computeE\nfunc(iterations int64) float64');
    await editor.change(uri, 'import px\nx=1+2\n');
    expect(await editor.format(uri)).toBe('import px\nx = 1 + 2\n');
  });
});
