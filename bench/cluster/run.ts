/**
 * `node bench/cluster/run.ts [rounds]`: `px run` to its rows over 1, 3, 10 and 100 agents that replay rows (`agents.ts`), by a real broker and a real API server, over real connections: time, bytes
 * that moved from the agents to the broker, the broker's memory.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from '../../testing/cluster/fleet.ts';
import { killStarted, startProcess } from '../../testing/process.ts';
import { machine, median, milliseconds, table } from '../report.ts';

const rounds = Number(process.argv[2] ?? 3);
const sizes = [1, 3, 10, 100];
const rowsEach = 10_000;
const queries: Readonly<Record<string, string>> = {
  'count and p99 by 50 paths': "df = df.groupby('path').agg(n=('latency', px.count), p99=('latency', px.p99))",
  'the last 100 rows': 'df = df.tail(100)',
  'the 10 slowest': "df = df.sort('latency', ascending=False).head(10)",
  'a window: needs all rows':
    "df = df.window(by='path', before=('latency', px.lag))\ndf = df.agg(n=('before', px.sum))",
};

console.log(`${machine()}; ${rowsEach.toLocaleString('en')} rows an agent, median of ${rounds} rounds\n`);
const fleet = await Fleet.start([], { SONDE_NODE_DEADLINE: '60s' });
try {
  const program = join(import.meta.dirname, 'agents.ts');
  const args = ['--disable-warning=ExperimentalWarning', program, `${rowsEach}`];
  const agents = await startProcess(process.execPath, {
    args,
    ready: /ready\n/,
    env: { ...process.env, KUBECONFIG: fleet.api.kubeconfig },
    timeoutMs: 60_000,
  });
  const lines = new Map<string, string[][]>(Object.keys(queries).map((name) => [name, []]));
  const first = new Map<string, { time: number; bytes: number }>();
  let there = 0;
  for (const size of sizes) {
    for (; there < size; there++) {
      await fleet.addNodeObject(`n${there + 1}`);
      agents.write(`${JSON.stringify(await fleet.addAgentPod(`agent-${there + 1}`, `n${there + 1}`))}\n`);
    }
    const connected = () => fleet.metric(fleet.broker!, 'sonde_nodes_connected');
    while ((await connected()) !== size) await sleep(100);
    for (const [name, body] of Object.entries(queries)) {
      const script = join(fleet.api.folder, 'bench.pxl');
      writeFileSync(script, `import px\ndf = px.DataFrame('calls')\n${body}\npx.display(df)\n`);
      const number = async (metric: string) => (await fleet.metric(fleet.broker!, metric)) ?? 0;
      const times: number[] = [];
      const atBroker: number[] = [];
      let bytes = 0;
      // The first one opens the ways to new agents.
      for (let round = -1; round < rounds; round++) {
        const [bytesBefore, secondsBefore] = [
          await number('sonde_node_received_bytes_total'),
          await number('sonde_query_seconds_sum'),
        ];
        const began = performance.now();
        const { code, stderr } = await fleet.px(['run', '-f', script, '-o', 'json']);
        if (code !== 0) throw new Error(`px ends with ${code}: ${stderr}`);
        if (round < 0) continue;
        times.push(performance.now() - began);
        atBroker.push(((await number('sonde_query_seconds_sum')) - secondsBefore) * 1000);
        bytes = (await number('sonde_node_received_bytes_total')) - bytesBefore;
      }
      const time = median(atBroker);
      if (!first.has(name)) first.set(name, { time, bytes });
      const one = first.get(name)!;
      lines
        .get(name)!
        .push([
          `${size}`,
          milliseconds(median(times)),
          milliseconds(time),
          (time / one.time).toFixed(1),
          kilobytes(bytes),
          (bytes / one.bytes).toFixed(1),
          `${Math.round((await number('sonde_resident_bytes')) / 1e6)} MB`,
        ]);
    }
  }
  const header = [
    'agents',
    'px run',
    'of it at the broker',
    '× 1 agent',
    'bytes from agents',
    '× 1 agent',
    "broker's memory",
  ];
  for (const [name, rows] of lines) console.log(`### ${name}\n\n${table(header, rows)}\n`);
} finally {
  await fleet.close();
  await killStarted();
}

function kilobytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
