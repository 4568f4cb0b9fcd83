import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runPx } from '../testing/run-px.ts';

/** The commands on scripts that need no agent. */
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const px = (...words: string[]) => runPx(words, { env: { SONDE_DIR: directory } });
const file = (name: string, text: string) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

test('px check', async () => {
  const good = file('good.pxl', "import px\npx.display(px.DataFrame('http_events'))\n");
  file('types.pxl', "import px\ndf = px.DataFrame('http_events')\npx.display(df.latncy)\n");
  file('text.pxl', 'import px\npx.display(\n');
  const all = await px('check', directory, '-o', 'json');
  expect(all.code).toBe(1);
  expect(all.err).toBe('1 of 3 scripts compile\n');
  const rows = all.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(rows.map(({ script, result, place, id }) => [script!.slice(directory.length + 1), result, place, id])).toEqual(
    [
      ['good.pxl', 'compiled', null, null],
      ['text.pxl', 'refused: parse', '2:11', 'pxl.syntax'],
      ['types.pxl', 'refused: types', '3:15', 'pxl.unknown-column'],
    ],
  );
  expect(rows[2]!.reason).toContain('did you mean `latency`?');
  const reasons = await px('check', directory, '-r', '-o', 'json');
  expect(reasons.out).toContain('"scripts":1,"id":"pxl.syntax"');
  expect(await px('check', good)).toMatchObject({ code: 0, err: '1 of 1 script compile\n' });
  expect((await px('check', join(directory, 'none'))).err).toContain('no such file or folder');
});

test('px check over tables that a file tells of', async () => {
  const schemas = file(
    'schemas.json',
    '{"_tableName_":"output","table_name":"orders","table_desc":""}\n' +
      '{"_tableName_":"output_1","table_name":"orders","column_name":"n","column_type":"UINT64"}\n',
  );
  const good = file('good.pxl', "import px\npx.display(px.DataFrame('orders')[['n']])\n");
  expect((await px('check', good)).code).toBe(1);
  expect(await px('check', good, '--schemas', schemas)).toMatchObject({ code: 0, err: '1 of 1 script compile\n' });
  const bad = file('bad.pxl', "import px\npx.display(px.DataFrame('orders')[['m']])\n");
  expect((await px('check', bad, '--schemas', schemas, '-o', 'json')).out).toContain('"place":"2:36"');
  const wrong = await px('check', good, '--schemas', good);
  expect(wrong.err).toContain(`${good}:1: no column of a table`);
});

test('px check of a bpftrace script names the reason', async () => {
  const path = file(
    'bpf.pxl',
    "import pxtrace\npxtrace.UpsertTracepoint('t', 't', 'kprobe:x {}', pxtrace.kprobe(), '5m')\n",
  );
  const { out, code } = await px('check', path, '-o', 'json');
  expect(code).toBe(1);
  expect(out).toContain('Sonde runs no bpftrace programs');
});

test('px explain', async () => {
  const path = file(
    'a.pxl',
    "import px\ndf = px.DataFrame('http_events')\npx.display(df[df.latency > 5].head(3)[['latency']], 'slow')\n",
  );
  const { out, code } = await px('explain', '-f', path);
  expect(code).toBe(0);
  expect(out).toContain(
    '# slow\n## plan\nproject latency\n  limit 3\n    filter (latency > 5)\n      no rows of http_events [',
  );
  expect(out).toContain(
    '## after the rules\nproject latency\n  limit 3\n    no rows of http_events [latency] where (latency > 5)',
  );
  expect(out).toContain('## SQL\nSELECT t."latency" AS "latency"');
  const wrong = await px('explain', '-f', file('b.pxl', 'import px\npx.display(1)\n'));
  expect(wrong.code).toBe(1);
  expect(wrong.err).toContain("b.pxl:2:12: Expected arg 'out' as type 'DataFrame', received 'Int'");
});

test('px explain of a script whose own table is not there yet', async () => {
  const path = file(
    'own.pxl',
    `import px
import pxtrace

@pxtrace.probe('main.f')
def probe():
    return [{'n': pxtrace.ArgExpr('n')}]

pxtrace.UpsertTracepoint('own', 'own', probe, px.uint128('00000001-0000-0001-0000-000000000001'), '5m')
px.display(px.DataFrame('own'))
`,
  );
  const { code, err } = await px('explain', '-f', path);
  expect(code).toBe(1);
  expect(err).toContain("own.pxl:9:25: Table 'own' not found");
  expect(err).toContain('the script makes it: run it once, and its columns are known');
});

