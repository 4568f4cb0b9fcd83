import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sonde } from '#api';
import { type FakeAgent, type FakeHandlers, fakeAgent } from '../testing/fake-agent.ts';
import { type PxRun, runPx, startPx } from '../testing/run-px.ts';

type Call = ServerWritableStream<sonde.TraceRequest, sonde.TraceReply>;

const upid = '00000003-0000-007b-0000-000008caa618';
let directory: string;
let agent: FakeAgent | undefined;
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

function armed(call: Call, part: Partial<sonde.TraceArmed> = {}): void {
  const value = sonde.TraceArmed.fromPartial({ processes: 1, upids: [upid], name: 'trace-1', ...part });
  call.write({ event: { $case: 'armed', value } });
}

function traced(part: Partial<sonde.TraceCall> = {}): sonde.TraceCall {
  return sonde.TraceCall.fromPartial({
    timeNs: 1_700_000_001_500_000_000n,
    upid,
    goid: 18n,
    function: 'main.computeE',
    argsJson: '{"iterations":100}',
    resultsJson: '{"$0":null}',
    latencyNs: 4_000n,
    outcome: 'returned',
    ...part,
  });
}

function send(call: Call, value: sonde.TraceCall): void {
  call.write({ event: { $case: 'calls', value: { calls: [value] } } });
}

function end(call: Call, part: Partial<sonde.TraceEnd> = {}): void {
  call.write({ event: { $case: 'end', value: sonde.TraceEnd.fromPartial({ calls: 1n, rows: 1n, ...part }) } });
  call.end();
}

async function serve(handlers: FakeHandlers): Promise<void> {
  agent = await fakeAgent(directory, handlers);
}

const words = (...more: string[]) => ['trace', '123', 'main.computeE', ...more];
const world = () => ({ env: { SONDE_DIR: directory } });

async function until(run: PxRun, text: string): Promise<void> {
  while (!(run.err() + run.out()).includes(text)) await sleep(5);
}

test('lines for people, armed and counts on stderr', async () => {
  await serve({
    trace(call) {
      armed(call);
      send(call, traced());
      send(call, traced({ outcome: 'panicked', resultsJson: '', goid: undefined }));
      end(call, { calls: 3n, rows: 2n, running: [traced({ outcome: 'running', latencyNs: 12_000_000_000n })] });
    },
  });
  expect(await runPx(words(), world())).toEqual({
    code: 0,
    out: `22:13:21.500000  goid 18  main.computeE(iterations=100) = ($0=nil)  4.0 µs
22:13:21.500000  goid —  main.computeE(iterations=100)  4.0 µs  panicked
`,
    err: `armed: main.computeE in 1 process (pid 123)
3 calls, 2 rows, 0 drops
still running: 1 call
  goid 18  since 22:13:21.500000 (12.0 s)  main.computeE(iterations=100) = ($0=nil)
`,
  });
});

test('--tree: a tree when its root has ended; what still runs at the end, with what is in it', async () => {
  const called = (callId: bigint, parentCallId: bigint | undefined, fn: string, part: Partial<sonde.TraceCall> = {}) =>
    traced({ callId, parentCallId, function: fn, argsJson: '{}', resultsJson: '{}', ownNs: 1_000n, ...part });
  await serve({
    trace(call) {
      expect(call.request).toMatchObject({ tree: true, log: '' });
      armed(call);
      send(call, called(3n, 2n, 'main.c'));
      send(call, called(2n, 1n, 'main.b', { outcome: 'panicked' }));
      const notesJson = JSON.stringify({ parent_call_id: 'events were dropped', own_time: 'not captured: dropped' });
      send(call, called(4n, 1n, 'main.d', { ownNs: undefined, notesJson }));
      send(call, called(1n, undefined, 'main.a'));
      send(call, called(7n, 6n, 'main.c'));
      const running = { outcome: 'running', ownNs: undefined, resultsJson: '' };
      end(call, { running: [called(5n, undefined, 'main.a', running), called(6n, 5n, 'main.b', running)] });
    },
  });
  const { out, err } = await runPx(words('--tree'), world());
  expect(out).toBe(`22:13:21.500000  goid 18
main.a()  4.0 µs (own 1.0 µs)
├─ main.b()  4.0 µs (own 1.0 µs)  panicked
│  └─ main.c()  4.0 µs
└─ main.d()  4.0 µs (own <not captured: dropped>)  <events were dropped>
22:13:21.500000  goid 18  still running
main.a()  running for 4.0 µs
└─ main.b()  running for 4.0 µs
   └─ main.c()  4.0 µs
`);
  expect(err).toContain('still running: 2 calls\n');
});

