import { expect, test } from 'vitest';
import { sonde } from '#api';
import { callJson, callLine, callText, runningLine, whoseCall } from './call.ts';

const upid = '00000003-0000-007b-0000-000008caa618';

function line(part: Partial<sonde.TraceCall>): string {
  const call = sonde.TraceCall.fromPartial({
    upid,
    goid: 5n,
    function: 'main.f',
    argsJson: '{}',
    resultsJson: '{}',
    outcome: 'returned',
    ...part,
  });
  return callLine(call, '', false).replace(/^\S+ {2}goid 5 {2}/, '');
}

test('values as the agent wrote them, strings quoted, nothing for a terminal to act on', () => {
  expect(line({ argsJson: '{"n":18446744073709551615,"s":"a\\u001b[2J\u009b","o":{"x":null}}' })).toBe(
    'main.f(n=18446744073709551615, s="a\\u001b[2J\\u009b", o={x:nil})',
  );
  expect(line({ function: 'main.\u001b[31mf' })).toBe('main.\\x1b[31mf()');
});

test('a log line is all that is shown of its call, an empty one too', () => {
  const calls = ['ann -> nil', ''].map((log) => sonde.TraceCall.fromPartial({ upid, function: 'main.f', log }));
  expect(calls.map((call) => callLine(call, '', true))).toEqual(['00:00:00.000000  ann -> nil', '00:00:00.000000  ']);
  expect(calls.map((call) => JSON.parse(callJson(call, undefined, true)).log)).toEqual(['ann -> nil', '']);
});

test('what is missing or cut says so', () => {
  const notes = {
    'args.p': 'not captured: nil pointer',
    'args.s': 'truncated from 9000 bytes',
    'args.r.url': 'not captured: nil pointer',
    'results.$0': 'not captured: in a float register',
    latency: 'not captured: no entry',
  };
  expect(
    line({
      argsJson: '{"p":null,"s":"abc","r":{"url":null}}',
      resultsJson: '{"$0":null}',
      notesJson: JSON.stringify(notes),
    }),
  ).toBe(
    'main.f(p=<not captured: nil pointer>, s="abc"…(3 of 9000 B), r={url:<not captured: nil pointer>}) = ($0=<not captured: in a float register>)  latency <not captured: no entry>',
  );
  expect(line({ resultsJson: '', notesJson: '{"results":"not captured: tail call to main.g"}' })).toBe(
    'main.f() = (<not captured: tail call to main.g>)',
  );
  const none = 'not captured: the binary has no debug info';
  expect(line({ argsJson: '', resultsJson: '', notesJson: JSON.stringify({ args: none, results: none }) })).toBe(
    'main.f(<not captured: the binary has no debug info>)',
  );
});

test('a call that did not return says how it ended', () => {
  expect(line({ outcome: 'lost', resultsJson: '', notesJson: '{"outcome":"table full","results":"x"}' })).toBe(
    'main.f()  lost (table full)',
  );
});

test('several processes: the line names the pid', () => {
  const call = sonde.TraceCall.fromPartial({
    upid,
    function: 'main.f',
    outcome: 'running',
    latencyNs: 65_000_000_000n,
  });
  expect(callLine(call, whoseCall(call, undefined, true), false)).toContain('  pid 123  goid —  ');
  expect(runningLine(call, whoseCall(call, undefined, true))).toMatch(
    /^pid 123 {2}goid — {2}since \S+ \(1 min 5 s\) {2}main\.f\(\)$/,
  );
});

test('in a cluster: the line names the pod, and JSON all of its place', () => {
  const call = sonde.TraceCall.fromPartial({ upid, goid: 7n, function: 'main.f', outcome: 'returned' });
  const place = sonde.ProcessInfo.fromPartial({ node: 'n1', namespace: 'shop', pod: 'cart-1', containerName: 'app' });
  expect(callLine(call, whoseCall(call, place, false), false)).toContain('  cart-1  goid 7  main.f()');
  expect(whoseCall(call, sonde.ProcessInfo.fromPartial({ node: 'n1' }), false)).toBe('pid 123');
  expect(JSON.parse(callJson(call, place, false))).toMatchObject({
    node: 'n1',
    namespace: 'shop',
    pod: 'cart-1',
    container_name: 'app',
  });
});