test('px fmt', async () => {
  const path = file('a.pxl', 'import px\nx=f( 1,b = 2 )\n');
  expect((await px('fmt', path)).out).toBe('import px\nx = f(1, b=2)\n');
  expect(await px('fmt', '--check', path)).toMatchObject({ code: 1, err: `${path} is not formatted\n` });
  expect((await px('fmt', '-w', path)).err).toBe(`formatted ${path}\n`);
  expect(readFileSync(path, 'utf8')).toBe('import px\nx = f(1, b=2)\n');
  expect((await px('fmt', '--check', path)).code).toBe(0);
  expect((await px('fmt', file('b.pxl', 'x = (\n'))).err).toContain('was never closed');
});

test('px script', async () => {
  expect((await px('script', 'list')).out).toContain('px/upids');
  expect((await px('script', 'show', 'px/upids')).out).toContain('def go_processes(');
  expect((await px('script', 'show', 'px/upid')).err).toContain('did you mean px/upids?');
});

test('scripts of others: a folder, a bundle.json, its URL', async () => {
  const vis = JSON.stringify({
    variables: [{ name: 'n', type: 'PX_INT64', defaultValue: '5', description: 'so many rows' }],
    globalFuncs: [],
    widgets: [{ name: 't', func: { name: 'top', args: [{ name: 'n', variable: 'n' }] } }],
  });
  const top = "import px\ndef top(n: int):\n  return px.DataFrame('http_events')[['latency']].head(n)\n";
  const plain = "import px\npx.display(px.DataFrame('http_events'))\n";
  const scripts = {
    'sotw/top': { pxl: top, vis, ShortDoc: 'the first ones' },
    'sotw/plain': { pxl: plain, vis: '' },
    'sotw/hidden': { pxl: 'import px\n', hidden: true },
  };
  const bundle = file('bundle.json', JSON.stringify({ scripts }));
  const server = createServer(({ url }, answer) => {
    answer.statusCode = url === '/bundle.json' ? 200 : 404;
    answer.end(answer.statusCode === 200 ? readFileSync(bundle) : 'none');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  try {
    for (const where of [bundle, `${url}/bundle.json`]) {
      const list = await px('script', 'list', '-b', where, '-o', 'csv');
      expect(list.out).toBe(
        'table_id,name,description\nscript_list,sotw/plain,\nscript_list,sotw/top,the first ones\n',
      );
      expect((await px('script', 'show', 'sotw/top', '-b', where)).out).toBe(top);
      expect((await px('explain', '-b', where, 'sotw/top', '--', '--n', '7')).out).toContain('limit 7');
      expect((await px('explain', '-b', where, 'sotw/tops')).err).toContain('did you mean sotw/top?');
      expect(await px('check', where)).toMatchObject({ code: 0, err: '2 of 2 scripts compile\n' });
    }
    expect((await px('run', '-b', bundle, 'sotw/top', '--', '--help')).out).toContain('so many rows');
    expect(await px('script', 'list', '-b', `${url}/other`)).toMatchObject({
      code: 1,
      err: `cannot read ${url}/other: HTTP 404 Not Found\n`,
    });
  } finally {
    await new Promise((done) => server.close(done));
  }
  expect((await px('script', 'list', '-b', `${url}/bundle.json`)).err).toContain('ECONNREFUSED');
  expect((await px('script', 'list', '-b', file('x.json', '{"a": 1}'))).err).toContain('it has no "scripts"');
  expect((await px('script', 'list', '-b', file('y.json', '{"scripts": {"a": {}}}'))).err).toContain(
    'the script "a" has no text',
  );
  expect((await px('script', 'list', '-b', join(directory, 'none'))).err).toContain('no such file or folder');
  mkdirSync(join(directory, 'mine', 'px', 'own'), { recursive: true });
  file('mine/px/own/own.pxl', plain);
  const mine = join(directory, 'mine');
  expect((await px('script', 'list', '-b', mine, '-o', 'csv')).out).toContain('px/own');
  expect((await px('explain', '-b', mine, 'px/own')).out).toContain('no rows of http_events');
  expect((await px('explain', '-b', mine, 'px/upids')).err).toContain('no bundled script px/upids');
});

test('px man: every command with its options, and nothing that troff would take for its own', async () => {
  const { out, code } = await px('man');
  expect(code).toBe(0);
  for (const command of ['px run', 'px live', 'px lsp', 'px check', 'px trace', 'px agent start', 'px token create'])
    expect(out).toContain(`.SS ${command} `);
  expect(out).toContain('\\fB\\-w, \\-\\-watch\\fR');
  const requests = out.match(/^[.'].*$/gm)!.map((line) => line.split(' ')[0]);
  expect([...new Set(requests)].sort()).toEqual(['.B', '.SH', '.SS', '.TH', '.TP']);
});