test('--log: a line a call; json has it in the stead of values', async () => {
  const say = () =>
    serve({
      trace(call) {
        expect(call.request).toMatchObject({ log: 'n is {n}' });
        armed(call);
        send(call, traced({ log: 'n is 5', argsJson: '', resultsJson: '' }));
        end(call);
      },
    });
  await say();
  expect((await runPx(words('--log', 'n is {n}'), world())).out).toBe('22:13:21.500000  n is 5\n');
  expect((await runPx(words('--log', 'n is {n}', '--tree'), world())).out).toMatch(/^n is 5 {2}/m);
  expect((await runPx(words('--log', 'n is {n}', '-o', 'json'), world())).out).toContain(
    '"function":"main.computeE","log":"n is 5","latency_ns":4000',
  );
  expect((await runPx(words('--log', 'x', '--open'), world())).code).toBe(2);
});

test('--open of a line is refused: only functions have calls', async () => {
  const { code, err } = await runPx(['trace', '123', 'server.go:120', '--open'], world());
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("'server.go:120' is a line") });
});

test('json: exactly the keys, numbers untouched, nothing else on stdout', async () => {
  const argsJson = '{"n":18446744073709551615,"#0":-9223372036854775808,"s":"12.50","x":1e400}';
  await serve({
    trace(call) {
      armed(call);
      send(call, traced({ argsJson, resultsJson: '' }));
      send(
        call,
        traced({ goid: undefined, latencyNs: undefined, outcome: 'lost', notesJson: '{"outcome":"table full"}' }),
      );
      end(call);
    },
  });
  const { out } = await runPx(words('-o', 'json'), world());
  expect(out).toBe(
    `{"time":"2023-11-14T22:13:21.500000000Z","upid":"${upid}","goid":18,"function":"main.computeE","args":${argsJson},"results":{},"latency_ns":4000,"outcome":"returned"}
{"time":"2023-11-14T22:13:21.500000000Z","upid":"${upid}","goid":null,"function":"main.computeE","args":{"iterations":100},"results":{"$0":null},"latency_ns":null,"outcome":"lost","notes":{"outcome":"table full"}}
`,
  );
});

test('Ctrl-C asks the agent for the end and prints its summary: exit 0', async () => {
  let open: Call | undefined;
  const deleted: string[] = [];
  await serve({
    trace(call) {
      open = call;
      armed(call, { processes: 2, upids: [upid, '00000003-0000-0010-0000-000008caa618'] });
      send(call, traced());
    },
    deleteTracepoint(name) {
      deleted.push(name);
      end(open!, { drops: 7n, reason: 'deleted' });
      return true;
    },
  });
  const run = startPx(words(), world());
  await until(run, 'µs');
  run.interrupt();
  const result = await run.result;
  expect(deleted).toEqual(['trace-1']);
  expect(result.code).toBe(0);
  expect(result.err).toBe('armed: main.computeE in 2 processes (pids 123, 16)\n1 call, 1 row, 7 drops\n');
  expect(result.out).toContain('  pid 123  goid 18  ');
});

test('a reader that goes ends the trace as Ctrl-C does, however often it is noticed', async () => {
  let open: Call | undefined;
  await serve({
    trace(call) {
      open = call;
      armed(call);
    },
    deleteTracepoint() {
      send(open!, traced());
      setTimeout(() => end(open!), 50);
      return true;
    },
  });
  const run = startPx(words('-o', 'json'), world());
  await until(run, 'armed');
  run.closeOutput();
  const result = await run.result;
  expect(result.code).toBe(0);
  expect(result.err).toContain('1 call, 1 row, 0 drops');
});

