import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { podInfo } from './pods.ts';
import { exactSelector, NoSuchTarget, parseTarget, podsNamed, whyNoPod } from './target.ts';

function pod(name: string, owner?: { kind: string; name: string; hash?: string }, containers = ['app']) {
  const made: V1Pod = {
    metadata: {
      uid: name,
      name,
      namespace: 'shop',
      ...(owner?.hash ? { labels: { 'pod-template-hash': owner.hash } } : {}),
      ...(owner ? { ownerReferences: [{ ...owner, apiVersion: 'apps/v1', uid: 'r', controller: true }] } : {}),
    },
    spec: { containers: containers.map((each) => ({ name: each })) },
    status: { phase: 'Running' },
  };
  return podInfo(made);
}

const pods = [
  pod('cart-5d8f-1', { kind: 'ReplicaSet', name: 'cart-5d8f', hash: '5d8f' }),
  pod('cart-7c11-1', { kind: 'ReplicaSet', name: 'cart-7c11', hash: '7c11' }),
  pod('cart-db-0', { kind: 'StatefulSet', name: 'cart-db' }, ['db', 'sidecar']),
  pod('lonely'),
];
const namesIn = (target: Omit<Parameters<typeof podsNamed>[0], 'namespace'>) =>
  podsNamed({ namespace: 'shop', ...target }, pods).map(({ name }) => name);

it.each([
  ['pod/cart-1', { kind: 'Pod', name: 'cart-1' }],
  ['pods/cart-1', { kind: 'Pod', name: 'cart-1' }],
  ['po/cart-1', { kind: 'Pod', name: 'cart-1' }],
  ['deploy/cart', { kind: 'Deployment', name: 'cart' }],
  ['Deployment/cart', { kind: 'Deployment', name: 'cart' }],
  ['deployment.apps/cart', { kind: 'Deployment', name: 'cart' }],
  ['sts/db', { kind: 'StatefulSet', name: 'db' }],
  ['job/x', { kind: 'Job', name: 'x' }],
  ['svc/x', undefined],
  ['/usr/bin/cart', undefined],
  ['cart', undefined],
  ['pod/', undefined],
])('%s is %j', (word, expected) => {
  expect(parseTarget(word)).toEqual(expected);
});

describe('pods by name', () => {
  it('a deployment has the pods of all its replica sets, a name is a whole name', () => {
    expect(namesIn({ kind: 'Deployment', name: 'cart' })).toEqual(['cart-5d8f-1', 'cart-7c11-1']);
    expect(namesIn({ kind: 'ReplicaSet', name: 'cart-7c11' })).toEqual(['cart-7c11-1']);
    expect(namesIn({ kind: 'Pod', name: 'lonely' })).toEqual(['lonely']);
    expect(namesIn({})).toHaveLength(4);
  });

  it.each([
    [{ kind: 'Pod', name: 'lonley' }, 'there is no pod lonley in namespace shop; did you mean lonely?'],
    [{ kind: 'Deployment', name: 'cartt' }, 'there is no pod of deploy/cartt in namespace shop; did you mean cart?'],
    [{ kind: 'Deployment', name: 'zzzzzz' }, 'there is no pod of deploy/zzzzzz in namespace shop; there are: cart'],
    [
      { kind: 'Deployment', name: 'cart-db' },
      'there is no pod of deploy/cart-db in namespace shop; cart-db is a StatefulSet: sts/cart-db',
    ],
    [
      { kind: 'StatefulSet', name: 'cart-db', container: 'app' },
      'sts/cart-db in namespace shop has no container app: it has db, sidecar',
    ],
  ] as const)('%j: %s', (target, message) => {
    expect(() => namesIn(target)).toThrow(new NoSuchTarget(message));
  });
});

describe('a name in a script', () => {
  const exact = (name: string, more = {}) => exactSelector({ namespace: 'shop', pod: name, ...more }, pods);

  it('is a whole name, or the beginning of one thing’s', () => {
    expect(exact('cart-5d8f-1').pod).toBe('cart-5d8f-1');
    expect(exact('cart').pod).toBe('cart');
    expect(exact('cart-5d8f').pod).toBe('cart-5d8f');
    expect(exactSelector({ namespace: 'shop', pod: 'cart' }, [pods[2]!]).pod).toBe('cart-db');
    expect(exact('later').pod).toBe('later');
  });

  it('begins up to a hyphen, which may stand there', () => {
    expect(exactSelector({ namespace: 'shop', pod: 'cart-' }, [pods[2]!]).pod).toBe('cart-db');
  });

  it('that nothing has is told with the nearest', () => {
    const why = (selector: object) => whyNoPod({ namespace: 'shop', ...selector }, pods);
    expect(why({ pod: 'cart' })).toBeUndefined();
    expect(why({})).toBeUndefined();
    expect(why({ pod: 'cartt' })).toBe('there is no shop/cartt now; did you mean shop/cart?');
    expect(why({ pod: 'zzzzzz' })).toBe('there is no shop/zzzzzz now');
    expect(why({ labels: { app: 'nothing' } })).toBe('no pod in namespace shop has the labels app=nothing now');
    expect(whyNoPod({ namespace: 'default' }, pods)).toBe('namespace default has no pods now');
  });

  it('that several things begin with is refused with all of them', () => {
    expect(() => exactSelector({ namespace: 'shop', pod: 'cart' }, [pods[2]!, pod('cart-x')])).toThrow(
      'shop/cart is the beginning of several names: shop/cart-db, shop/cart-x',
    );
  });

  it('has the container that is named', () => {
    expect(exact('cart-db', { container: 'db' }).container).toBe('db');
    expect(() => exact('cart-db', { container: 'bd' })).toThrow(
      'no pod that is meant has a container bd: they have db, sidecar',
    );
  });
});
