/** A query over three nodes: real agents, a real broker, a real API server; the processes are those of pods. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { otlp } from '#api';
import { apiVersion, type ClusterObject, type TracepointObject } from '#cluster';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { Fleet, type Member } from '../../testing/cluster/fleet.ts';
import { OtlpReceiver } from '../../testing/otlp-receiver.ts';
import { pxapiPython } from '../../testing/pixie-python-suite.ts';
import { killStarted } from '../../testing/process.ts';
import { root } from '../../testing/root.ts';
import { DemoServer } from '../../testing/targets.ts';

const lacks = apiServerLacks();
const nodes = ['n1', 'n2', 'n3'];

/** As `metrics.py` prints it. */
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly [name: string, labels: Readonly<Record<string, string>>, value: number][];
}

describe.skipIf(lacks !== undefined)(`a query over nodes${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  const demos = new Map<string, DemoServer>();
  let python: string;

  beforeAll(async () => {
    python = pxapiPython();
    fleet = await Fleet.start(nodes, { SONDE_NODE_DEADLINE: '6s' });
    await fleet.addNamespace('shop');
    for (const node of nodes) {
      const demo = await DemoServer.start();
      demos.set(node, demo);
      await fleet.addPod(`calc-${node}`, node, { app: 'calc' }, demo.pid);
    }
  });

  afterAll(async () => {
    // Their cgroups go with the fleet.
    await killStarted();
    await fleet?.close();
  });

  function script(...lines: readonly string[]): string {
    const path = join(fleet.api.folder, 'script.pxl');
    const text = [
      'import pxtrace',
      'import px',
      "@pxtrace.probe('main.computeE')",
      'def calls():',
      "    return [{'n': pxtrace.ArgExpr('iterations')}, {'latency': pxtrace.FunctionLatency()}]",
      "pods = pxtrace.LabelSelector({'app': 'calc'}, 'shop', 'app')",
      "pxtrace.UpsertTracepoint('calls', 'calls', calls, pods, '5m')",
      "df = px.DataFrame('calls')",
      ...lines,
      'px.display(df)',
    ];
    writeFileSync(path, text.join('\n'));
    return path;
  }

  async function rows(...lines: readonly string[]) {
    const { code, stdout, stderr } = await fleet.px(['run', '-f', script(...lines), '-o', 'json']);
    const found = stdout.split('\n').filter((line) => line !== '');
    return { code, stderr, rows: found.map((line) => JSON.parse(line)) };
  }

  const statuses = async () => {
    const metadata = { name: 'calls', namespace: 'shop' };
    const found = await fleet.client.read<TracepointObject>({ apiVersion, kind: 'Tracepoint', metadata });
    return found?.status?.nodes ?? [];
  };
  const processes = async () => (await statuses()).reduce((sum, node) => sum + node.processes, 0);

  it('traces the pods of all nodes at once', async () => {
    // On a busy machine px may find that no pod fits yet, and say so.
    await rows();
    await expect.poll(processes, { timeout: 60_000 }).toBe(3);
    const { code, stderr } = await rows();
    expect(stderr).toMatch(/ ✔ {4}Deploying calls\n$/);
    expect(code).toBe(0);
    // n1: 1 call, n2: 2, n3: 3, in turn.
    for (const round of [1, 2, 3])
      for (const [i, node] of nodes.entries())
        if (i + 1 >= round) await demos.get(node)!.get(`/e?iters=${100 * round + i}`);
  });

  it('gathers their rows, in the order of time', async () => {
    const found = await rows("df = df[['time_', 'n']].head(100)");
    expect(found.stderr).not.toMatch(/without/);
    expect(found.rows.map((row) => row.n)).toEqual([100, 101, 102, 201, 202, 302]);
    expect((await rows("df = df[['n']].tail(2)")).rows.map((row) => row.n)).toEqual([202, 302]);
  });

  it('groups over them, and by process', async () => {
    const all = await rows(
      "df = df.agg(count=('n', px.count), sum=('n', px.sum), p50=('n', px.p50), last=('n', px.last), d=('n', px.count_distinct))",
    );
    expect(all.rows).toMatchObject([{ count: 6, sum: 1008, p50: 151.5, last: 302, d: 6 }]);
    const each = await rows("df = df.groupby('upid').agg(count=('n', px.count), first=('n', px.first))");
    expect(each.rows.map(({ count, first }) => [count, first])).toEqual([
      [1, 100],
      [2, 101],
      [3, 102],
    ]);
  });

  it('looks at each node up what its processes are', async () => {
    const found = await rows("df.pid = df.ctx['cmdline']", "df = df.groupby('pid').agg(count=('n', px.count))");
    expect(found.rows).toEqual([expect.objectContaining({ pid: expect.stringMatching(/ -port 0$/), count: 6 })]);
  });

  it('sends rows to an endpoint that an administrator has named, and to no other', async () => {
    const receiver = new OtlpReceiver();
    await receiver.start();
    const text = [
      'import px',
      `to = px.otel.Endpoint(url='${receiver.url}', insecure=True)`,
      "df = px.DataFrame('calls')",
      "data = [px.otel.metric.Gauge(name='calls', value=df.n)]",
      "px.export(df, px.otel.Data(endpoint=to, resource={'service.name': 'calc'}, data=data))",
    ];
    const file = join(fleet.api.folder, 'export.pxl');
    writeFileSync(file, text.join('\n'));
    const refused = await fleet.px(['run', '-f', file]);
    expect(refused.stderr).toContain(
      `in the ConfigMap sonde/broker-exports: it names none, not ${receiver.url}\n  kubectl -n sonde create configmap broker-exports --from-literal=endpoints=${receiver.url}\n`,
    );
    expect(refused.code).toBe(1);
    const metadata = { name: 'broker-exports', namespace: 'sonde' };
    const data = { endpoints: `# the collector\n${receiver.url}\n` };
    await fleet.client.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as ClusterObject);
    const sent = await fleet.px(['run', '-f', file]);
    expect(sent.stderr).toContain(`sent 6 points of metrics to ${receiver.url}\n`);
    expect(sent.code).toBe(0);
    const points = receiver.metrics
      .flatMap((bytes) => otlp.ExportMetricsRequest.decode(bytes).resourceMetrics)
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .flatMap(({ data }) => (data?.$case === 'gauge' ? data.value.dataPoints : []));
    expect(points.map(({ value }) => Number(value?.value)).sort()).toEqual([100, 101, 102, 201, 202, 302]);
    receiver.stop();
  });

  it('operators see what it did, in pages that Prometheus reads', async () => {
    const pageOf = async ({ health }: Member) => {
      expect(await (await fetch(`${health}/livez`)).text()).toBe('ok\n');
      expect(await (await fetch(`${health}/readyz`)).text()).toBe('ok\n');
      const input = await (await fetch(`${health}/metrics`)).text();
      const read = spawnSync(python, [join(root, 'test', 'python', 'metrics.py')], { input, encoding: 'utf8' });
      expect(read.stderr).toBe('');
      const families: Family[] = JSON.parse(read.stdout);
      for (const family of families) expect(family.help, family.name).not.toBe('');
      for (const family of families) expect(['counter', 'gauge', 'histogram'], family.name).toContain(family.type);
      return (name: string) => families.flatMap(({ samples }) => samples.filter(([sample]) => sample === name));
    };
    const broker = await pageOf(fleet.broker!);
    expect(broker('sonde_nodes_running')).toEqual([['sonde_nodes_running', {}, 3]]);
    expect(broker('sonde_query_seconds_count')[0]![2]).toBeGreaterThan(2);
    expect(broker('sonde_node_received_bytes_total')[0]![2]).toBeGreaterThan(1000);
    const agent = await pageOf(fleet.agents.get('n3')!);
    const calls = await fleet.client.read<TracepointObject>({
      apiVersion,
      kind: 'Tracepoint',
      metadata: { name: 'calls', namespace: 'shop' },
    });
    const labels = { uid: calls!.metadata.uid, state: 'RUNNING' };
    expect(agent('sonde_tracepoint_hits_total')).toEqual([['sonde_tracepoint_hits_total', labels, 3]]);
    expect(agent('sonde_tracepoint_drops_total')).toEqual([['sonde_tracepoint_drops_total', labels, 0]]);
    expect(agent('sonde_tracepoint_cost_cpus')[0]![2]).toBeLessThan(0.5);
    expect(agent('sonde_table_rows')).toEqual([['sonde_table_rows', {}, 3]]);
    expect(agent('sonde_resident_bytes')[0]![2]).toBeGreaterThan(10e6);
    expect(agent('sonde_node_query_seconds_bucket').at(-1)![1]).toEqual({ le: '+Inf' });
  });

  it('names the node that does not answer and what is missing of it, and goes on with it when it is back', async () => {
    const { child } = fleet.agents.get('n2')!.process;
    const agg = script("df = df.agg(count=('n', px.count))");
    const watching = fleet.startPx(['run', '-f', agg, '-o', 'json', '--watch', '--every', '100ms']);
    const last = () => JSON.parse(watching.lines.at(-1) ?? '{}').count;
    try {
      await watching.until('the rows of all', () => last() === 6, 30_000);
      child.kill('SIGSTOP');
      const named = 'without the rows of node n2: its agent did not answer within 6 s';
      await watching.until('the node is named', () => watching.stderr.includes(named), 60_000);
      expect(last()).toBe(4);
      const { code, stdout, stderr } = await fleet.px(['run', '-f', agg, '-o', 'json']);
      expect(stderr).toContain(named);
      expect(JSON.parse(stdout)).toMatchObject({ count: 4 });
      expect(code).toBe(4);
      child.kill('SIGCONT');
      await watching.until('it is back', () => last() === 6, 60_000);
    } finally {
      child.kill('SIGCONT');
      await watching.kill('SIGINT');
    }
  });

  it('an agent that ends has its rows missing, its successor traces again and says so', async () => {
    await fleet.endAgent('n3');
    const during = await rows("df = df.agg(count=('n', px.count))");
    // No pod, no node: Kubernetes does not expect rows of it.
    expect(during.rows).toMatchObject([{ count: 3 }]);
    await fleet.startAgent('n3');
    const news = async () => (await statuses()).find(({ node }) => node === 'n3')?.reason;
    await expect.poll(news, { timeout: 60_000 }).toMatch(/its agent started anew/);
    await demos.get('n3')!.get('/e?iters=999');
    const after = await rows('df = df[df.n > 900]', "df = df[['n']]");
    expect(after.rows).toMatchObject([{ n: 999 }]);
    expect(after.stderr).toMatch(
      /node n3: its agent started anew at \S+; the rows of before \(3\) went with the old one\n/,
    );
  });
});
