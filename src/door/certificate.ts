import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  boolean,
  type Der,
  explicit,
  identifier,
  implicit,
  octets,
  sequence,
  set,
  time,
  unsigned,
  utf8,
} from './der.ts';

/** What a TLS server needs, PEM. */
export interface ServerIdentity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority, PEM. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
}

/** Who has no other key to renew a certificate by must live with it. */
const years = 10;

const ecdsaWithSha256 = sequence(identifier('1.2.840.10045.4.3.2'));

/** For these names and IP addresses, by an authority of its own, whose key is forgotten at once. */
export function makeServerIdentity(hosts: readonly string[]): ServerIdentity {
  return issueIdentity(makeAuthority(), hosts);
}

/** ECDSA on P-256 (RFC 5280, RFC 5480). */
export function makeAuthority(): Authority {
  const key = newKey();
  const name = `Sonde CA ${randomBytes(4).toString('hex')}`;
  const made = certificate({
    subject: name,
    issuer: name,
    publicKey: key,
    signer: key,
    // cA, no authorities below it; keyCertSign.
    extensions: [
      extension('2.5.29.19', true, sequence(boolean(true), unsigned(Buffer.from([0])))),
      extension('2.5.29.15', true, bits(Buffer.from([0x04]), 2)),
      extension('2.5.29.14', false, octets(keyIdentifier(key))),
    ],
  });
  return { certificate: made, key: pem(key) };
}

/** A server certificate for these names and IP addresses. `authority`: one that `makeAuthority` made. */
export function issueIdentity(authority: Authority, hosts: readonly string[]): ServerIdentity {
  const signer = createPrivateKey(authority.key);
  const key = newKey();
  const leaf = certificate({
    subject: 'Sonde',
    issuer: new X509Certificate(authority.certificate).subject.replace(/^CN=/, ''),
    publicKey: key,
    signer,
    // No authority; digitalSignature; serverAuth; the names.
    extensions: [
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)),
      extension('2.5.29.37', false, sequence(identifier('1.3.6.1.5.5.7.3.1'))),
      extension('2.5.29.17', false, sequence(...hosts.map(generalName))),
      extension('2.5.29.14', false, octets(keyIdentifier(key))),
      extension('2.5.29.35', false, sequence(implicit(0, keyIdentifier(signer)))),
    ],
  });
  return { ca: authority.certificate, certificate: leaf, key: pem(key) };
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function publicInfo(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(publicInfo(key)).digest().subarray(0, 20);
}

function certificate(of: {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Der[];
}): string {
  const now = Date.now();
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x01;
  const toBeSigned = sequence(
    explicit(0, unsigned(Buffer.from([2]))),
    unsigned(serial),
    ecdsaWithSha256,
    commonName(of.issuer),
    // Clocks differ a little.
    sequence(time(new Date(now - 3_600_000)), time(new Date(now + years * 365 * 86_400_000))),
    commonName(of.subject),
    publicInfo(of.publicKey),
    explicit(3, sequence(...of.extensions)),
  );
  const der = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, of.signer)));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function commonName(name: string): Der {
  return sequence(set(sequence(identifier('2.5.4.3'), utf8(name))));
}

function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(identifier(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function generalName(host: string): Der {
  return isIP(host) === 0 ? implicit(2, Buffer.from(host, 'latin1')) : implicit(7, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes every IPv6 address in one form: no embedded IPv4, at most one `::`.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined) => (text ? text.split(':') : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...new Array<string>(missing).fill('0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
