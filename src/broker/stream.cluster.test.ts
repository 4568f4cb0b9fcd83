/** Rows that go on, over two nodes, while connections break and agents start anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { Fleet } from '../../testing/cluster/fleet.ts';
import { killStarted, type RunningProcess } from '../../testing/process.ts';
import { DemoServer } from '../../testing/targets.ts';

const lacks = apiServerLacks();
const nodes = ['n1', 'n2'];
/** A busy machine is no failure. */
const patience = { timeout: 90_000 };
const limitMs = 400_000;

describe.skipIf(lacks !== undefined)(`a stream over nodes${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  const demos = new Map<string, DemoServer>();

  beforeAll(async () => {
    fleet = await Fleet.start(nodes, { SONDE_NODE_DEADLINE: '6s' });
    await fleet.addNamespace('shop');
    for (const node of nodes) {
      const demo = await DemoServer.start();
      demos.set(node, demo);
      await fleet.addPod(`calc-${node}`, node, { app: 'calc' }, demo.pid);
    }
    // The agents hear of pods when the API server tells them.
    const seen = async () => (await fleet.px(['ps', '-n', 'shop'])).stdout;
    await vi.waitUntil(async () => (await seen()).match(/calc-n[12]/g)?.length === 2, {
      timeout: 90_000,
      interval: 200,
    });
  });
  afterAll(async () => {
    await killStarted();
    await fleet?.close();
  });

  function script(): string {
    const path = join(fleet.api.folder, 'stream.pxl');
    const text = [
      'import pxtrace',
      'import px',
      "@pxtrace.probe('main.computeE')",
      'def calls():',
      "    return [{'n': pxtrace.ArgExpr('iterations')}]",
      "pods = pxtrace.LabelSelector({'app': 'calc'}, 'shop', 'app')",
      "pxtrace.UpsertTracepoint('calls', 'calls', calls, pods, '5m')",
      "px.display(px.DataFrame('calls')[['n']].stream(), 'out')",
    ];
    writeFileSync(path, text.join('\n'));
    return path;
  }
  const shown = (px: RunningProcess): number[] =>
    px.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).n);
  /** Without those that were made until one came. */
  const seen = (px: RunningProcess) => shown(px).filter((n) => n < 100);
  /** The agent of this node traces its process. */
  const traces = async (node: string) => {
    const page = await (await fetch(`${fleet.agents.get(node)!.health}/metrics`)).text();
    return /^sonde_tracepoint_processes\{[^}]*\} 1$/m.test(page);
  };

  it('rows of all nodes come as they arrive, each once, whatever breaks', { timeout: limitMs }, async () => {
    const px = fleet.startPx(['run', '-f', script(), '-o', 'json']);
    await expect.poll(() => px.stderr, patience).toContain('Deploying calls');
    for (const node of nodes) await expect.poll(() => traces(node), patience).toBe(true);
    const warm = async (node: string, iterations: number) => {
      await expect
        .poll(async () => {
          if (px.exit !== undefined) throw new Error(`px ended: ${px.stderr}`);
          await demos.get(node)!.get(`/e?iters=${iterations}`);
          return shown(px).includes(iterations);
        }, patience)
        .toBe(true);
    };
    await warm('n1', 101);
    await warm('n2', 102);
    const wanted: number[] = [];
    const call = async (node: string, iterations: number) => {
      await demos.get(node)!.get(`/e?iters=${iterations}`);
      wanted.push(iterations);
      await px.until(`the rows ${wanted}`, () => seen(px).length >= wanted.length, patience.timeout);
      expect([...seen(px)].sort((a, b) => a - b)).toEqual(wanted);
    };
    await call('n1', 1);
    await call('n2', 2);
    // The way of px to the broker.
    fleet.cutForwards();
    await call('n1', 3);
    expect(px.stderr).toContain('the connection to the broker broke: going on where it was');
    fleet.cutForwards();
    await call('n2', 4);
    // An agent that has ended is named; the next one's rows come too.
    await fleet.endAgent('n2');
    await call('n1', 5);
    await fleet.startAgent('n2');
    await expect.poll(() => traces('n2'), patience).toBe(true);
    await warm('n2', 103);
    await call('n2', 6);
    px.child.kill('SIGINT');
    expect((await px.exited).code).not.toBeNull();
    expect(seen(px)).toHaveLength(6);
  });

  it('px trace goes on by itself', { timeout: limitMs }, async () => {
    const px = fleet.startPx(['trace', '-n', 'shop', 'pod/calc-n1', 'main.computeE', '-o', 'json']);
    const calls = () => px.lines.filter((line) => line.includes('computeE')).length;
    await expect.poll(() => px.stderr, patience).toMatch(/tracing|armed|main\.computeE/);
    await expect.poll(() => traces('n1'), patience).toBe(true);
    let made = 0;
    const call = async () => {
      await demos.get('n1')!.get('/e?iters=7');
      made++;
      await expect.poll(calls, patience).toBe(made);
    };
    await call();
    fleet.cutForwards();
    await call();
    await call();
    expect(px.stderr).toContain('going on where it was');
    // What is called while there is no broker is told by the next one.
    await fleet.endBroker();
    const next = fleet.startBroker();
    await demos.get('n1')!.get('/e?iters=8');
    made++;
    await next;
    await expect.poll(calls, patience).toBe(made);
    await call();
    expect(px.stderr).toContain('the broker started anew: the trace goes on where it was');
    expect(px.stderr.match(/armed:/g)).toHaveLength(1);
    px.child.kill('SIGINT');
    await px.exited;
    expect(px.stderr).toMatch(/\n5 calls, 5 rows, 0 drops\n$/);
    expect(calls()).toBe(5);
  });

  it('with another broker it says that it is to be run again', { timeout: limitMs }, async () => {
    const px = fleet.startPx(['run', '-f', script(), '-o', 'json']);
    // What is asked for again and again asks the next one.
    const watching = fleet.startPx(['run', 'px/upids', '-o', 'json', '--watch', '--every', '200ms']);
    await px.until('rows', () => shown(px).length > 0, patience.timeout);
    await watching.until('rows', () => watching.lines.length > 0, patience.timeout);
    await fleet.endBroker();
    await fleet.startBroker();
    const before = watching.lines.length;
    await watching.until('more rows', () => watching.lines.length > before + 10, patience.timeout);
    await watching.kill('SIGINT');
    const { code } = await px.exited;
    expect(px.stderr).toMatch(/the broker started anew.*run it again/);
    expect(code).toBe(3);
  });
});
