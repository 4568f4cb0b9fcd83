import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeBatch, encodeRelation, endOfTable, vizier } from '#api';
import { type Column, implicitColumns, type Relation, type RowBatch, RowBatchBuilder } from '#model';
import { type FakeAgent, fakeAgent, refusal } from '../testing/fake-agent.ts';
import { runPx, startPx } from '../testing/run-px.ts';

const seed: Relation = {
  columns: [
    ...implicitColumns,
    { name: 'iterations', type: 'INT64', semantic: 'ST_NONE' },
    { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
  ],
};
const tracing = "import pxtrace\nimport px\nupid = 'replace-me'\nlimit = 5\n";
const clusterId = '11111111-2222-3333-4444-555555555555';

let directory: string;
let agent: FakeAgent | undefined;
let request: vizier.ExecuteScriptRequest | undefined;
let zone: string | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
  zone = process.env.TZ;
  process.env.TZ = 'UTC';
});
afterEach(() => {
  agent?.kill();
  agent = undefined;
  rmSync(directory, { recursive: true });
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

function response(part: Partial<vizier.ExecuteScriptResponse>): vizier.ExecuteScriptResponse {
  return { status: undefined, queryId: 'q', result: undefined, mutationInfo: undefined, ...part };
}

function metaData(name: string, relation: Relation, id = name): vizier.ExecuteScriptResponse {
  return response({ result: { $case: 'metaData', value: { name, id, relation: encodeRelation(relation, 'sonde') } } });
}

function data(batch: vizier.RowBatchData): vizier.ExecuteScriptResponse {
  return response({
    result: { $case: 'data', value: { batch, executionStats: undefined, encryptedBatch: new Uint8Array(0) } },
  });
}

function table(name: string, relation: Relation, batches: readonly RowBatch[]): vizier.ExecuteScriptResponse[] {
  return [
    metaData(name, relation),
    ...batches.map((batch) => data(encodeBatch(batch, relation, name, 'sonde'))),
    data(endOfTable(relation, name, 'sonde')),
  ];
}

function mutation(code: number, state: vizier.LifeCycleState, sondeReason = ''): vizier.ExecuteScriptResponse {
  return response({
    mutationInfo: {
      status: { code, message: '', errorDetails: [] },
      states: [{ id: 'i', name: 'compute_e_data', state, sondeReason }],
    },
  });
}

function seedRows(): RowBatch {
  const builder = new RowBatchBuilder(seed.columns.map((column) => column.type));
  const rows = [
    [1_700_000_000_000_000_000n, 100n, 4_000n],
    [1_700_000_001_500_000_000n, 2n, 250_004_000n],
    [1_700_000_003_000_000_001n, 200n, 1_500_000_000n],
  ] as const;
  for (const [time, iterations, latency] of rows) {
    builder.column(0).uint128(0x0000_0003_0024_844an, 0x0000_0000_08ca_a618n);
    builder.column(1).int(time);
    builder.column(2).int(18n);
    builder.column(3).int(iterations);
    builder.column(4).int(latency);
    builder.endRow();
  }
  return builder.finish();
}

async function answering(...messages: vizier.ExecuteScriptResponse[]): Promise<void> {
  agent = await fakeAgent(directory, {
    executeScript(call) {
      request = call.request;
      for (const message of messages) call.write(message);
      call.end();
    },
  });
}

function file(text: string, name = 'script.pxl'): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const run = (...words: string[]) => runPx(['run', ...words], { env: { SONDE_DIR: directory } });

test('the story: progress on stderr, the table on stdout', async () => {
  await answering(
    mutation(14, vizier.LifeCycleState.PENDING_STATE),
    mutation(0, vizier.LifeCycleState.RUNNING_STATE),
    ...table('output', seed, [seedRows()]),
  );
  const result = await run('-f', file(tracing));
  expect(result.err).toBe(' ✔    Preparing schema\n ✔    Deploying compute_e_data\n');
  expect(result.out).toBe(
    `Table ID: output
CLUSTERID                             UPID                                  TIME                                 GOID  ITERATIONS  LATENCY
${clusterId}  00000003-0024-844a-0000-000008caa618  2023-11-14T22:13:20+00:00            18    100         4.0 µs
${clusterId}  00000003-0024-844a-0000-000008caa618  2023-11-14T22:13:21.5+00:00          18    2           250 ms
${clusterId}  00000003-0024-844a-0000-000008caa618  2023-11-14T22:13:23.000000001+00:00  18    200         1.5 s
`,
  );
  expect(result.code).toBe(0);
  expect(request?.mutation).toBe(true);
  expect(request?.queryStr).toBe(tracing);
  expect(agent?.lastMetadata()?.get('sonde-client')).toEqual(['0.1.0']);
});

test('no rows yet: the header only', async () => {
  await answering(...table('output', seed, []));
  const result = await run('-f', file('import px\n'));
  expect(result.out).toBe('Table ID: output\nCLUSTERID  UPID  TIME  GOID  ITERATIONS  LATENCY\n');
  expect(request?.mutation).toBe(false);
});

test('--watch runs again until it is interrupted', async () => {
  await answering(...table('output', seed, [seedRows()]));
  const { result, out, interrupt } = startPx(
    ['run', '-f', file('import px\n'), '-o', 'csv', '--watch', '--every', '20ms'],
    { env: { SONDE_DIR: directory } },
  );
  await expect.poll(() => out().split('table_id').length, { timeout: 5000 }).toBeGreaterThan(3);
  interrupt();
  expect(await result).toMatchObject({ code: 0, err: '' });
});

test('json: exact values, columns in order, UTC', async () => {
  await answering(...table('output', seed, [seedRows()]));
  const result = await run('-f', file('import px\n'), '-o', 'json');
  expect(result.out.split('\n')[1]).toBe(
    '{"_tableName_":"output","upid":"00000003-0024-844a-0000-000008caa618","time_":"2023-11-14T22:13:21.500000000Z","goid_":18,"iterations":2,"latency":250004000}',
  );
});

test('csv: table_id first', async () => {
  await answering(...table('output', seed, [seedRows()]));
  const result = await run('-f', file('import px\n'), '-o', 'csv');
  expect(result.out.split('\n').slice(0, 2)).toEqual([
    'table_id,upid,time_,goid_,iterations,latency',
    'output,00000003-0024-844a-0000-000008caa618,2023-11-14T22:13:20.000000000Z,18,100,4000',
  ]);
});

test('tables whose rows come interleaved are printed one after the other, in the order in which they were announced', async () => {
  const relation: Relation = { columns: [{ name: 'n', type: 'INT64', semantic: 'ST_NONE' }] };
  const batch = (value: bigint) => {
    const builder = new RowBatchBuilder(['INT64']);
    builder.column(0).int(value);
    builder.endRow();
    return builder.finish();
  };
  await answering(
    metaData('a', relation),
    metaData('b', relation),
    data(encodeBatch(batch(10n), relation, 'b', 'sonde')),
    data(encodeBatch(batch(1n), relation, 'a', 'sonde')),
    data(endOfTable(relation, 'b', 'sonde')),
    data(encodeBatch(batch(2n), relation, 'a', 'sonde')),
    data(endOfTable(relation, 'a', 'sonde')),
  );
  const { out } = await run('-f', file('import px\n'), '-o', 'csv');
  expect(out).toBe('table_id,n\na,1\na,2\ntable_id,n\nb,10\n');
});

test('missing and cut values are marked with their reason, unsigned numbers stay exact', async () => {
  const columns: Column[] = [
    { name: 'u', type: 'INT64', semantic: 'ST_NONE', unsigned: true },
    { name: 's', type: 'STRING', semantic: 'ST_NONE' },
  ];
  const builder = new RowBatchBuilder(columns.map((column) => column.type));
  builder.column(0).int(-1n);
  builder.column(1).missing();
  builder.endRow('{"s":"nil pointer"}');
  builder.column(0).missing();
  builder.column(1).text('007\u001b[2J');
  builder.endRow('{"s":"truncated from 9000 bytes"}');
  const messages = table('output', { columns }, [builder.finish()]);
  await answering(...messages);
  const path = file('import px\n');
  expect((await run('-f', path)).out.split('\n').slice(2, 4)).toEqual([
    `${clusterId}  18446744073709551615  <not captured: nil pointer>`,
    `${clusterId}  —                     007\\x1b[2J…(7 of 9000 B)`,
  ]);
  expect((await run('-f', path, '-o', 'json')).out.split('\n').slice(0, 2)).toEqual([
    '{"_tableName_":"output","u":18446744073709551615,"s":null,"notes_":{"s":"nil pointer"}}',
    '{"_tableName_":"output","u":null,"s":"007\\u001b[2J","notes_":{"s":"truncated from 9000 bytes"}}',
  ]);
});

test('a fault in the script: place, id, line, caret, hints; exit 1', async () => {
  const compilerError = {
    line: 2n,
    column: 8n,
    message: 'unknown module pxx\n  did you mean px?',
    sondeId: 'pxl.import',
  };
  await answering(
    response({
      status: { code: 3, message: 'm', errorDetails: [{ error: { $case: 'compilerError', value: compilerError } }] },
    }),
  );
  const path = file('# x\nimport pxx\n');
  expect(await run('-f', path)).toEqual({
    code: 1,
    out: '',
    err: `${path}:2:8: unknown module pxx [pxl.import]\nimport pxx\n       ^\n  did you mean px?\n`,
  });
});

test('a tracepoint that cannot be placed: its line says why, and nothing is told twice; exit 1', async () => {
  const reason = 'no function main.comuteE\n  did you mean main.computeE?';
  await answering(
    mutation(14, vizier.LifeCycleState.PENDING_STATE),
    mutation(13, vizier.LifeCycleState.FAILED_STATE, reason),
    response({ status: { code: 3, message: reason, errorDetails: [] } }),
  );
  expect(await run('-f', file(tracing))).toEqual({
    code: 1,
    out: '',
    err: ' ✔    Preparing schema\n ✕    Deploying compute_e_data  ERR: no function main.comuteE\n  did you mean main.computeE?\n',
  });
});

test.each([
  [status.INVALID_ARGUMENT, 1],
  [status.NOT_FOUND, 1],
  [status.ALREADY_EXISTS, 1],
  [status.PERMISSION_DENIED, 3],
  [status.FAILED_PRECONDITION, 3],
  [status.UNAVAILABLE, 3],
  [status.UNKNOWN, 3],
  [status.INTERNAL, 3],
])('gRPC code %i is exit code %i', async (code, exit) => {
  agent = await fakeAgent(directory, {
    executeScript() {
      throw refusal(code, 'because of this');
    },
  });
  expect(await run('-f', file('import px\n'))).toEqual({
    code: exit,
    out: '',
    err: `${code === status.INTERNAL ? 'the agent failed: ' : ''}because of this\n`,
  });
});

test('one tracepoint of two fails, the table comes: exit 4', async () => {
  await answering(mutation(14, vizier.LifeCycleState.FAILED_STATE, 'gone'), ...table('output', seed, []));
  const result = await run('-f', file(tracing));
  expect(result.code).toBe(4);
  expect(result.err).toContain(' ✕    Deploying compute_e_data  ERR: gone\n');
});

test('an agent of another version: what to do, exit 3', async () => {
  agent = await fakeAgent(directory, { executeScript: (call) => call.end() }, { version: '9.9.9' });
  const result = await run('-f', file('import px\n'));
  expect(result.code).toBe(3);
  expect(result.err).toMatch(/^agent is version 9\.9\.9, px is 0\.1\.0: run `px agent stop`/);
});

test('an agent of the same version that speaks another state of the API: its answer is not misread', async () => {
  agent = await fakeAgent(directory, { executeScript: (call) => call.end() }, { api: 'older' });
  const result = await run('-f', file('import px\n'));
  expect(result.code).toBe(3);
  expect(result.err).toMatch(/^agent is version 0\.1\.0 \(API older\), px is 0\.1\.0 \(API \w+\): run `px agent stop`/);
});

test('the agent goes in the middle of its answer: exit 3, the rows that came are printed', async () => {
  agent = await fakeAgent(directory, {
    executeScript(call) {
      call.write(metaData('output', seed));
      call.write(data(encodeBatch(seedRows(), seed, 'output', 'sonde')));
      setTimeout(() => agent?.kill(), 100);
    },
  });
  const result = await run('-f', file('import px\n'), '-o', 'json');
  expect(result.code).toBe(3);
  expect(result.err).toMatch(/^the agent ended in the middle of its answer/);
  expect(result.out.split('\n')).toHaveLength(4);
});

test('parameters: replaced in the text, listed, refused', async () => {
  await answering(...table('output', seed, []));
  const path = file(tracing);
  expect((await run('-f', path, '--', '--upid', 'abc', '--limit=7')).code).toBe(0);
  expect(request?.queryStr).toMatch(/^upid = ['"]abc['"]\nlimit = 7$/m);
  expect((await run('-f', path, '--', '--help')).out).toBe(
    `Parameters of ${path}:\n  --upid <string>  default: "replace-me"\n  --limit <int>    default: 5\n`,
  );
  expect(await run('-f', path, '--', '--upd', 'x')).toEqual({
    code: 2,
    out: '',
    err: 'error: the script has no parameter --upd; did you mean --upid?\n',
  });
  expect((await run('-f', path, '--', '--limit', 'many')).code).toBe(2);
  expect((await run('-f', path, '--', '--upid')).err).toContain('--upid needs a value');
});

test('a vis.json beside the script declares the parameters and the functions to be called', async () => {
  await answering(...table('output', seed, []));
  const folder = join(directory, 'view');
  mkdirSync(folder);
  file(tracing, 'view/view.pxl');
  file(
    JSON.stringify({
      variables: [
        { name: 'start_time', type: 'PX_STRING', defaultValue: '-5m', description: 'since when' },
        { name: 'pod', type: 'PX_POD' },
      ],
      globalFuncs: [{ outputName: 'all', func: { name: 'f', args: [{ name: 'start', variable: 'start_time' }] } }],
      widgets: [
        {
          func: {
            name: 'g',
            args: [
              { name: 'pod', variable: 'pod' },
              { name: 'n', value: '5' },
            ],
          },
        },
      ],
    }),
    'view/vis.json',
  );
  expect((await run('-f', folder, '--', '--pod', 'a/b')).code).toBe(0);
  expect(request?.queryStr).toBe(tracing);
  expect(request?.execFuncs).toEqual([
    { funcName: 'f', outputTablePrefix: 'all', argValues: [{ name: 'start', value: '-5m' }] },
    {
      funcName: 'g',
      outputTablePrefix: 'widget_0',
      argValues: [
        { name: 'pod', value: 'a/b' },
        { name: 'n', value: '5' },
      ],
    },
  ]);
  expect(await run('-f', folder)).toEqual({
    code: 2,
    out: '',
    err: 'error: --pod is required\n',
  });
  expect((await run('-f', folder, '--', '--upid', 'x')).code).toBe(2);
});

test('usage and files', async () => {
  expect((await run()).code).toBe(2);
  expect((await run('px/upids', '-f', 'x')).code).toBe(2);
  expect((await run('-o', 'xml')).code).toBe(2);
  expect(await run('-f', join(directory, 'none.pxl'))).toEqual({
    code: 1,
    out: '',
    err: `no such file: ${join(directory, 'none.pxl')}\n`,
  });
  // What ends so is a file without -f.
  expect((await run(join(directory, 'none.pxl'))).err).toBe(`no such file: ${join(directory, 'none.pxl')}\n`);
  expect((await run('px/no_such_script')).code).toBe(1);
});

test('the bundled library: listed, run by name with its parameters', async () => {
  await answering(...table('upids', seed, []));
  const { out } = await run('-l', '-o', 'json');
  expect(out).toContain(
    '{"_tableName_":"script_list","name":"px/upids","description":"Go processes and their UPIDs"}\n',
  );
  expect((await run('px/upids', '--', '--match', 'demo')).code).toBe(0);
  expect(request?.queryName).toBe('px/upids');
  expect(request?.execFuncs[0]?.argValues).toEqual([
    { name: 'match', value: 'demo' },
    { name: 'namespace', value: '' },
  ]);
  expect(await run('px/upid')).toMatchObject({ code: 1, err: 'no bundled script px/upid; did you mean px/upids?\n' });
});

test('a script from standard input', async () => {
  await answering(...table('output', seed, []));
  for (const words of [
    ['run', '-f', '-'],
    ['run', '-'],
  ]) {
    const result = await runPx(words, { env: { SONDE_DIR: directory }, input: 'import px  # in\n' });
    expect(result.code).toBe(0);
    expect(request).toMatchObject({ queryStr: 'import px  # in\n', queryName: '' });
    request = undefined;
  }
});
