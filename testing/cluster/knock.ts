import { createSign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde } from '#api';
import { version as ownVersion } from '../version.ts';
import type { Pki } from './pki.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export interface Knock {
  /** Default: as the broker. */
  readonly version?: string;
  /** Set: stays until this has resolved, or the broker closes the connection: then the answer is `closed`. */
  readonly until?: Promise<unknown>;
}

/** Comes to the broker's door for agents as an agent with this token, and goes again. What the broker says: empty, it may stay. */
export async function knock(port: number, ca: string, token: string, { version, until }: Knock = {}): Promise<string> {
  const server = new grpc.Server();
  const answer = new Promise<string>((resolve) => {
    server.addService(grpcService(sonde.NodeServiceDefinition, asBuffer), {
      identify: (_: unknown, reply: grpc.sendUnaryData<sonde.IdentifyReply>) =>
        reply(null, { token, version: version ?? ownVersion, api: apiFingerprint }),
      welcome: ({ request }: { request: sonde.WelcomeRequest }, reply: grpc.sendUnaryData<sonde.WelcomeReply>) => {
        reply(null, {});
        resolve(request.refused);
      },
    });
  });
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'broker.sonde.svc', ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const gone = new Promise<string>((resolve) => socket.once('close', () => resolve('closed without a word')));
  socket.on('error', () => {});
  server.createConnectionInjector(grpc.ServerCredentials.createInsecure()).injectConnection(socket);
  try {
    const said = await Promise.race([answer, gone]);
    if (until === undefined || said !== '') return said;
    return await Promise.race([until.then(() => ''), gone.then(() => 'closed')]);
  } finally {
    server.forceShutdown();
    socket.destroy();
  }
}

/** A token as the API server itself would sign it for an agent's pod, good until `expires` (seconds since 1970). */
export function signedToken(
  pki: Pki,
  { account, pod, expires }: { readonly account: string; readonly pod: Identity; readonly expires: number },
): string {
  const claims = {
    iss: 'https://kubernetes.default.svc',
    aud: ['sonde-broker'],
    sub: 'system:serviceaccount:sonde:agent',
    iat: expires - 3600,
    nbf: expires - 3600,
    exp: expires,
    'kubernetes.io': { namespace: 'sonde', serviceaccount: { name: 'agent', uid: account }, pod },
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createSign('RSA-SHA256')
    .update(text)
    .sign(readFileSync(pki.path('sa.key')), 'base64url')}`;
}

interface Identity {
  readonly name: string;
  readonly uid: string;
}
