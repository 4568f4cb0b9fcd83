import { expect, it } from 'vitest';
import { metadataEntries, servicesOf } from './metadata.ts';

const meta = (name: string, more = {}) => ({ uid: `uid-${name}`, name, namespace: 'shop', ...more });
const owner = (kind: string, name: string) => [
  { apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true },
];
const upid = '00000003-0024-844a-0000-000008caa618';
const pod = {
  metadata: meta('cart-5d8f-1', {
    labels: { app: 'cart', 'pod-template-hash': '5d8f' },
    ownerReferences: owner('ReplicaSet', 'cart-5d8f'),
  }),
  spec: { nodeName: 'n1', containers: [{ name: 'app' }] },
  status: {
    phase: 'Running',
    podIP: '10.0.0.7',
    qosClass: 'Burstable',
    conditions: [{ type: 'Ready', status: 'True' }],
    startTime: new Date('2026-11-25T04:00:00Z'),
    containerStatuses: [{ name: 'app', containerID: 'containerd://aaa', state: { running: {} } } as never],
  },
};
const service = (name: string, selector: Record<string, string>) => ({
  metadata: meta(name),
  spec: { selector, clusterIP: '10.96.0.1' },
});
const known = {
  node: 'n1',
  pods: [{ pod, goneAt: undefined as number | undefined, served: new Set<string>() }],
  processes: [{ upid, podUid: 'uid-cart-5d8f-1', container: 'aaa', commandLine: '/cart -v' }],
  services: [service('cart', { app: 'cart' }), service('other', { app: 'other' }), service('headless', {})],
  replicaSets: [{ metadata: meta('cart-5d8f', { ownerReferences: owner('Deployment', 'cart') }) }],
  deployments: [
    {
      metadata: meta('cart'),
      spec: { replicas: 2 },
      status: { replicas: 2, readyReplicas: 1, conditions: [{ type: 'Available', status: 'True' }] },
    },
  ],
  namespaces: [{ metadata: { name: 'shop', uid: 'uid-shop' } }],
};

function of(objects: typeof known) {
  const entries = metadataEntries(objects as never);
  return (operation: string, key: string) =>
    entries.find((each) => each.operation === operation && each.key === key)?.value;
}

it.each([
  ['upid_to_pod_name', upid, 'shop/cart-5d8f-1'],
  ['upid_to_pod_id', upid, 'uid-cart-5d8f-1'],
  ['upid_to_namespace', upid, 'shop'],
  ['upid_to_node_name', upid, 'n1'],
  ['upid_to_container_name', upid, 'app'],
  ['upid_to_container_id', upid, 'aaa'],
  ['upid_to_cmdline', upid, '/cart -v'],
  ['upid_to_service_name', upid, 'shop/cart'],
  ['upid_to_deployment_name', upid, 'shop/cart'],
  ['upid_to_deployment_id', upid, 'uid-cart'],
  ['upid_to_replicaset_name', upid, 'shop/cart-5d8f'],
  ['upid_to_pod_qos', upid, 'kBurstable'],
  ['upid_to_pod_status', upid, '{"phase":"Running","message":"","reason":"","ready":true}'],
  ['container_id_to_status', 'aaa', '{"state":"Running","message":"","reason":""}'],
  [
    'replicaset_id_to_owner_references',
    'uid-cart-5d8f',
    String.raw`["{\"uid\":\"uid-cart\",\"kind\":\"Deployment\",\"name\":\"cart\"}"]`,
  ],
  ['service_id_to_external_ips', 'uid-cart', '[]'],
  [
    'deployment_name_to_status',
    'shop/cart',
    `{"replicas":2,"updated_replicas":0,"ready_replicas":1,"available_replicas":0,"unavailable_replicas":0,"requested_replicas":2,"observed_generation":0,"conditions":"\\"Available\\": \\"True\\", "}`,
  ],
  ['pod_name_to_pod_ip', 'shop/cart-5d8f-1', '10.0.0.7'],
  ['pod_name_to_start_time', 'shop/cart-5d8f-1', '1795579200000000000'],
  ['pod_name_to_stop_time', 'shop/cart-5d8f-1', undefined],
  ['pod_id_to_service_name', 'uid-cart-5d8f-1', 'shop/cart'],
  ['ip_to_pod_id', '10.0.0.7', 'uid-cart-5d8f-1'],
  ['service_name_to_service_id', 'shop/cart', 'uid-cart'],
  ['replicaset_name_to_deployment_name', 'shop/cart-5d8f', 'shop/cart'],
  ['deployment_name_to_namespace', 'shop/cart', 'shop'],
  ['namespace_name_to_namespace_id', 'shop', 'uid-shop'],
])('%s(%s) is %s', (operation, key, value) => {
  expect(of(known)(operation, key)).toBe(value);
});

it('a pod that is gone is known by name as before, with the time when it went; its address is not its own any more', () => {
  const gone = of({ ...known, pods: [{ pod, goneAt: 1_000, served: new Set() }], replicaSets: [], deployments: [] });
  expect(gone('upid_to_pod_name', upid)).toBe('shop/cart-5d8f-1');
  expect(gone('upid_to_deployment_name', upid)).toBe('shop/cart');
  expect(gone('upid_to_service_name', upid)).toBe('shop/cart');
  expect(gone('pod_name_to_stop_time', 'shop/cart-5d8f-1')).toBe('1000000000');
  expect(gone('ip_to_pod_id', '10.0.0.7')).toBeUndefined();
  expect(gone('ip_at', '10.0.0.7')).toBe('1795579200000000000:1000000000:uid-cart-5d8f-1');
});

it('several services of a pod are a JSON array', () => {
  const two = of({ ...known, services: [service('cart', { app: 'cart' }), service('all', { app: 'cart' })] });
  expect(two('upid_to_service_name', upid)).toBe('["shop/all","shop/cart"]');
});

it('a service without a selector is that of the pods which its slices name, by name, UID or address', () => {
  const slice = (name: string, endpoint: object) => ({
    metadata: meta(`${name}-x`, { labels: { 'kubernetes.io/service-name': name } }),
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.9'] }, endpoint],
  });
  const named = (endpoint: object, change: object = {}) =>
    servicesOf({ ...pod, status: { podIPs: [{ ip: '10.0.0.7' }] }, ...change }, known.services, [
      slice('headless', endpoint),
      slice('cart', endpoint),
    ] as never);
  const by = (targetRef: object) => ({ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', ...targetRef } });
  // Of cart the selector decides.
  expect(named(by({ name: 'cart-5d8f-1' }))).toEqual(['uid-headless']);
  expect(named(by({ name: 'cart-5d8f-1', uid: 'uid-cart-5d8f-1' }))).toEqual(['uid-headless']);
  expect(named(by({ name: 'cart-5d8f-1', uid: 'another' }))).toEqual([]);
  expect(named({ addresses: ['10.0.0.7'] })).toEqual(['uid-headless']);
  // The address of a pod in the node's network is that of others, too.
  expect(named({ addresses: ['10.0.0.7'] }, { spec: { hostNetwork: true } })).toEqual([]);
  const served = new Set(['uid-headless']);
  const entry = of({ ...known, pods: [{ pod, goneAt: 1_000, served }] });
  expect(entry('upid_to_service_name', upid)).toBe('["shop/cart","shop/headless"]');
});
