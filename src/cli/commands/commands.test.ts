import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeAgent, type FakeHandlers, fakeAgent, refusal } from '../testing/fake-agent.ts';
import { runPx } from '../testing/run-px.ts';

let directory: string;
let agent: FakeAgent | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(() => {
  agent?.kill();
  agent = undefined;
  rmSync(directory, { recursive: true });
});

const px = (...words: string[]) => runPx(words, { env: { SONDE_DIR: directory } });
const serve = async (handlers: FakeHandlers, version?: string) => {
  agent = await fakeAgent(directory, handlers, version === undefined ? {} : { version });
};

test('px ps', async () => {
  const container = 'ab'.repeat(32);
  await serve({
    listProcesses: () => [
      {
        pid: 123n,
        upid: '00000003-0000-007b-0000-000008caa618',
        executable: '/app/e\u001b]0;x\u0007vil',
        deleted: true,
        goVersion: 'go1.26.8',
        module: 'example.com/app',
        symbols: true,
        debugInfo: false,
        container,
        commandLine: 'app -v',
        user: 'root',
      },
    ],
  });
  expect((await px('ps')).out).toBe(
    `PID  UPID                                  EXECUTABLE                       GO VERSION  MODULE           SYMBOLS  DEBUG INFO  CONTAINER     USER  COMMAND LINE
123  00000003-0000-007b-0000-000008caa618  /app/e\\x1b]0;x\\x07vil (deleted)  go1.26.8    example.com/app  true     false       abababababab  root  app -v
`,
  );
  expect((await px('ps', '-o', 'json')).out).toBe(
    `{"_tableName_":"processes","pid":123,"upid":"00000003-0000-007b-0000-000008caa618","executable":"/app/e\\u001b]0;x\\u0007vil","deleted":true,"go_version":"go1.26.8","module":"example.com/app","symbols":true,"debug_info":false,"container":"${container}","user":"root","command_line":"app -v"}
`,
  );
});

test('px funcs', async () => {
  await serve({
    listFunctions(call) {
      const { process, pattern } = call.request;
      if (pattern === 'compute') {
        call.write({
          name: 'main.computeE',
          signature: `func(iterations int64) float64`,
          file: `/src/${process}.go`,
          line: 12,
          address: 0x4a0000n,
          pods: [],
          fields: [],
        });
      }
      call.end();
    },
  });
  expect(await px('funcs', 'app', 'compute')).toEqual({
    code: 0,
    out: 'NAME           SIGNATURE                       PLACE\nmain.computeE  func(iterations int64) float64  /src/app.go:12\n',
    err: '',
  });
  expect((await px('funcs', 'app', 'compute', '-o', 'csv')).out).toBe(
    'table_id,name,signature,file,line,address\nfunctions,main.computeE,func(iterations int64) float64,/src/app.go,12,4849664\n',
  );
  expect((await px('funcs', 'app', 'nothing')).err).toBe('no function of app matches nothing\n');
});

test('px tracepoint list and delete', async () => {
  await serve({
    listTracepoints: () => [
      {
        id: 'i',
        name: 'compute_e_data',
        state: 'RUNNING',
        target: 'pid 1',
        table: 't',
        ttlLeftNs: 299_000_000_000n,
        hits: 3n,
        kept: 3n,
        functions: ['main.computeE'],
      },
    ],
    deleteTracepoint: (name) => name === 'compute_e_data',
  });
  expect((await px('tracepoint', 'list')).out.split('\n')[1]).toBe(
    'compute_e_data  RUNNING  pid 1   main.computeE  t      4 min 59 s  3     3     0     0      —      —',
  );
  expect((await px('tracepoint', 'delete', 'compute_e_data')).code).toBe(0);
  expect(await px('tracepoint', 'delete', 'compute_data')).toEqual({
    code: 1,
    out: '',
    err: 'no tracepoint compute_data; did you mean compute_e_data?\n',
  });
});

