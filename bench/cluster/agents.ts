/**
 * `node bench/cluster/agents.ts ROWS`: agents that go to a broker and answer it as real ones do, each with the same rows; what a plan gives is computed once and replayed from
 * then on. One more agent for each line of standard input, which has its arguments (`Fleet.addAgentPod`) as JSON.
 */
import { createInterface } from 'node:readline';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, encodeBatch, encodeRelation, grpcService, sonde, splitBatch, type vizier } from '#api';
import { BrokerConnection, ClusterClient } from '#cluster';
import { implicitColumns, type Relation, RowBatchBuilder } from '#model';
import { duckdbText, hasNotes, outputColumns, planFromJson } from '#planner';
import { Store } from '#store';
import { temporaryFolder } from '../../testing/process.ts';
import { version } from '../../testing/version.ts';

const rows = Number(process.argv[2]);
const client = new ClusterClient();
const relation: Relation = {
  columns: [
    ...implicitColumns,
    { name: 'path', type: 'STRING', semantic: 'ST_NONE' },
    { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
  ],
};
const store = Store.open({ file: `${temporaryFolder('sonde-bench-')}/rows.duckdb`, maxTableBytes: 1 << 30 });
await store.createTable('calls', relation);
const builder = new RowBatchBuilder(relation.columns.map((column) => column.type));
const start = BigInt(Date.now()) * 1_000_000n;
for (let i = 0; i < rows; i++) {
  builder.column(0).uint128(1n << 32n, 5n);
  builder.column(1).int(start + BigInt(i) * 1_000_000n);
  builder.column(2).int(BigInt(i % 200));
  builder.column(3).text(`/api/v1/items/${i % 50}`);
  // Log-uniform from 10 µs to 100 ms.
  builder.column(4).int(BigInt(Math.round(10 ** (4 + (4 * ((i * 7919) % 10_007)) / 10_007))));
  builder.endRow();
}
await store.append('calls', builder.finish());

const replay = new Map<string, Promise<vizier.RowBatchData[]>>();
async function answer(text: string): Promise<vizier.RowBatchData[]> {
  const plan = planFromJson(text);
  const columns: Relation = { columns: outputColumns(plan).map(({ id: _id, ...column }) => column) };
  const found: vizier.RowBatchData[] = [];
  for await (const batch of store.query(duckdbText(plan), columns, { notes: hasNotes(plan) }))
    for (const piece of splitBatch(batch)) found.push(encodeBatch(piece, columns, '', 'sonde'));
  return found;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
function serve(number: number, words: readonly string[]): void {
  const server = new grpc.Server();
  const [, namespace, , address, , token] = words as [string, string, string, string, string, string];
  const connection = new BrokerConnection(client, { namespace, address, token }, (socket) =>
    injector.injectConnection(socket),
  );
  server.addService(grpcService(sonde.NodeServiceDefinition, asBuffer), {
    identify: (_: unknown, reply: grpc.sendUnaryData<sonde.IdentifyReply>) =>
      reply(null, { token: connection.token(), version, api: apiFingerprint }),
    welcome: ({ request }: { request: sonde.WelcomeRequest }, reply: grpc.sendUnaryData<sonde.WelcomeReply>) => {
      connection.judged(request.refused);
      reply(null, {});
    },
    describe: (_: unknown, reply: grpc.sendUnaryData<sonde.DescribeReply>) => {
      const tables = [{ name: 'calls', relation: encodeRelation(relation, 'sonde'), notice: '' }];
      const asid = number.toString(16).padStart(8, '0');
      reply(null, { node: `n${number}`, tables, nowNs: BigInt(Date.now()) * 1_000_000n, asid });
    },
    listProcesses: (_: unknown, reply: grpc.sendUnaryData<sonde.ListProcessesReply>) =>
      reply(null, { processes: [], missing: [], notes: [] }),
    runPlan: async (call: grpc.ServerWritableStream<sonde.RunPlanRequest, vizier.RowBatchData>) => {
      const { plan } = call.request;
      if (!replay.has(plan)) replay.set(plan, answer(plan));
      for (const batch of await replay.get(plan)!)
        if (!call.write(batch)) await new Promise((resolve) => call.once('drain', resolve));
      call.end();
    },
    callFunction: (call: grpc.ServerWritableStream<sonde.CallFunctionRequest, vizier.RowBatchData>) => call.end(),
  });
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
}

let agents = 0;
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) serve(++agents, JSON.parse(line));
