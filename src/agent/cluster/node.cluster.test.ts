/** The agent as a cluster's node: a real API server, a real process, real probes. The process is outside any pod. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClusterClient, type NodeStatus, readManifests, type TracepointObject } from '#cluster';
import { ApiServer, apiServerLacks } from '../../../testing/cluster/api-server.ts';
import { freePorts } from '../../../testing/free-port.ts';
import { killStarted, type RunningProcess, startProcess } from '../../../testing/process.ts';
import { PxEnvironment } from '../../../testing/px.ts';
import { root } from '../../../testing/root.ts';
import { DemoServer } from '../../../testing/targets.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`the agent of a node${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  const px = new PxEnvironment();
  let server: ApiServer;
  let client: ClusterClient;
  let agent: RunningProcess;
  let demo: DemoServer;
  let upid: string;

  beforeAll(async () => {
    server = await ApiServer.start();
    client = new ClusterClient({ kubeconfig: server.kubeconfig });
    for (const object of readManifests(join(root, 'k8s'))) {
      if (object.kind === 'CustomResourceDefinition') await client.apply(object, 'test');
    }
    const [health] = await freePorts(1);
    const main = join(root, 'src', 'agent', 'main.ts');
    const ports = ['--health', `${health}`];
    const args = ['--expose-gc', main, '--dir', px.folder, '--node', 'n1', '--broker', 'sonde', ...ports];
    agent = await startProcess(process.execPath, { args, env: { ...px.env, KUBECONFIG: server.kubeconfig } });
    // Before any px asks: one that finds no agent starts another.
    await vi.waitFor(() => expect(existsSync(join(px.folder, 'agent.sock'))).toBe(true), { timeout: 20_000 });
    demo = await DemoServer.start({});
    upid = await px.upid(demo.pid);
  });

  afterAll(async () => {
    await agent?.kill('SIGTERM');
    await px.dispose();
    await killStarted();
    await server?.[Symbol.asyncDispose]();
  });

  function object(name: string, fn: string, change: Partial<TracepointObject['spec']> = {}): TracepointObject {
    const probes = [{ function: fn, columns: [{ name: 'n', capture: 'argument', expression: 'iterations' } as const] }];
    const spec = { name, table: name, ttl: '5m', target: { upid }, probes, ...change };
    return { apiVersion: 'sonde.dev/v1alpha1', kind: 'ClusterTracepoint', metadata: { name }, spec };
  }

  async function status(name: string, fits: (status: NodeStatus) => boolean): Promise<NodeStatus> {
    let last: NodeStatus | undefined;
    const look = async () => {
      const found = await client.read<TracepointObject>(object(name, '') as never);
      last = found?.status?.nodes?.find(({ node }) => node === 'n1');
      return last !== undefined && fits(last);
    };
    await expect.poll(look, { timeout: 20_000, message: `${name}: ${JSON.stringify(last)}` }).toBe(true);
    return last!;
  }

  it('places what an object says, and counts in its status', async () => {
    await client.apply(object('calls', 'main.computeE'), 'test');
    const running = await status('calls', ({ state }) => state !== 'PENDING');
    expect(running).toMatchObject({ state: 'RUNNING', reason: '', processes: 1 });
    expect(running.conditions).toMatchObject([{ type: 'Armed', status: 'True', reason: 'RUNNING' }]);
    await demo.get('/e?iters=7');
    await demo.get('/e?iters=8');
    expect(await status('calls', ({ rows }) => rows === 2)).toMatchObject({ hits: 2, drops: 0 });
  });

  it('says why it could not, with the nearest names', async () => {
    await client.apply(object('wrong', 'main.computE'), 'test');
    const failed = await status('wrong', ({ state }) => state === 'FAILED');
    expect(failed.reason).toMatch(/main\.computeE/);
    expect(failed.conditions).toMatchObject([{ status: 'False', reason: 'FAILED' }]);
  });

  it('takes a change of the object for a new tracepoint', async () => {
    await client.apply(object('wrong', 'main.computeE'), 'test');
    expect(await status('wrong', ({ state }) => state === 'RUNNING')).toMatchObject({ observedGeneration: 2 });
  });

  it('ends it with its time to live and says so', async () => {
    await client.apply(object('short', 'main.computeE', { ttl: '2s' }), 'test');
    await status('short', ({ state }) => state === 'RUNNING');
    const over = await status('short', ({ state }) => state === 'TERMINATED');
    expect(over.reason).toBe('its time to live has passed');
  });

  it('takes the probe off when the object goes', async () => {
    await client.delete(object('calls', ''));
    await expect
      .poll(async () => (await px.rows(['tracepoint', 'list'])).find((row) => row.name === 'calls'), {
        timeout: 10_000,
      })
      .toMatchObject({ state: 'TERMINATED', reason: 'its object was deleted, by itself or with its namespace' });
  });

  it('says that the process has ended', async () => {
    await demo.process.kill();
    const over = await status('wrong', ({ state }) => state === 'TERMINATED');
    expect(over.reason).toMatch(/has ended/);
  });
});
