import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterClient, ClusterError, type Secret } from '#cluster';
import { type Authority, makeAuthority } from '#door';

/** The Secret that holds the CA with its key, and the ConfigMap by which clients learn of it. */
const name = 'broker-ca';
const renewMs = 30 * 86_400_000;

/**
 * The CA of a cluster's broker: made by the first one that starts, kept in a Secret that only brokers read, so that clients go on trusting
 * the next; published in a ConfigMap. Each broker issues a certificate of its own by it, whose key is in its memory only.
 */
export async function clusterAuthority(client: ClusterClient, namespace: string): Promise<Authority> {
  for (;;) {
    const metadata = { name, namespace };
    const secret = await client.read<Secret>({ apiVersion: 'v1', kind: 'Secret', metadata });
    const kept = keptIn(secret);
    const authority = kept ?? makeAuthority();
    try {
      if (kept === undefined) await client.replace(withAuthority(secret, metadata, authority));
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.pem': authority.certificate } };
      await client.apply(map, 'sonde-broker');
      return authority;
    } catch (error) {
      // Another broker was quicker: its CA is the one.
      if (!(error instanceof ClusterError && error.status === 409)) throw error;
      await sleep(100);
    }
  }
}

function keptIn(secret: Secret | undefined): Authority | undefined {
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  const authority = { certificate: text('ca.pem'), key: text('ca.key') };
  if (authority.certificate === '' || authority.key === '') return undefined;
  const until = Date.parse(new X509Certificate(authority.certificate).validTo);
  return until > Date.now() + renewMs ? authority : undefined;
}

/** With the version that was read: written over by nobody who has not seen it. */
function withAuthority(secret: Secret | undefined, metadata: object, { certificate, key }: Authority) {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: secret?.metadata ?? metadata,
    data: { 'ca.pem': encode(certificate), 'ca.key': encode(key) },
  };
}