test('px agent status and stop talk to an agent of any version and start none', async () => {
  expect(await px('agent', 'status')).toMatchObject({ code: 3, out: '' });
  expect(await px('agent', 'stop')).toEqual({ code: 0, out: '', err: 'no agent was running\n' });
  await serve(
    {
      status: () => ({ version: '0.0.9', pid: 7n, residentBytes: 50n << 20n }),
      stop: () => {
        setTimeout(() => agent?.kill(), 50);
        return { rows: 1n, tracepoints: 2, pid: 7n };
      },
    },
    '0.0.9',
  );
  expect((await px('agent', 'status')).out).toContain('50.0 MiB');
  expect((await px('agent', 'stop')).out).toBe('agent stopped (pid 7); 2 tracepoints and 1 row went with it\n');
});

test('px config', async () => {
  const { code, out } = await px('config', '-o', 'json');
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(code).toBe(0);
  // The tests' own agents have a folder each.
  expect(rows.find(({ setting }) => setting === 'SONDE_DIR')).toMatchObject({ from: 'environment', value: directory });
  expect(rows.find(({ setting }) => setting === 'SONDE_IDLE')).toMatchObject({ from: 'default', value: '1m' });
});

test('px doctor', async () => {
  await serve({
    doctor(call) {
      call.write({ name: 'BPF', state: 'ok', detail: 'ring buffer', advice: '' });
      call.write({ name: 'CAP_PERFMON', state: 'missing', detail: 'not held', advice: 'use sudo' });
      call.end();
    },
  });
  expect(await px('doctor')).toEqual({
    code: 0,
    out: ' ✔  BPF: ring buffer\n ✕  CAP_PERFMON: not held\n      → use sudo\n',
    err: '',
  });
});

test('px debug', async () => {
  await serve({
    debugCompile: (script) => [{ name: 'tree', text: script }],
    debugSites: ({ process, function: name }) => [{ name: 'sites', text: `${process} ${name}` }],
  });
  const file = join(directory, 's.pxl');
  writeFileSync(file, 'a = 1\n');
  expect((await px('debug', 'compile', '-f', file, '--', '--a', '2')).out).toBe('== tree\na = 2\n\n');
  expect((await px('debug', 'sites', '1', 'main.f', '-o', 'json')).out).toBe(
    '{"_tableName_":"stages","stage":"sites","text":"1 main.f"}\n',
  );
});

test('an error of a unary call keeps its text and its exit code', async () => {
  await serve({
    listProcesses() {
      throw refusal(status.PERMISSION_DENIED, 'CAP_SYS_PTRACE is missing');
    },
  });
  expect(await px('ps')).toEqual({ code: 3, out: '', err: 'CAP_SYS_PTRACE is missing\n' });
});

test('another version is refused', async () => {
  await serve({ listProcesses: () => [] }, '9.9.9');
  expect(await px('ps')).toMatchObject({ code: 3, out: '' });
});

test('what the environment says and the running agent was not told is said', async () => {
  agent = await fakeAgent(directory, { listProcesses: () => [] }, { settings: 'SONDE_BUDGET=10%25&SONDE_IDLE=1m' });
  const said = async (env: Record<string, string>) => {
    const { code, err } = await runPx(['ps'], { env: { SONDE_DIR: directory, ...env } });
    expect(code).toBe(0);
    return err;
  };
  expect(await said({ SONDE_BUDGET: '10 %', SONDE_IDLE: '1m' })).toBe('');
  expect(await said({})).toBe('');
  expect(await said({ SONDE_BUDGET: '20%', SONDE_REDACT_TYPES: 'main.T' })).toBe(
    `SONDE_BUDGET=20% is not in force: the running agent was started with 10%. \`px agent stop\` ends it, with its tracepoints and rows; the next px then starts one with yours
SONDE_REDACT_TYPES=main.T is not in force: the running agent was started with the default (redact.json in the agent's folder, else none). \`px agent stop\` ends it, with its tracepoints and rows; the next px then starts one with yours
`,
  );
  expect(await runPx(['ps'], { env: { SONDE_DIR: directory, SONDE_BUDGET: 'much' } })).toMatchObject({
    out: '',
    err: "the environment has SONDE_BUDGET='much': give a share of one CPU such as 5% or 0.5%, below 10000%, or leave it out\n",
  });
});