test('Ctrl-C before the probe is in place cuts the call; the server sees it', async () => {
  let cut = false;
  let begun = false;
  await serve({
    trace(call) {
      begun = true;
      call.on('cancelled', () => {
        cut = true;
      });
    },
  });
  const run = startPx(words(), world());
  while (!begun) await sleep(5);
  run.interrupt();
  expect(await run.result).toEqual({ code: 0, out: '', err: '' });
  while (!cut) await sleep(5);
});

test('--for, --count, --open and the limits reach the agent; --open prints the calls that run', async () => {
  let request: sonde.TraceRequest | undefined;
  await serve({
    trace(call) {
      request = call.request;
      armed(call);
      send(call, traced());
      end(call, { running: [traced({ outcome: 'running', resultsJson: '', latencyNs: 3_000_000_000n })] });
    },
  });
  const result = await runPx(
    words('--open', '--for', '1m30s', '--count', '100', '--depth', '8', '--string-bytes', '4096'),
    world(),
  );
  expect(request).toEqual({
    process: '123',
    tracepoint: '',
    after: [],
    when: '',
    function: 'main.computeE',
    count: 100n,
    open: true,
    noBudget: false,
    durationNs: 90_000_000_000n,
    depth: 8,
    elements: 0,
    stringBytes: 4096,
    eventBytes: 0,
    tree: false,
    log: '',
    signature: '',
    stack: false,
    debugFile: '',
  });
  expect(result.out).toBe('goid 18  since 22:13:21.500000 (3.0 s)  main.computeE(iterations=100)\n');
  expect(result.err).toContain('1 call running\n');
});

test('--open: what could not be seen is told, exit 4', async () => {
  await serve({
    trace: (call) =>
      end(call, { running: [traced({ outcome: 'running', resultsJson: '' })], reason: 'process 9: no symbols' }),
  });
  expect(await runPx(words('--open', '-o', 'json'), world())).toMatchObject({
    code: 4,
    err: '1 call running\nprocess 9: no symbols\n',
    out: expect.stringMatching(/^\{"time":.*"outcome":"running"\}\n$/),
  });
});

test('drops, a failure or an untraceable process make a partial result: exit 4', async () => {
  await serve({
    trace(call) {
      armed(call, { failures: ['process 9: not a Go program'] });
      end(call, { failed: true, reason: 'took 0.7 CPU: taken off' });
    },
  });
  const result = await runPx(words(), world());
  expect(result.code).toBe(4);
  expect(result.err).toBe(
    'not traced: process 9: not a Go program\narmed: main.computeE in 1 process (pid 123)\n1 call, 1 row, 0 drops\nended: took 0.7 CPU: taken off\n',
  );
});

test('csv has its header before the first call', async () => {
  await serve({
    trace(call) {
      armed(call);
      send(call, traced());
      end(call);
    },
  });
  const { out } = await runPx(words('-o', 'csv'), world());
  expect(out).toBe(
    `table_id,time,upid,goid,function,args,results,latency_ns,outcome,panic,notes
trace,2023-11-14T22:13:21.500000000Z,${upid},18,main.computeE,"{""iterations"":100}","{""$0"":null}",4000,returned,,
`,
  );
});

test('the agent is killed: exit 3 with a clear word', async () => {
  await serve({ trace: (call) => armed(call) });
  const run = startPx(words(), world());
  await until(run, 'armed');
  agent!.kill();
  const result = await run.result;
  expect(result.code).toBe(3);
  expect(result.err).toContain('the agent ended in the middle of its answer');
});

test.each([
  ['--for', 'soon'],
  ['--count', '0'],
  ['--count', '1.5'],
  ['-o', 'xml'],
])('%s %s is a usage error', async (...option) => {
  expect((await runPx(words(...option), world())).code).toBe(2);
});

test('what is to be known of every process is told once', async () => {
  await serve({
    trace(call) {
      for (const pod of ['cart-1', 'cart-2'])
        armed(call, {
          warnings: ['two traps a call'],
          places: [sonde.ProcessInfo.fromPartial({ upid, pod, pid: 7, node: 'n' })],
        });
      end(call);
    },
  });
  expect((await runPx(words(), world())).err).toBe(`warning: two traps a call
armed: main.computeE in pod cart-1, pid 7 on node n
armed: main.computeE in pod cart-2, pid 7 on node n
1 call, 1 row, 0 drops
`);
});
