import type { V1Pod } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { Pods, podInfo, selects } from './pods.ts';

function pod(name: string, containerId: string): V1Pod {
  return {
    metadata: {
      uid: `uid-of-${name}`,
      name,
      namespace: 'shop',
      labels: { app: 'cart', 'pod-template-hash': '5d8f' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-5d8f', uid: 'r', controller: true }],
    },
    spec: { nodeName: 'n1', containers: [{ name: 'app' }] },
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'app', containerID: `containerd://${containerId}` } as never],
    },
  };
}

it('a pod knows its containers and the deployment behind its replica set', () => {
  const info = podInfo(pod('cart-5d8f-1', 'aaa'));
  expect([...info.containers]).toEqual([['aaa', 'app']]);
  expect(info.workloads).toEqual([
    { kind: 'ReplicaSet', name: 'cart-5d8f' },
    { kind: 'Deployment', name: 'cart' },
  ]);
});

it.each([
  [{}, true],
  [{ pod: 'cart-5d8f-1' }, true],
  [{ pod: 'cart' }, true],
  [{ pod: 'car' }, false],
  [{ pod: 'cart-5d8f' }, true],
  [{ pod: 'cart-5d' }, false],
  [{ pod: 'cart-5d8f-1-2' }, false],
  [{ labels: { app: 'cart' } }, true],
  [{ labels: { app: 'cart', tier: 'x' } }, false],
  [{ workload: { kind: 'Deployment', name: 'cart' } }, true],
  [{ workload: { kind: 'StatefulSet', name: 'cart' } }, false],
  [{ container: 'app' }, true],
  [{ container: 'sidecar' }, false],
  [{ process: '^/cart .*-port' }, true],
  [{ process: '^cart' }, false],
])('%j: %s', (narrower, expected) => {
  const info = podInfo(pod('cart-5d8f-1', 'aaa'));
  expect(selects({ namespace: 'shop', ...narrower }, info, 'app', '/cart -v -port 80')).toBe(expected);
  expect(selects({ namespace: 'shop', ...narrower }, info, '', '/pause')).toBe(false);
  expect(selects({ namespace: 'other', ...narrower }, info, 'app', '/cart -v -port 80')).toBe(false);
});

it('a pod that is gone stays known for as long as its rows, and containers that were started again too', () => {
  let now = 0;
  const pods = new Pods(1000, () => now);
  pods.set(pod('a', 'first'));
  pods.set(pod('a', 'second'));
  expect([...pods.byUid('uid-of-a')!.containers.keys()]).toEqual(['first', 'second']);
  pods.gone(pod('a', 'second'));
  now = 1000;
  pods.set(pod('b', 'x'));
  pods.gone(pod('b', 'x'));
  expect(pods.byUid('uid-of-a')?.name).toBe('a');
  now = 1001;
  pods.gone(pod('b', 'x'));
  expect(pods.byUid('uid-of-a')).toBeUndefined();
  expect(pods.byUid('uid-of-b')?.name).toBe('b');
});
