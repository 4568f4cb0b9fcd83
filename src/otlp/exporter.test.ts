import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { otlp } from '#api';
import type { Relation } from '#model';
import { type Catalog, compileQuery } from '#planner';
import { OtlpReceiver } from '../../testing/otlp-receiver.ts';
import { PxlEngine } from '../../testing/pxl-engine.ts';
import { exportedText, exportRows } from './index.ts';

const relation: Relation = {
  columns: [
    { name: 'time_', type: 'TIME64NS', semantic: 'ST_NONE' },
    { name: 'end', type: 'TIME64NS', semantic: 'ST_NONE' },
    { name: 'service', type: 'STRING', semantic: 'ST_SERVICE_NAME' },
    { name: 'path', type: 'STRING', semantic: 'ST_NONE' },
    { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
    { name: 'p50', type: 'FLOAT64', semantic: 'ST_NONE' },
    { name: 'trace', type: 'STRING', semantic: 'ST_NONE' },
  ],
};
const catalog: Catalog = {
  table: (name) => (name === 'calls' ? relation : undefined),
  tables: () => ['calls'],
  tableFunction: () => undefined,
  tableFunctions: () => [],
};

const receiver = new OtlpReceiver();
let engine: PxlEngine;

beforeAll(async () => {
  engine = new PxlEngine();
  await engine.table('calls', relation, [
    [1_000n, 1_500n, 'shop/cart', '/a', 500n, 0.5, '0102030405060708090a0b0c0d0e0f10'],
    [2_000n, 2_700n, '["shop/cart","shop/all"]', null, -7n, 1.5, 'no id'],
    [3_000n, 3_100n, 'shop/cart', '/b', null, null, '0102030405060708'],
  ]);
  await receiver.start();
});
afterAll(async () => {
  receiver.stop();
  await engine.close();
});

async function run(spec: string): Promise<string> {
  const endpoint = `px.otel.Endpoint('${receiver.url}', headers={'x-key': 'k'}, insecure=True)`;
  const script = `import px\ndf = px.DataFrame('calls')\npx.export(df, px.otel.Data(endpoint=${endpoint}, resource={'service.name': df.service}, data=[${spec}]))`;
  const compiled = compileQuery(script, catalog, { now: 1n, queryId: 'q' });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
  const [output] = compiled.value.exports;
  const { to } = output!;
  return exportedText(await exportRows(engine.batches(output!), to, new AbortController().signal), to);
}

const cart = { key: 'service.name', value: { value: { $case: 'stringValue', value: 'shop/cart' } } };

test('gauges: a resource has all its points, of several services each; rows without a value are counted', async () => {
  expect(
    await run(
      "px.otel.metric.Gauge('latency', df.latency, description='of calls', attributes={'path': df.path, 'by': 'sonde'})",
    ),
  ).toBe(`sent 3 points of metrics to ${receiver.url}; 1 lacked a value that they need`);
  expect(receiver.headers.at(-1)!.get('x-key')).toEqual(['k']);
  const { resourceMetrics } = otlp.ExportMetricsRequest.decode(receiver.metrics.at(-1)!);
  expect(resourceMetrics.map(({ resource }) => resource!.attributes[0]!.value!.value!.value)).toEqual([
    'shop/cart',
    'shop/all',
  ]);
  const [metric] = resourceMetrics[0]!.scopeMetrics[0]!.metrics;
  expect(metric).toMatchObject({ name: 'latency', description: 'of calls', unit: 'ns' });
  const by = { key: 'by', value: { value: { $case: 'stringValue', value: 'sonde' } } };
  const path = { key: 'path', value: { value: { $case: 'stringValue', value: '/a' } } };
  expect(metric!.data).toEqual({
    $case: 'gauge',
    value: {
      dataPoints: [
        { attributes: [path, by], timeUnixNano: 1_000n, value: { $case: 'asInt', value: 500n } },
        { attributes: [by], timeUnixNano: 2_000n, value: { $case: 'asInt', value: -7n } },
      ],
    },
  });
});

test('a summary; bytes as the official library writes them', async () => {
  await run("px.otel.metric.Summary('s', count=df.latency, sum=df.p50, quantile_values={0.5: df.p50}, unit='ms')");
  // opentelemetry-proto 1.3 for Python: ExportMetricsServiceRequest.FromString(...) reads these as they were meant.
  expect(receiver.metrics.at(-1)!.toString('hex')).toMatchInlineSnapshot(
    `"0a660a1d0a1b0a0c736572766963652e6e616d65120b0a0973686f702f6361727412450a070a05736f6e6465123a0a01731a026d735a310a2f19e80300000000000021f40100000000000029000000000000e03f321209000000000000e03f11000000000000e03f"`,
  );
});

test('spans: ids as they are, short ones widened, others made up', async () => {
  expect(
    await run(
      'px.otel.trace.Span(df.path, df.time_, df.end, trace_id=df.trace, parent_span_id=df.trace, kind=px.otel.trace.SPAN_KIND_CLIENT)',
    ),
  ).toBe(`sent 2 spans to ${receiver.url}; 1 lacked a value that they need`);
  const { resourceSpans } = otlp.ExportTraceRequest.decode(receiver.traces.at(-1)!);
  expect(resourceSpans.map(({ resource }) => resource!.attributes)).toEqual([[cart]]);
  const [first, second] = resourceSpans[0]!.scopeSpans[0]!.spans;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  expect(first).toMatchObject({ name: '/a', kind: 3, startTimeUnixNano: 1_000n, endTimeUnixNano: 1_500n });
  expect([hex(first!.traceId), hex(first!.parentSpanId)]).toEqual(['0102030405060708090a0b0c0d0e0f10', '']);
  expect([hex(second!.traceId), hex(second!.parentSpanId)]).toEqual([
    '00000000000000000102030405060708',
    '0102030405060708',
  ]);
  expect([first!.spanId.length, hex(first!.spanId) === hex(second!.spanId)]).toEqual([8, false]);
});

test('what the endpoint rejects and what it does not answer is told', async () => {
  const partialSuccess = { rejected: 2n, errorMessage: 'too old' };
  receiver.answer = Buffer.from(otlp.ExportResponse.encode({ partialSuccess }).finish());
  expect(await run("px.otel.metric.Gauge('latency', df.latency)")).toContain('sent 1 points of metrics');
  expect(await run("px.otel.metric.Gauge('latency', df.latency)")).toContain('2 were rejected there: too old');
  receiver.answer = Buffer.alloc(0);
  const nobody = new grpc.Server();
  const port = await new Promise<number>((done) =>
    nobody.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => done(bound)),
  );
  nobody.forceShutdown();
  const { url } = receiver;
  receiver.url = `127.0.0.1:${port}`;
  await expect(run("px.otel.metric.Gauge('latency', df.latency)")).rejects.toThrow(
    `127.0.0.1:${port} took no rows: UNAVAILABLE`,
  );
  receiver.url = url;
});