test('an agent that cannot start: the end of its log, exit 3', async () => {
  const program = join(directory, 'agent.mjs');
  writeFileSync(program, "console.error('CAP_BPF is missing: use sudo'); process.exit(4);");
  const result = await runPx(['ps'], { env: { SONDE_DIR: directory, SONDE_AGENT: program } });
  expect(result.code).toBe(3);
  expect(result.err).toBe(
    `the agent did not start: it exited with 4\n  CAP_BPF is missing: use sudo\nlog: ${join(directory, 'agent.log')}\n`,
  );
});

test('an agent that is slow to start is waited for, and a person is told', async () => {
  const program = join(directory, 'agent.mjs');
  const fake = new URL('../testing/fake-agent-main.ts', import.meta.url);
  writeFileSync(program, `setTimeout(() => import(${JSON.stringify(fake.href)}), 3_200);`);
  const world = { env: { SONDE_DIR: directory, SONDE_AGENT: program }, errIsTerminal: true };
  const result = await runPx(['ps'], world);
  expect(result).toMatchObject({ code: 0, err: 'the agent takes long to start: waiting for it\n' });
  expect((await runPx(['agent', 'stop'], world)).code).toBe(0);
});

test('a folder that others can write is not trusted', async () => {
  chmodSync(directory, 0o777);
  expect(await px('ps')).toMatchObject({ code: 3, out: '' });
  const long = join(directory, 'x'.repeat(100));
  expect((await runPx(['ps'], { env: { SONDE_DIR: long } })).code).toBe(2);
});

test.each([
  ['no command', []],
  ['no such command', ['tarce', '1', 'main.main']],
  ['no such option', ['ps', '--nonsense']],
  ['too few arguments', ['trace', '1']],
  ['a time that is none', ['trace', '1', 'main.main', '--for', 'soon']],
  ['an output form that is none', ['ps', '-o', 'yaml']],
])('usage, %s: exit 2', async (_, words) => {
  const { code, out, err } = await px(...words);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).not.toMatch(/^$|\bbug in|at file:|node:internal/);
});

test.each([
  '',
  'run',
  'trace',
  'ps',
  'funcs',
  'tracepoint list',
  'tracepoint delete',
  'agent status',
  'doctor',
  'debug compile',
  'debug sites',
  'version',
])('px %s --help', async (command) => {
  const { code, out } = await px(...command.split(' ').filter((word) => word !== ''), '--help');
  expect([code, out]).toEqual([0, expect.stringContaining('Usage: px')]);
});

test('usage: options before their command', async () => {
  const { code, err } = await px('--local', 'ps');
  expect(code).toBe(2);
  expect(err).toMatch(
    /^error: unknown option '--local'\n.*\n\(options stand behind the command: px ps … --local …\)\n$/,
  );
});

test('usage: the nearest command; help: its options; version', async () => {
  expect((await px('tarce')).err).toContain('Did you mean trace?');
  expect((await px('trace', '--help')).out).toContain('--count');
  expect((await px('version')).out).toMatch(/^px 0\.1\.0 /);
});

test.each(['bash', 'zsh', 'fish'])('completion for %s knows commands and options', async (shell) => {
  const { code, out } = await px('completion', shell);
  expect(code).toBe(0);
  for (const word of ['trace', 'tracepoint', 'doctor', 'delete', shell === 'fish' ? '-l count' : '--count'])
    expect(out).toContain(word);
});

