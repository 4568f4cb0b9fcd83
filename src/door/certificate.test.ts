import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { makeServerIdentity } from './certificate.ts';

const hosts = [
  'localhost',
  'node-7.example',
  '127.0.0.1',
  '10.1.2.3',
  '::1',
  'fe80::1:2',
  '2001:db8::',
  '::ffff:1.2.3.4',
];
const identity = makeServerIdentity(hosts);
const ca = new X509Certificate(identity.ca);
const leaf = new X509Certificate(identity.certificate);

test('the authority signs, and nothing else; the certificate serves, and signs nothing', () => {
  expect(ca.ca).toBe(true);
  expect(ca.verify(ca.publicKey)).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.verify(leaf.publicKey)).toBe(false);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  expect(leaf.serialNumber).not.toBe(ca.serialNumber);
});

test('it is valid now, and for ten years', () => {
  const now = Date.now();
  for (const certificate of [ca, leaf]) {
    expect(Date.parse(certificate.validFrom)).toBeLessThan(now);
    expect(Date.parse(certificate.validTo) - now).toBeGreaterThan(9.9 * 365 * 86_400_000);
  }
});

test('it is for its hosts, and no others', () => {
  for (const host of ['localhost', 'node-7.example']) expect(leaf.checkHost(host)).toBe(host);
  for (const host of hosts.slice(2)) expect([host, leaf.checkIP(host)]).toEqual([host, host]);
  expect(leaf.checkHost('example')).toBeUndefined();
  expect(leaf.checkIP('10.1.2.4')).toBeUndefined();
});

test('TLS by it is accepted with its CA, and without it is not', async () => {
  const server = createServer({ key: identity.key, cert: identity.certificate, minVersion: 'TLSv1.3' });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const trusting: TLSSocket = connect({ port, host: '127.0.0.1', ca: identity.ca });
    await once(trusting, 'secureConnect');
    expect([trusting.authorized, trusting.getProtocol()]).toEqual([true, 'TLSv1.3']);
    trusting.destroy();
    const stranger = connect({ port, host: '127.0.0.1', ca: makeServerIdentity(['127.0.0.1']).ca });
    const [error] = await once(stranger, 'error').catch((thrown) => [thrown]);
    expect(error.code).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/);
    const old = connect({ port, host: '127.0.0.1', ca: identity.ca, maxVersion: 'TLSv1.2' });
    expect((await once(old, 'error').catch((thrown) => [thrown]))[0].code).toMatch(/PROTOCOL_VERSION|EPROTO/);
  } finally {
    server.close();
  }
});
