import { join } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiServer, apiServerLacks } from '../../testing/cluster/api-server.ts';
import { root } from '../../testing/root.ts';
import { ClusterClient, ClusterError } from './client.ts';
import { readManifests } from './manifests.ts';
import { type NodeStatus, type TracepointObject, toLogical, toObject } from './resource.ts';
import { watchTracepoints } from './watch.ts';

const lacks = apiServerLacks();
const tracepoint = {
  name: 'compute_e_data',
  table: 'compute_e_data',
  ttlNs: 300_000_000_000n,
  target: { kind: 'pods', pods: { namespace: 'shop', labels: { app: 'cart' } } },
  probes: [{ function: 'main.computeE', columns: [{ name: 'n', capture: { kind: 'argument', text: 'iterations' } }] }],
} as const;

const status = (node: string, rows: number): NodeStatus => ({
  node,
  state: 'RUNNING',
  reason: '',
  processes: 1,
  hits: rows,
  rows,
  drops: 0,
  bootId: 'b0',
  observedGeneration: 1,
  conditions: [
    { type: 'Armed', status: 'True', reason: 'RUNNING', message: '', lastTransitionTime: '2026-11-25T04:00:00Z' },
  ],
});

const until = async <T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  const end = performance.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe.skipIf(lacks !== undefined)(`against a real API server${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let server: ApiServer;
  let admin: ClusterClient;

  const apply = (object: object) => admin.apply(object as KubernetesObject, 'test');
  const read = () =>
    admin.read<TracepointObject>({
      apiVersion: 'sonde.dev/v1alpha1',
      kind: 'Tracepoint',
      metadata: { name: 'compute-e-data', namespace: 'shop' },
    });

  beforeAll(async () => {
    server = await ApiServer.start();
    admin = new ClusterClient({ kubeconfig: server.kubeconfig });
    for (const object of readManifests(join(root, 'k8s')))
      if (object.kind === 'CustomResourceDefinition') await apply(object);
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await until('the resources are served', async () => {
      const lists = [admin.listTracepoints('Tracepoint'), admin.listTracepoints('ClusterTracepoint')];
      return Promise.all(lists).catch(() => undefined);
    });
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it('holds a tracepoint as it was', async () => {
    const applied = await apply(toObject(tracepoint, 'shop', new Date()));
    expect(toLogical(applied as TracepointObject)).toEqual(tracepoint);
  });

  it('refuses another tracepoint under the same object name, and a spec that means nothing', async () => {
    await expect(apply(toObject({ ...tracepoint, name: 'compute-e_data' }, 'shop', new Date()))).rejects.toThrow(
      /belongs to a tracepoint of another name/,
    );
    const object = toObject(tracepoint, 'shop', new Date());
    await expect(apply({ ...object, spec: { ...object.spec, ttl: 'soon' } })).rejects.toThrow(/spec\.ttl/);
    const target = { upid: '00000003-0024-844a-0000-000008caa618', pod: 'x' };
    await expect(apply({ ...object, spec: { ...object.spec, target } })).rejects.toThrow(/nothing else narrows it/);
  });

  it('keeps one entry for each node, written by agents of their own', async () => {
    const object = (await read())!;
    await admin.applyStatus(object, status('n1', 1));
    await admin.applyStatus(object, status('n2', 2));
    await admin.applyStatus(object, status('n1', 3));
    const nodes = (await read())!.status!.nodes!;
    expect(nodes.map(({ node, rows }) => [node, rows])).toEqual([
      ['n1', 3],
      ['n2', 2],
    ]);
  });

  it('tells by a watch what is there, what changes and what goes', async () => {
    const seen: string[] = [];
    const name = (object: TracepointObject) => `${object.metadata.name} ${object.spec.ttl}`;
    const watch = watchTracepoints(admin, 'Tracepoint', {
      changed: (object) => seen.push(`changed ${name(object)}`),
      gone: (object) => seen.push(`gone ${name(object)}`),
    });
    try {
      await watch.ready;
      expect(seen).toEqual(['changed compute-e-data 5m']);
      await apply(toObject({ ...tracepoint, ttlNs: 60_000_000_000n }, 'shop', new Date()));
      await until('the change', () => (seen.includes('changed compute-e-data 1m') ? true : undefined));
      expect(await admin.delete((await read())!)).toBe(true);
      await until('the end', () => (seen.includes('gone compute-e-data 1m') ? true : undefined));
    } finally {
      watch.close();
    }
    expect(await read()).toBeUndefined();
  });

  it('lets a user trace the namespaces where RBAC says so, and no other', async () => {
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bank' } });
    const metadata = { name: 'tracer', namespace: 'shop' };
    const rules = [{ apiGroups: ['sonde.dev'], resources: ['tracepoints'], verbs: ['create', 'patch', 'get'] }];
    await apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules });
    await apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'tracer' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    const jane = new ClusterClient({ kubeconfig: server.user('jane') });
    const place = (namespace: string) => jane.apply(toObject(tracepoint, namespace, new Date()), 'px');
    // The authorizer learns of a new role by a watch.
    await until('the right', () => place('shop').catch(() => undefined));
    const refused = await place('bank').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ClusterError);
    expect(refused).toMatchObject({ status: 403 });
    expect(String(refused)).toMatch(/User "jane" cannot patch resource "tracepoints"/);
    const who = { user: 'jane', groups: [] };
    expect(await admin.mayTracepoints(who, 'get', 'shop')).toBe(true);
    expect(await admin.mayTracepoints(who, 'get', 'bank')).toBe(false);
    expect(await admin.mayTracepoints(who, 'get')).toBe(false);
  });

  it('makes tokens of a service account that are good for one audience', async () => {
    await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'px', namespace: 'shop' } });
    const token = await admin.requestToken('shop', 'px', 'sonde');
    expect(await admin.reviewToken(token, 'sonde')).toMatchObject({ user: 'system:serviceaccount:shop:px' });
    expect(await admin.reviewToken(token, 'other')).toBeUndefined();
    expect(await admin.reviewToken('nonsense', 'sonde')).toBeUndefined();
  });
});
