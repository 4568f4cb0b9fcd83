/** What queries know of Kubernetes' objects, and who may see what: real RBAC of a real API server, a real agent and broker. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClusterObject, TracepointObject } from '#cluster';
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

describe.skipIf(lacks !== undefined)(`metadata and rights${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  let cart: DemoServer;
  let vault: DemoServer;
  let outside: DemoServer;
  let alice: string;

  const apply = (object: object) => fleet.client.apply<ClusterObject>(object, 'test');
  const rbac = 'rbac.authorization.k8s.io';

  function script(name: string, ...lines: readonly string[]): string {
    const path = join(fleet.api.folder, `${name}.pxl`);
    writeFileSync(path, ['import pxtrace', 'import px', ...lines].join('\n'));
    return path;
  }
  const tracing = (table: string, target: string, name = table) => [
    "@pxtrace.probe('main.computeE')",
    `def of_${name}():`,
    "    return [{'n': pxtrace.ArgExpr('iterations')}]",
    `pxtrace.UpsertTracepoint('${name}', '${table}', of_${name}, ${target}, '5m')`,
  ];
  const rows = async (path: string, kubeconfig?: string) => {
    const { code, stdout, stderr } = await fleet.px(['run', '-f', path, '-o', 'json'], kubeconfig);
    expect(code, stderr).toBe(0);
    return jsonLines(stdout);
  };

  beforeAll(async () => {
    fleet = await Fleet.start(['n1']);
    [cart, vault, outside] = await Promise.all([DemoServer.start(), DemoServer.start(), DemoServer.start()]);
    for (const namespace of ['shop', 'bank']) await fleet.addNamespace(namespace);
    await fleet.addPod('cart-5d8f-1', 'n1', { app: 'cart' }, cart.pid, 'shop');
    await fleet.addPod('vault-0', 'n1', { app: 'vault' }, vault.pid, 'bank');
    const metadata = { name: 'cart', namespace: 'shop' };
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: 'cart' }, ports: [{ port: 80 }] },
    });
    const template = { metadata: { labels: { app: 'cart' } }, spec: { containers: [{ name: 'app', image: 'none' }] } };
    const spec = { replicas: 0, selector: { matchLabels: { app: 'cart' } }, template };
    const deployment = await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
    const ownerOf = (kind: string, name: string, uid: string) => [
      { apiVersion: 'apps/v1', kind, name, uid, controller: true },
    ];
    const replicaSet = await apply({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: 'cart-5d8f',
        namespace: 'shop',
        ownerReferences: ownerOf('Deployment', 'cart', deployment.metadata!.uid!),
      },
      spec,
    });
    const ownerReferences = ownerOf('ReplicaSet', 'cart-5d8f', replicaSet.metadata!.uid!);
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'cart-5d8f-1', namespace: 'shop', ownerReferences },
    });

    // A service whose endpoints somebody else writes.
    const own = { name: 'vault', namespace: 'bank' };
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: own, spec: { ports: [{ port: 80 }] } });
    await apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...own, name: 'vault-by-hand', labels: { 'kubernetes.io/service-name': 'vault' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.3'], targetRef: { kind: 'Pod', name: 'vault-0', namespace: 'bank' } }],
    });

    // Who may see the rows of one namespace: by a service account that was made for that.
    await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'px-shop', namespace: 'sonde' } });
    await apply({
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'px-shop', namespace: 'shop' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'sonde-viewer' },
      subjects: [{ kind: 'ServiceAccount', name: 'px-shop', namespace: 'sonde' }],
    });
    await apply({
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name: 'px-shop', namespace: 'sonde' },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
        { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] },
        { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['px-shop'], verbs: ['create'] },
      ],
    });
    await apply({
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'alice', namespace: 'sonde' },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'px-shop' },
      subjects: [{ apiGroup: rbac, kind: 'User', name: 'alice' }],
    });
    alice = fleet.api.user('alice');

    const pods = { cart: "pxtrace.PodProcess('shop/cart')", vault: "pxtrace.PodProcess('bank/vault-0')" };
    const place = script(
      'place',
      ...tracing('cart', pods.cart),
      ...tracing('vault', pods.vault),
      // Both namespaces write one table.
      ...tracing('both', pods.cart, 'both_cart'),
      ...tracing('both', pods.vault, 'both_vault'),
      "px.display(px.DataFrame('cart'), 'cart')",
    );
    await vi.waitFor(async () => expect((await fleet.px(['run', '-f', place])).code).toBe(0), { timeout: 60_000 });
    await cart.get('/e?iters=11');
    await vault.get('/e?iters=22');
  });

  afterAll(async () => {
    // Their cgroups go with the fleet.
    await killStarted();
    await fleet?.close();
  });

  const known = () =>
    script(
      'known',
      "df = px.DataFrame('cart')",
      ...['pod', 'namespace', 'service', 'node', 'container', 'deployment', 'replicaset', 'cmdline'].map(
        (name) => `df.${name} = df.ctx['${name}']`,
      ),
      'df.ip = px.pod_name_to_pod_ip(df.pod)',
      'df.started = px.pod_name_to_start_time(df.pod)',
      'df.stopped = px.pod_name_to_stop_time(df.pod)',
      'df.of = px.service_name_to_namespace(df.service)',
      "df.is_cart = px.has_service_name(df.service, 'shop/cart')",
      'px.display(df)',
    );

  it('ctx[…] and the functions tell a pod’s names, from the process to the deployment', async () => {
    const [row] = await rows(known());
    expect(row).toMatchObject({
      n: 11,
      pod: 'shop/cart-5d8f-1',
      namespace: 'shop',
      service: 'shop/cart',
      node: 'n1',
      container: 'app',
      deployment: 'shop/cart',
      replicaset: 'shop/cart-5d8f',
      cmdline: expect.stringContaining('-port 0'),
      started: expect.stringMatching(/^20/),
      stopped: null,
      of: 'shop',
      is_cart: true,
    });
  });

  it('what is left to the broker knows them too', async () => {
    const [row] = await rows(
      script(
        'grouped',
        "df = px.DataFrame('cart').groupby('upid').agg(calls=('n', px.count), most=('n', px.max))",
        "df.pod = df.ctx['pod']",
        "df.service = df.ctx['service']",
        'px.display(df)',
      ),
    );
    expect(row).toMatchObject({ pod: 'shop/cart-5d8f-1', service: 'shop/cart', calls: 1, most: 11 });
    const other = script('served', "df = px.DataFrame('vault')", "df.service = df.ctx['service']", 'px.display(df)');
    expect(await rows(other)).toMatchObject([{ n: 22, service: 'bank/vault' }]);
  });

  it('who may get tracepoints in one namespace sees that namespace only: rows, processes, tracepoints, metadata', async () => {
    const both = script('both', "px.display(px.DataFrame('both')[['time_', 'n']].head(9), 'both')");
    expect((await rows(both)).map(({ n }) => n)).toEqual([11, 22]);
    expect((await rows(both, alice)).map(({ n }) => n)).toEqual([11]);

    const ps = jsonLines((await fleet.px(['ps', '-o', 'json'], alice)).stdout);
    expect(ps.map(({ namespace }) => namespace)).toEqual(['shop']);
    const upids = await fleet.px(['run', 'px/upids', '-o', 'json'], alice);
    expect(jsonLines(upids.stdout).map(({ namespace }) => namespace)).toEqual(['shop']);
    const status = await fleet.px(['run', 'px/tracepoint_status', '-o', 'json'], alice);
    const shops = new Set(['shop/cart', 'shop/both_cart']);
    expect(new Set(jsonLines(status.stdout).map(({ name }) => name))).toEqual(shops);
    const listed = await fleet.px(['tracepoint', 'list', '-o', 'json'], alice);
    expect(jsonLines(listed.stdout).map(({ name }) => name)).toEqual(['both_cart', 'cart']);

    const hidden = await fleet.px(['trace', '-n', 'bank', 'pod/vault-0', 'main.computeE'], alice);
    expect(hidden.stderr).toMatch(/you may not see namespace bank: that takes the right to get tracepoints there/);
    expect(hidden.code).toBe(3);
    const asked = script(
      'asked',
      "df = px.DataFrame('cart')",
      "df.shop = px.pod_name_to_pod_id('shop/cart-5d8f-1')",
      "df.bank = px.pod_name_to_pod_id('bank/vault-0')",
      "px.display(df[['shop', 'bank']])",
    );
    const [admins] = await rows(asked);
    expect(admins.bank).not.toBe('');
    expect(await rows(asked, alice)).toMatchObject([{ shop: admins.shop, bank: '' }]);
  });

  it('nobody learns the names of tables and columns that only other namespaces have', async () => {
    const named = script('tables', "px.display(px.GetTables()[['table_name']])");
    const columns = script('schemas', "px.display(px.GetSchemas()[['table_name', 'column_name']])");
    const tablesOf = async (path: string, kubeconfig?: string) =>
      (await rows(path, kubeconfig)).map(({ table_name }) => table_name);
    expect(await tablesOf(named)).toEqual(['both', 'cart', 'vault']);
    expect(await tablesOf(named, alice)).toEqual(['both', 'cart']);
    expect(new Set(await tablesOf(columns))).toEqual(new Set(['both', 'cart', 'vault']));
    expect(new Set(await tablesOf(columns, alice))).toEqual(new Set(['both', 'cart']));
    const asked = script('near', "px.display(px.DataFrame('vaul'))");
    const near = async (kubeconfig?: string) => (await fleet.px(['run', '-f', asked], kubeconfig)).stderr;
    expect(await near()).toMatch(/Table 'vaul' not found[\s\S]*vault/);
    expect(await near(alice)).not.toMatch(/vault\b/);
    const known = await fleet.px(['run', '-f', script('hidden', "px.display(px.DataFrame('vault'))")], alice);
    expect([known.code, known.stderr]).toEqual([1, expect.stringMatching(/Table 'vault' not found/)]);
  });

  it('px/go_functions and px/goroutines look into the process where it is, if it may be seen', async () => {
    const ps = jsonLines((await fleet.px(['ps', '-o', 'json'])).stdout);
    const upidOf = (pod: string) => ps.find((process) => process.pod === pod).upid as string;
    const look = (name: string, pod: string, ...more: string[]) =>
      fleet.px(['run', name, '-o', 'json', ...more, '--', '--upid', upidOf(pod)]);
    const functions = await fleet.px(
      ['run', 'px/go_functions', '-o', 'json', '--', '--upid', upidOf('cart-5d8f-1'), '--match', 'main.computeE'],
      alice,
    );
    expect(functions.code, functions.stderr).toBe(0);
    expect(jsonLines(functions.stdout)).toContainEqual(
      expect.objectContaining({ function: 'main.computeE', signature: 'func(iterations int64) float64' }),
    );
    const goroutines = await look('px/goroutines', 'vault-0');
    expect(goroutines.code, goroutines.stderr).toBe(0);
    expect(jsonLines(goroutines.stdout)).toContainEqual(expect.objectContaining({ started: 'runtime.main' }));
    const upid = upidOf('vault-0');
    for (const other of [
      upid,
      upid.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      `00000001${upid.slice(8)}`,
    ]) {
      const refused = await fleet.px(['run', 'px/goroutines', '--', '--upid', other], alice);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining(`no process that you may see has the UPID ${other}; px ps lists them`),
      ]);
    }
    // By a tracepoint of the user's, for which RBAC decides, and which is gone then.
    const open = await fleet.px(['trace', '--open', '-o', 'json', '-n', 'shop', 'pod/cart-5d8f-1', 'main.main']);
    expect([open.code, open.stderr]).toEqual([0, 'cluster test\n1 call running\n']);
    expect(jsonLines(open.stdout)).toMatchObject([{ pod: 'cart-5d8f-1', outcome: 'running', goid: 1 }]);
    const denied = await fleet.px(['trace', '--open', '-n', 'shop', 'pod/cart-5d8f-1', 'main.main'], alice);
    expect([denied.code, denied.stderr]).toEqual([3, expect.stringMatching(/cannot (create|patch|get).*tracepoints/)]);
    expect((await fleet.px(['tracepoint', 'list', '-o', 'json'])).stdout).not.toContain('px-trace-');
  });

  it('a process outside any pod takes a ClusterTracepoint', async () => {
    const { stdout } = await fleet.px(['ps', '-o', 'json']);
    const { upid } = jsonLines(stdout).find(({ pid }) => pid === outside.pid);
    const lines = [...tracing('outside', `px.uint128('${upid}')`), "px.display(px.DataFrame('outside'))"];
    expect(await rows(script('outside', ...lines))).toEqual([]);
    const { items } = await fleet.client.listTracepoints('ClusterTracepoint');
    expect(items.map(({ metadata }) => [metadata.name, metadata.namespace])).toEqual([['outside', undefined]]);
    await outside.get('/e?iters=33');
    expect(await rows(script('outside', ...lines))).toMatchObject([{ n: 33 }]);
    expect((await fleet.px(['tracepoint', 'delete', 'outside'])).stderr).toContain('deleted outside');
  });

  it('a pod that is gone keeps its names for as long as its rows, and the tracepoint says that it waits', async () => {
    await cart.process.kill();
    await fleet.deletePod('cart-5d8f-1', 'shop');
    const after = async () => {
      const [row] = await rows(known());
      return row;
    };
    await vi.waitFor(async () => expect((await after()).stopped).not.toBeNull(), { timeout: 30_000 });
    expect(await after()).toMatchObject({
      pod: 'shop/cart-5d8f-1',
      service: 'shop/cart',
      deployment: 'shop/cart',
      container: 'app',
      cmdline: expect.stringContaining('-port 0'),
    });
    // The agent writes the status when it comes to it.
    const left = async () => {
      const { items } = await fleet.client.listTracepoints('Tracepoint');
      return (items.find(({ spec }) => spec.name === 'cart') as TracepointObject).status!.nodes;
    };
    await expect
      .poll(left, { timeout: 30_000 })
      .toMatchObject([{ state: 'PENDING', reason: 'waiting for a process that it fits' }]);
  });
});
