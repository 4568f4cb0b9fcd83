import { expect, it } from 'vitest';
import type { LogicalTracepoint } from '#model';
import { expiry, objectName, toLogical, toObject, UnusableTracepoint } from './resource.ts';

const logical: LogicalTracepoint = {
  name: 'compute_e_data',
  table: 'compute_e',
  ttlNs: 5_400_000_000_000n,
  target: { kind: 'upid', upid: { agentId: 0xdeadbeef, pid: 4711, startTicks: 99n } },
  probes: [
    {
      function: 'main.computeE',
      columns: [
        { name: 'iterations', capture: { kind: 'argument', text: 'iterations' } },
        { name: 'result', capture: { kind: 'result', text: '$0' } },
        { name: 'latency', capture: { kind: 'latency' } },
      ],
    },
  ],
};
const now = new Date('2026-11-25T04:00:00Z');

it('a tracepoint survives the way through its object', () => {
  const object = toObject(logical, 'shop', now);
  expect(object.metadata).toEqual({ name: 'compute-e-data', namespace: 'shop' });
  expect(object.spec.ttl).toBe('90m');
  expect(toLogical(JSON.parse(JSON.stringify(object)))).toEqual(logical);
});

it('selectors keep all but the namespace, which is the object’s own', () => {
  const pods = { namespace: 'shop', labels: { app: 'cart' }, container: 'app', process: '^/cart' };
  const object = toObject({ ...logical, target: { kind: 'pods', pods } }, 'shop', now);
  expect(object.spec.target).toEqual({ labels: { app: 'cart' }, container: 'app', process: '^/cart' });
  expect(toLogical({ ...object, metadata: { ...object.metadata, namespace: 'other' } }).target).toEqual({
    kind: 'pods',
    pods: { ...pods, namespace: 'other' },
  });
});

it('a process outside any pod makes a cluster-wide object', () => {
  const object = toObject(logical, undefined, now);
  expect(object.kind).toBe('ClusterTracepoint');
  expect(object.metadata.namespace).toBeUndefined();
});

it.each([
  ['compute_e_data', 'compute-e-data'],
  ['a', 'a'],
  ['Upper', /^upper-[0-9a-f]{8}$/],
  ['http requests', /^http-requests-[0-9a-f]{8}$/],
  ['_', /^t[0-9a-f]{8}$/],
  ['x'.repeat(100), /^x{50}-[0-9a-f]{8}$/],
])('%s is named %s', (name, expected) => {
  expect(objectName(name)).toMatch(expected);
  expect(objectName(name)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
});

it('names that differ get objects that differ', () => {
  expect(objectName('Upper')).not.toBe(objectName('uPPER'));
});

it('the time to live counts from the renewal, else from the creation', () => {
  const object = toObject(logical, 'shop', now);
  expect(new Date(expiry(object)).toISOString()).toBe('2026-11-25T05:30:00.000Z');
  const { renewedAt: _, ...spec } = object.spec;
  const created = {
    ...object,
    spec,
    metadata: { ...object.metadata, creationTimestamp: new Date('2026-01-01T00:00:00Z') },
  };
  expect(new Date(expiry(created)).toISOString()).toBe('2026-01-01T01:30:00.000Z');
});

it.each([
  ['a regular expression that is none', { process: '(' }, /process/],
  ['a UPID that is none', { upid: 'x' }, /upid/],
])('refuses %s', (_, target, message) => {
  const object = toObject(logical, 'shop', now);
  expect(() => toLogical({ ...object, spec: { ...object.spec, target } })).toThrow(UnusableTracepoint);
  expect(() => toLogical({ ...object, spec: { ...object.spec, target } })).toThrow(message);
});

it('a cluster-wide object cannot select pods', () => {
  const object = toObject(logical, undefined, now);
  expect(() => toLogical({ ...object, spec: { ...object.spec, target: {} } })).toThrow(/needs a upid/);
});

it('an object has the name of its tracepoint', () => {
  const object = { ...toObject(logical, 'shop', now), metadata: { name: 'other', namespace: 'shop' } };
  expect(() => toLogical(object)).toThrow(/^metadata\.name: the object of the tracepoint .* has the name /);
});
