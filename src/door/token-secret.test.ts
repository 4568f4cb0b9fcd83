import { expect, test } from 'vitest';
import { makeToken } from './token-record.ts';
import { bindingCommands, fromSecret, subjectOf, toSecret } from './token-secret.ts';

const { token, record } = makeToken({ name: 'ci', role: 'tracer', lifetimeNs: 0n, namespaces: ['shop'] }, 'jane');

test('a token comes out of its Secret as it went in, and is not in it itself', () => {
  const secret = toSecret(record);
  expect(Buffer.from(secret.data['token.json']!, 'base64').toString()).not.toContain(token);
  expect(fromSecret(secret)).toEqual(record);
});

test('nobody comes in by a Secret that is damaged, or holds the record of another', () => {
  const secret = toSecret(record);
  const other = { ...secret, metadata: { ...secret.metadata, name: 'boss' } };
  const data = (text: string) => ({ ...secret, data: { 'token.json': Buffer.from(text).toString('base64') } });
  const bad = [
    other,
    data('{'),
    data('null'),
    data(JSON.stringify({ ...record, role: 'root' })),
    { ...secret, data: {} },
    {},
  ];
  expect(bad.map(fromSecret)).toEqual(bad.map(() => undefined));
});

test('the subject is a service account of the tokens’ namespace; its rights are bound by name', () => {
  expect(subjectOf('ci').user).toBe('system:serviceaccount:sonde-tokens:ci');
  expect(bindingCommands('ci', 'viewer', [])).toEqual([
    'kubectl create clusterrolebinding sonde-token-ci --clusterrole=sonde-viewer --serviceaccount=sonde-tokens:ci',
  ]);
  expect(bindingCommands('ci', 'tracer', ['a', 'b'])).toEqual([
    'kubectl -n a create rolebinding sonde-token-ci --clusterrole=sonde-tracer --serviceaccount=sonde-tokens:ci',
    'kubectl -n b create rolebinding sonde-token-ci --clusterrole=sonde-tracer --serviceaccount=sonde-tokens:ci',
  ]);
});