test('a running call that began before it was traced', () => {
  const notesJson = '{"args":"not captured: the call began before it was traced","goroutine":"chan receive"}';
  const call = sonde.TraceCall.fromPartial({ upid, goid: 7n, function: 'main.f', outcome: 'running', notesJson });
  expect(runningLine(call, '')).toBe(
    'goid 7  since —  [chan receive]  main.f(<not captured: the call began before it was traced>)',
  );
  expect(JSON.parse(callJson(call, undefined, false))).toMatchObject({ time: null, args: {}, outcome: 'running' });
});

test('a value as large as a server is cut, and the next one is there', () => {
  const args = JSON.stringify({ s: 'x'.repeat(2000), n: 7 });
  const call = sonde.TraceCall.fromPartial({ upid, goid: 5n, function: 'f', argsJson: args, outcome: 'returned' });
  const text = callLine(call, '', false);
  expect(text).toMatch(/f\(s="x{799}… <1202 characters more: -o json has them>, n=7\)/);
  expect(JSON.parse(callJson(call, undefined, false)).args.s).toHaveLength(2000);
});

test('of a large structure the deepest is folded, and that is told', () => {
  const list = (n: number) => Array.from({ length: n }, () => ({ '&': '0xc000', buffer: 'x'.repeat(50) }));
  const args = JSON.stringify({ r: { '&': '0xc001', Body: { '(type)': '*http.body', src: list(20) }, Host: 'a' } });
  const notes = { 'args.r.Body.src[3].buffer': 'truncated from 900 bytes', 'args.r.Host': 'truncated from 2 bytes' };
  const call = sonde.TraceCall.fromPartial({
    upid,
    goid: 5n,
    function: 'f',
    argsJson: args,
    notesJson: JSON.stringify(notes),
    outcome: 'returned',
  });
  expect(callLine(call, '', false)).toContain('f(r=&{Body:*http.body{src:[&{…}');
  expect(callLine(call, '', false)).toMatch(/Host:"a"} <folded: -o json has all> <Host: truncated from 2 bytes>\)$/);
  expect(callText(call, 35)).toBe('f(r=&{Body:*http.body{…} Host:"a"} <Host: truncated from 2 bytes>)');
});

test('json is one line of valid JSON', () => {
  const call = sonde.TraceCall.fromPartial({
    upid,
    function: 'f\u2028',
    timeNs: 1n,
    argsJson: '{"s":"\u202e"}',
    outcome: 'returned',
  });
  expect(callJson(call, undefined, false)).not.toMatch(/[\u2028\u202e\n]/);
  expect(JSON.parse(callJson(call, undefined, false))).toEqual({
    time: '1970-01-01T00:00:00.000000001Z',
    upid,
    goid: null,
    function: 'f\u2028',
    args: { s: '\u202e' },
    results: {},
    latency_ns: null,
    outcome: 'returned',
  });
});

test('says once how a limit is raised', () => {
  const hint = 'limit event bytes 12288: --event-bytes';
  const call = sonde.TraceCall.fromPartial({
    function: 'main.f',
    argsJson: '{"e":{"Headers":{},"Body":{}}}',
    notesJson: JSON.stringify({
      'args.e.Headers': `truncated from 4 entries (${hint}); the event is full (${hint})`,
      'args.e.Body': `truncated from 3 entries (${hint})`,
    }),
    outcome: 'returned',
  });
  expect(callText(call)).toBe(
    `main.f(e={Headers:{} Body:{}} <Headers: truncated from 4 entries (${hint}); the event is full> <Body: truncated from 3 entries>)`,
  );
});
