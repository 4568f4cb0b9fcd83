/** What goes wrong in a cluster, and what is then said: real agents, a real broker, a real API server. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiVersion, type NodeStatus, type TracepointKind, type TracepointObject } from '#cluster';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { Fleet } from '../../testing/cluster/fleet.ts';
import { killStarted } from '../../testing/process.ts';
import { DemoServer } from '../../testing/targets.ts';

const lacks = apiServerLacks();
const patience = { timeout: 30_000, interval: 100 };
const hour = 3_600_000;

describe.skipIf(lacks !== undefined)(`faults of a cluster${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  let demo: DemoServer;
  let upid: string;

  beforeAll(async () => {
    fleet = await Fleet.start(['n1']);
    await fleet.addNamespace('shop');
    demo = await DemoServer.start();
    await fleet.addPod('calc', 'n1', { app: 'calc' }, demo.pid);
    const { stdout } = await fleet.px(['run', 'px/upids', '-o', 'json', '--', '--namespace', 'shop']);
    upid = JSON.parse(stdout).upid;
  });

  afterAll(async () => {
    // Their cgroups go with the fleet.
    await killStarted();
    await fleet?.close();
  });

  const agent = () => fleet.agents.get('n1')!;

  function object(name: string, change: Partial<TracepointObject['spec']> = {}, kind: TracepointKind = 'Tracepoint') {
    const columns = [{ name: 'n', capture: 'argument', expression: 'iterations' } as const];
    const target = { labels: { app: 'calc' } };
    const spec = { name, table: name, ttl: '30m', target, probes: [{ function: 'main.computeE', columns }], ...change };
    const metadata = { name, ...(kind === 'Tracepoint' ? { namespace: 'shop' } : {}) };
    return { apiVersion, kind, metadata, spec } satisfies TracepointObject;
  }

  async function statusOf(name: string, node = 'n1'): Promise<NodeStatus | undefined> {
    const found = await fleet.client.read<TracepointObject>(object(name));
    return found?.status?.nodes?.find((each) => each.node === node);
  }

  const stateOf = async (name: string, node?: string) => (await statusOf(name, node))?.state;

  function script(...lines: readonly string[]): string {
    const path = join(fleet.api.folder, 'script.pxl');
    writeFileSync(path, ['import px', ...lines, 'px.display(df)'].join('\n'));
    return path;
  }

  const hits = async (name: string, state = 'RUNNING') => {
    const uid = uids.get(name) ?? (await fleet.client.read<TracepointObject>(object(name)))?.metadata.uid;
    if (uid !== undefined) uids.set(name, uid);
    return fleet.metric(agent(), `sonde_tracepoint_hits_total{uid="${uid}",state="${state}"}`);
  };
  /** The API server is away in some tests. */
  const uids = new Map<string, string>();

  it('an object of which nothing but its time is wrong goes an hour after it, if px wrote it', async () => {
    const renewedAt = new Date(Date.now() - 2 * hour).toISOString();
    const own = object('expired', { renewedAt });
    await fleet.client.apply(
      { ...own, metadata: { ...own.metadata, annotations: { 'sonde.dev/owner': 'admin' } } },
      'test',
    );
    await fleet.client.apply(object('from-git', { renewedAt }), 'test');
    await fleet.endBroker('SIGTERM');
    await fleet.startBroker();
    await expect.poll(() => fleet.client.read<TracepointObject>(own), patience).toBeUndefined();
    expect(await fleet.client.read<TracepointObject>(object('from-git'))).toBeDefined();
    await expect
      .poll(() => statusOf('from-git'), patience)
      .toMatchObject({ state: 'TERMINATED', reason: 'its time to live has passed' });
  });

  it('a broker that goes in mid-query: px says what to do, the agent drops its part', async () => {
    await fleet.client.apply(object('calls'), 'test');
    await expect.poll(() => stateOf('calls'), patience).toBe('RUNNING');
    for (let i = 0; i < 100; i++) await demo.get(`/e?iters=${i}`);
    await expect.poll(() => hits('calls'), patience).toBe(100);
    // More than all buffers on the way hold.
    const wide = script("df = px.DataFrame('calls')", `df.wide = '${'x'.repeat(400_000)}'`);
    const px = fleet.startPx(['run', '-f', wide, '-o', 'json']);
    px.endInput();
    await px.until('the first rows', () => px.stdout.length > 0, 30_000);
    px.child.kill('SIGSTOP');
    await expect.poll(() => fleet.metric(agent(), 'sonde_node_queries_running'), patience).toBe(1);
    await fleet.endBroker('SIGKILL');
    await expect.poll(() => fleet.metric(agent(), 'sonde_node_queries_running'), patience).toBe(0);
    px.child.kill('SIGCONT');
    const { code } = await px.exited;
    expect(px.stderr).toMatch(
      /the broker went away \(.*\); tracepoints and their rows are at the nodes: run it again\n$/,
    );
    expect(code).toBe(3);
    const sum = script("df = px.DataFrame('calls').agg(n=('n', px.count))");
    const none = await fleet.px(['run', '-f', sum]);
    expect(none.stderr).toMatch(/no broker is ready in the cluster test/);
    expect(none.code).toBe(3);
    // Its next pod is there, and is not ready.
    await fleet.createPod('sonde', 'broker-next', 'control', { app: 'sonde-broker' }, 'broker');
    const again = fleet.startPx(['run', '-f', sum, '-o', 'json']);
    await again.until('px waits', () => again.stderr.includes('waiting for it'), 30_000);
    expect(again.stderr).toBe('cluster test\nthe broker is not ready yet (pod broker-next): waiting for it\n');
    await fleet.startBroker();
    expect(await again.exited).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ n: 100 });
  });

  it('while the API server is away, agents trace, and end what is over; on its return they say so', async () => {
    await fleet.client.apply(object('short', { ttl: '6s' }), 'test');
    await expect.poll(() => stateOf('short'), patience).toBe('RUNNING');
    await hits('short');
    await fleet.api.stop();
    try {
      await demo.get('/e?iters=1');
      await expect.poll(() => hits('calls'), patience).toBe(101);
      await expect.poll(() => hits('short', 'TERMINATED'), patience).toBe(1);
      await demo.get('/e?iters=2');
      await expect.poll(() => hits('calls'), patience).toBe(102);
      const away = await fleet.px(['run', '--context', 'test', 'px/upids']);
      expect(away.stderr).toMatch(/looking for pods in namespace sonde: connect ECONNREFUSED/);
      expect(away.code).toBe(3);
    } finally {
      await fleet.api.startAgain();
    }
    await expect.poll(() => stateOf('short'), patience).toBe('TERMINATED');
    await expect.poll(async () => (await statusOf('calls'))?.rows, patience).toBe(102);
    await fleet.client.apply(object('later'), 'test');
    await expect.poll(() => stateOf('later'), patience).toBe('RUNNING');
    const again = await fleet.px([
      'run',
      '-f',
      script("df = px.DataFrame('calls').agg(n=('n', px.count))"),
      '-o',
      'json',
    ]);
    expect(JSON.parse(again.stdout)).toMatchObject({ n: 102 });
  });

  it('a node with another clock traces as long as the others, and its times are told of', async () => {
    const ahead = `const now = Date.now; Date.now = () => now() + ${hour};`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}` };
    await fleet.addNode('n2', { env });
    const second = await DemoServer.start();
    await fleet.addPod('calc-2', 'n2', { app: 'calc' }, second.pid);
    await expect.poll(() => stateOf('calls', 'n2'), patience).toBe('RUNNING');
    await second.get('/e?iters=7');
    const found = await fleet.px([
      'run',
      '-f',
      script("df = px.DataFrame('calls').agg(n=('n', px.count))"),
      '-o',
      'json',
    ]);
    expect(JSON.parse(found.stdout)).toMatchObject({ n: 103 });
    expect(found.stderr).toMatch(
      /node n2: its clock is 3[56]\d\d(\.\d+)? s ahead of the broker’s; times of its rows are its own\n/,
    );
    expect(found.code).toBe(0);
    await fleet.endAgent('n2', 'SIGTERM');
    expect(await statusOf('calls', 'n2')).toMatchObject({
      state: 'PENDING',
      reason: 'the agent of this node has ended',
    });
  });

  it('two nodes of one machine-id are refused and named', async () => {
    copyFileSync(join(fleet.api.folder, 'n1.machine-id'), join(fleet.api.folder, 'n3.machine-id'));
    await fleet.addNode('n3');
    const found = await fleet.px(['run', 'px/upids', '-o', 'json', '--', '--namespace', 'shop']);
    expect(found.stderr).toMatch(
      /without the rows of node n3: it has the machine-id of node n1: give one of them another \/etc\/machine-id\n/,
    );
    expect(found.code).toBe(4);
    await fleet.endAgent('n3');
  });

  it('after a reboot a UPID of before means no process, though one may have its numbers', async () => {
    await fleet.client.apply(object('one', { target: { upid } }), 'test');
    await expect.poll(() => stateOf('one'), patience).toBe('RUNNING');
    await fleet.endAgent('n1');
    await fleet.startAgent('n1', { bootId: '00000000-1111-2222-3333-444444444444' });
    await expect.poll(() => stateOf('one'), patience).toBe('TERMINATED');
    expect((await statusOf('one'))?.reason).toBe('the node has rebooted: the process of this UPID has ended');
    // A selector means whoever fits it now.
    await expect.poll(async () => (await statusOf('calls'))?.reason, patience).toMatch(/its agent started anew/);
    expect(await stateOf('calls')).toBe('RUNNING');
  });

  it('another version of a program beside the first: both are traced, each as it is', async () => {
    const other = await DemoServer.start({ toolchain: 'go1.21.13' });
    await fleet.addPod('calc-v2', 'n1', { app: 'calc' }, other.pid);
    await expect.poll(async () => (await statusOf('calls'))?.processes, patience).toBe(2);
    await demo.get('/e?iters=11');
    await other.get('/e?iters=12');
    const each = await fleet.px([
      'run',
      '-f',
      script("df = px.DataFrame('calls').groupby('upid').agg(n=('n', px.last))"),
      '-o',
      'json',
    ]);
    const rows = each.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).n);
    expect(rows.sort()).toEqual([11, 12]);
  });
});
