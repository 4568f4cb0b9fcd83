import { expect, test } from 'vitest';
import type { Pod } from '#cluster';
import { brokerState } from './broker.ts';

const pod = (name: string, status: Pod['status'], going = false): Pod => ({
  metadata: { name, ...(going ? { deletionTimestamp: new Date() } : {}) },
  ...(status ? { status } : {}),
});
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const waiting = (reason: string, message?: string) => {
  const state = { waiting: { reason, ...(message === undefined ? {} : { message }) } };
  return {
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ name: 'broker', image: '', imageID: '', ready: false, restartCount: 0, state }],
  };
};

test.each([
  ['none', [], { kind: 'absent' }],
  ['one that is being deleted', [pod('a', ready, true)], { kind: 'absent' }],
  ['a ready one beside one that starts', [pod('a', waiting('x')), pod('b', ready)], { kind: 'ready', pod: 'b' }],
  ['the next one', [pod('a', ready, true), pod('b', undefined)], { kind: 'starting', why: 'pod b' }],
  ['one that is made', [pod('a', waiting('ContainerCreating'))], { kind: 'starting', why: 'pod a: ContainerCreating' }],
  [
    'one for which there is no room',
    [pod('a', { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' }] })],
    { kind: 'starting', why: 'pod a: 0/1 nodes are available' },
  ],
  [
    'one that ends again and again',
    [pod('a', waiting('CrashLoopBackOff', 'back-off 40s'))],
    { kind: 'stuck', why: 'pod a: CrashLoopBackOff: back-off 40s' },
  ],
  [
    'one whose image does not come',
    [pod('a', waiting('ImagePullBackOff'))],
    { kind: 'stuck', why: 'pod a: ImagePullBackOff' },
  ],
])('%s', (_, pods, state) => {
  expect(brokerState(pods)).toEqual(state);
});
