/** What a user types from a laptop about pods: ps, funcs, trace, tracepoint. Real agents, a real broker, a real API server; the processes are those of pods. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TracepointObject } from '#cluster';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { Fleet } from '../../testing/cluster/fleet.ts';
import { killStarted } from '../../testing/process.ts';
import { DemoServer } from '../../testing/targets.ts';

const lacks = apiServerLacks();
const jsonLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe.skipIf(lacks !== undefined)(`pods from a laptop${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  let old: DemoServer;
  let fresh: DemoServer;

  const px = (...args: string[]) => fleet.px(args);
  const tracepoints = async () => (await fleet.client.listTracepoints('Tracepoint')).items;

  /** As a deployment's replica set would have made it. */
  async function ownedBy(pod: string, replicaSet: string) {
    const hash = replicaSet.split('-').at(-1)!;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSet, uid: replicaSet, controller: true };
    const metadata = { name: pod, namespace: 'shop', labels: { 'pod-template-hash': hash }, ownerReferences: [owner] };
    await fleet.client.apply({ apiVersion: 'v1', kind: 'Pod', metadata }, 'test');
  }

  beforeAll(async () => {
    fleet = await Fleet.start(['n1', 'n2']);
    await fleet.addNamespace('shop');
    // Two versions of one program.
    old = await DemoServer.start({ toolchain: 'go1.21.13' });
    fresh = await DemoServer.start();
    await fleet.addPod('calc-5d8f-1', 'n1', { app: 'calc' }, old.pid);
    await fleet.addPod('calc-7c11-1', 'n2', { app: 'calc' }, fresh.pid);
    await ownedBy('calc-5d8f-1', 'calc-5d8f');
    await ownedBy('calc-7c11-1', 'calc-7c11');
    const waiting = { containers: [{ name: 'app', image: 'none' }] };
    const metadata = { name: 'waiting', namespace: 'shop' };
    await fleet.client.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: waiting } as never, 'test');
    const seen = async () => (await px('ps', '-n', 'shop', '-o', 'json')).stdout.match(/"pod":"calc-/g)?.length;
    await vi.waitFor(async () => expect(await seen()).toBe(2), { timeout: 60_000 });
  });

  afterAll(async () => {
    // Their cgroups go with the fleet.
    await killStarted();
    await fleet?.close();
  });

  it('px ps: of a namespace, a deployment, a pod, a container', async () => {
    const all = await px('ps', '-n', 'shop', '-o', 'json');
    expect(
      jsonLines(all.stdout).map(({ node, namespace, pod, container_name }) => [node, namespace, pod, container_name]),
    ).toEqual([
      ['n1', 'shop', 'calc-5d8f-1', 'app'],
      ['n2', 'shop', 'calc-7c11-1', 'app'],
    ]);
    expect(all.stderr).toBe('cluster test\npod waiting does not run yet: it is Pending\n');
    const one = await px('ps', '-n', 'shop', 'pod/calc-7c11-1', '-c', 'app', '-o', 'json');
    expect(jsonLines(one.stdout).map(({ pod }) => pod)).toEqual(['calc-7c11-1']);
    expect((await px('ps', '-n', 'shop', 'deploy/calc', '-o', 'json')).stdout.match(/"pod"/g)).toHaveLength(2);
  });

  it.each([
    [['pod/calc-7c11-2'], 'there is no pod calc-7c11-2 in namespace shop; did you mean calc-7c11-1?', 1],
    [['deploy/clac'], 'there is no pod of deploy/clac in namespace shop; did you mean calc?', 1],
    [['pod/waiting'], 'pod waiting does not run yet: it is Pending', 1],
    [['deploy/calc', '-c', 'sidecar'], 'deploy/calc in namespace shop has no container sidecar: it has app', 1],
    [['4711'], '4711: in a cluster a process is pod/NAME, deploy/NAME, sts/NAME, ds/NAME or a UPID', 2],
    [['pod/x', '-n', 'nowhere'], 'there is no namespace nowhere', 1],
  ] as const)('px trace %j says what is wrong', async ([target, ...options], message, code) => {
    const found = await px('trace', '-n', 'shop', ...options, target, 'main.computeE');
    expect(found.stderr).toContain(message);
    expect(found.code).toBe(code);
    expect(await tracepoints()).toEqual([]);
  });

  it('px funcs: of all versions of the program, and what only one of them has', async () => {
    const { code, stdout, stderr } = await px('funcs', '-n', 'shop', 'deploy/calc', 'main.', '-o', 'json');
    expect(code, stderr).toBe(0);
    const rows = jsonLines(stdout);
    expect(rows.filter(({ name }) => name === 'main.computeE')).toMatchObject([
      { signature: 'func(iterations int64) float64', only_in: null },
    ]);
    const runtime = await px('funcs', '-n', 'shop', 'deploy/calc', 'runtime.', '-o', 'json');
    expect(runtime.stderr).toMatch(/the pods run several versions of the program: \d+ of \d+ functions are not in all/);
    expect(jsonLines(runtime.stdout).some(({ only_in }) => only_in === 'calc-5d8f-1')).toBe(true);
    expect(
      jsonLines((await px('funcs', '-n', 'shop', 'pod/calc-7c11-1', 'runtime.main', '-o', 'json')).stdout)[0].only_in,
    ).toBeNull();
  });

  it('px trace: all pods of a deployment at once, both versions; Ctrl-C takes the object away', async () => {
    const trace = fleet.startPx(['trace', '-n', 'shop', 'deploy/calc', 'main.computeE']);
    await expect.poll(() => trace.stderr.match(/armed: main\.computeE in pod/g)?.length, { timeout: 40_000 }).toBe(2);
    const [object] = await tracepoints();
    expect(object!.metadata.annotations).toEqual({ 'sonde.dev/owner': 'admin' });
    expect(object!.metadata.namespace).toBe('shop');
    await old.get('/e?iters=11');
    await fresh.get('/e?iters=12');
    await expect.poll(() => trace.stdout.split('\n').length, { timeout: 10_000 }).toBe(3);
    trace.child.kill('SIGINT');
    const { code } = await trace.exited;
    expect(trace.stderr).toMatch(/\n2 calls, 2 rows, 0 drops\n$/);
    expect(code).toBe(0);
    expect(trace.stdout.split('\n').sort()).toEqual([
      '',
      expect.stringMatching(
        /^\S+ {2}calc-5d8f-1 {2}goid \d+ {2}main\.computeE\(iterations=11\) = \(\$0=2\.7\d*\) {2}\S+ \S+$/,
      ),
      expect.stringMatching(
        /^\S+ {2}calc-7c11-1 {2}goid \d+ {2}main\.computeE\(iterations=12\) = \(\$0=2\.7\d*\) {2}\S+ \S+$/,
      ),
    ]);
    expect(await tracepoints()).toEqual([]);
  });

  it('px trace of a UPID, JSON, with an end of its own', async () => {
    const [{ upid }] = jsonLines((await px('ps', '-n', 'shop', 'pod/calc-5d8f-1', '-o', 'json')).stdout);
    const trace = fleet.startPx(['trace', upid, 'main.computeE', '--stack', '-o', 'json', '--count', '2']);
    await expect.poll(() => trace.stderr, { timeout: 40_000 }).toContain('armed');
    for (const n of [21, 22, 23]) await old.get(`/e?iters=${n}`);
    expect((await trace.exited).code).toBe(0);
    expect(jsonLines(trace.stdout)).toMatchObject([
      { node: 'n1', namespace: 'shop', pod: 'calc-5d8f-1', container_name: 'app', upid, args: { iterations: 21 } },
      {
        args: { iterations: 22 },
        stack: expect.arrayContaining([expect.stringMatching(/^net\/http\.\(\*conn\)\.serve /)]),
      },
    ]);
    expect(await tracepoints()).toEqual([]);
  });

  it('px trace of a function that is not there: the nearest names, and nothing left', async () => {
    const { code, stderr } = await px('trace', '-n', 'shop', 'deploy/calc', 'main.computF');
    expect(stderr).toMatch(/main\.computF[\s\S]*main\.computeE/);
    expect(code).toBe(1);
    expect(await tracepoints()).toEqual([]);
  });

  it('a pod that comes while px trace runs is picked up; a px that is killed leaves what ends by itself', async () => {
    const trace = fleet.startPx(['trace', '-n', 'shop', 'deploy/calc', 'main.computeE']);
    await expect.poll(() => trace.stderr.match(/armed: /g)?.length, { timeout: 40_000 }).toBe(2);
    const later = await DemoServer.start();
    await fleet.addPod('calc-7c11-2', 'n1', { app: 'calc' }, later.pid);
    await ownedBy('calc-7c11-2', 'calc-7c11');
    await expect.poll(() => trace.stderr, { timeout: 40_000 }).toContain('in pod calc-7c11-2, pid');
    await later.get('/e?iters=31');
    await expect.poll(() => trace.stdout, { timeout: 10_000 }).toContain('calc-7c11-2  goid');
    const [object] = await tracepoints();
    expect(object!.spec.ttl).toBe('1m');
    await trace.kill('SIGKILL');
    await fleet.client.delete(object!);
    await fleet.deletePod('calc-7c11-2');
    await later.process.kill();
  });

  it('px trace whose object somebody else deletes ends and says so', async () => {
    const trace = fleet.startPx(['trace', '-n', 'shop', 'pod/calc-5d8f-1', 'main.computeE']);
    await expect.poll(() => trace.stderr, { timeout: 40_000 }).toContain('armed');
    await fleet.client.delete((await tracepoints())[0]!);
    expect((await trace.exited).code).toBe(0);
    expect(trace.stderr).toMatch(/\nended: node n1: its object was deleted, by itself or with its namespace\n$/);
  });

  const script = () => {
    const path = join(fleet.api.folder, 'owned.pxl');
    const lines = [
      'import pxtrace',
      'import px',
      "@pxtrace.probe('main.computeE')",
      'def calls():',
      "    return [{'n': pxtrace.ArgExpr('iterations')}]",
      "pxtrace.UpsertTracepoint('owned', 'owned', calls, pxtrace.PodProcess('shop/calc'), '5m')",
      "px.display(px.DataFrame('owned'))",
    ];
    writeFileSync(path, lines.join('\n'));
    return path;
  };

  it('somebody else’s tracepoint is taken over with --replace only, and says whose it is', async () => {
    const jane = fleet.api.user('jane');
    for (const [name, rules] of [
      ['sonde', [{ apiGroups: [''], resources: ['pods', 'pods/portforward', 'serviceaccounts/token'], verbs: ['*'] }]],
      ['shop', [{ apiGroups: ['sonde.dev'], resources: ['tracepoints'], verbs: ['*'] }]],
    ] as const) {
      const metadata = { name: 'jane', namespace: name };
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'jane' };
      const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }];
      const apiVersion = 'rbac.authorization.k8s.io/v1';
      await fleet.client.apply({ apiVersion, kind: 'Role', metadata, rules } as never, 'test');
      await fleet.client.apply({ apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects } as never, 'test');
    }
    expect((await px('run', '-f', script())).code).toBe(0);
    const refused = await fleet.px(['run', '-f', script()], jane);
    expect(refused.stderr).toMatch(
      /tracepoint owned in namespace shop is admin’s and traces for another \d+ s\n {2}px run --replace takes it over/,
    );
    expect(refused.code).toBe(1);
    const taken = await fleet.px(['run', '--replace', '-f', script()], jane);
    expect(taken.code, taken.stderr).toBe(0);
    const listed = jsonLines((await px('tracepoint', 'list', '-n', 'shop', '-o', 'json')).stdout);
    expect(listed).toMatchObject([
      { namespace: 'shop', name: 'owned', state: 'RUNNING', owner: 'jane', table: 'owned' },
    ]);
    // And back: jane's is hers now.
    expect((await px('run', '-f', script())).stderr).toContain('is jane’s');
  });

  it('nobody writes another’s name', async () => {
    const there = (await tracepoints())[0] as TracepointObject;
    const forged = {
      ...there,
      metadata: { name: 'forged', namespace: 'shop', annotations: { 'sonde.dev/owner': 'root' } },
    };
    await expect(fleet.client.apply(forged, 'test')).rejects.toThrow(
      /names who writes the tracepoint, and nobody else/,
    );
  });

  it('px tracepoint delete: with the user’s rights, by name', async () => {
    const wrong = await px('tracepoint', 'delete', 'ownd');
    expect(wrong.stderr).toBe('cluster test\nno tracepoint ownd; did you mean owned?\n');
    expect(wrong.code).toBe(1);
    const done = await px('tracepoint', 'delete', '-n', 'shop', 'owned');
    expect(done.stderr).toBe('cluster test\ndeleted owned\n');
    expect(await tracepoints()).toEqual([]);
  });
});