test('completion for bash completes', async () => {
  const { out } = await px('completion', 'bash');
  const complete = (...words: string[]) =>
    spawnSync('bash', [
      '-c',
      `${out}\nCOMP_WORDS=(px ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _px; echo "\${COMPREPLY[*]}"`,
    ])
      .stdout.toString()
      .trim();
  expect(complete('tracepo')).toBe('tracepoint');
  expect(complete('tracepoint', 'd')).toBe('delete');
  expect(complete('ps', '-o', 'j')).toBe('json');
  expect(complete('trace', '1', 'f', '--op')).toBe('--open');
});

const tokenInfo = (name: string, state: string) => ({
  name,
  role: 'tracer',
  state,
  createdNs: 1_700_000_000_000_000_000n,
  expiresNs: state === 'expired' ? 1_700_000_001_000_000_000n : 0n,
  revokedNs: state === 'revoked' ? 1_700_000_002_000_000_000n : 0n,
  createdBy: 'root (px 7)',
});

test('px token', async () => {
  await serve({
    createToken: ({ name, role, lifetimeNs }) => ({
      token: `sonde_${name}_${role}_${lifetimeNs}`,
      info: tokenInfo(name, 'valid'),
    }),
    listTokens: () => ({
      tokens: [tokenInfo('ci', 'valid'), tokenInfo('old', 'expired'), tokenInfo('lost', 'revoked')],
    }),
    revokeToken: ({ name }) => ({ existed: name === 'ci' }),
  });
  expect(await px('token', 'create', 'ci', '--role', 'tracer', '--expires', '1h')).toEqual({
    code: 0,
    out: 'sonde_ci_tracer_3600000000000\n',
    err: 'token ci, role tracer: kept nowhere, it cannot be shown again\n',
  });
  expect((await px('token', 'create', 'ci')).out).toBe('sonde_ci_viewer_0\n');
  expect((await px('token', 'create', 'ci', '--role', 'root')).code).toBe(2);
  expect((await px('token', 'list', '-o', 'csv')).out).toBe(
    'table_id,name,role,state,created,expires,revoked,created_by\n' +
      'tokens,ci,tracer,valid,2023-11-14T22:13:20.000000000Z,,,root (px 7)\n' +
      'tokens,old,tracer,expired,2023-11-14T22:13:20.000000000Z,2023-11-14T22:13:21.000000000Z,,root (px 7)\n' +
      'tokens,lost,tracer,revoked,2023-11-14T22:13:20.000000000Z,,2023-11-14T22:13:22.000000000Z,root (px 7)\n',
  );
  expect(await px('token', 'revoke', 'ci', 'cii')).toEqual({
    code: 1,
    out: '',
    err: 'revoked ci\nno valid token cii; did you mean ci?\n',
  });
});

test('px agent start --listen: where it listens, and that nobody can come in yet', async () => {
  const asked: unknown[] = [];
  let listen = '';
  await serve({
    listen(request) {
      asked.push(request);
      listen = '[::1]:7';
      return { listen, caFile: '' };
    },
    status: () => ({ version: '0.1.0', pid: 7n, socket: '/s', listen, plaintext: true }),
    listTokens: () => ({ tokens: [tokenInfo('old', 'revoked')] }),
  });
  expect(await px('agent', 'start', '--listen', '[::1]:7', '--plaintext')).toEqual({
    code: 0,
    out: 'agent 0.1.0 runs: pid 7, socket /s\nit listens on [::1]:7 (plaintext)\n',
    err: 'nobody has a token for it yet: `px token create NAME` makes one\n',
  });
  expect(asked).toEqual([{ address: '::1', port: 7, plaintext: true, plaintextOverNetwork: false }]);
  for (const place of ['7', ':7', 'localhost', 'a:b', '::1:7', '1.2.3.4:65536'])
    expect([place, (await px('agent', 'start', '--listen', place)).code]).toEqual([place, 2]);
  expect((await px('agent', 'start', '--plaintext')).code).toBe(2);
});
