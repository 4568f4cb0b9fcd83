import { deepStrictEqual, strictEqual } from 'node:assert';
import { freePort } from '../../../testing/free-port.ts';
import { startProcess, temporaryFolder } from '../../../testing/process.ts';
import { built } from './built.ts';
import { Load } from './load.ts';
import type { Served } from './watch.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

export const key = (n: number) => `key/${n}/größe`;
export const value = (n: number) => `value ${n} ${'ü'.repeat(n % 40)}`;

/** Puts, ranges, transactions, leases and deletions by etcd's JSON gateway, which calls its gRPC server. */
export async function serveEtcd(stripped = false): Promise<Served> {
  const program = await built('etcd', stripped);
  const [clients, peers] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${clients}`;
  const server = await startProcess(program, {
    args: [
      ...['--data-dir', temporaryFolder('sonde-etcd-'), '--listen-client-urls', url, '--advertise-client-urls', url],
      ...[
        '--listen-peer-urls',
        `http://127.0.0.1:${peers}`,
        '--initial-advertise-peer-urls',
        `http://127.0.0.1:${peers}`,
      ],
      ...['--initial-cluster', `default=http://127.0.0.1:${peers}`, '--unsafe-no-fsync', '--log-level', 'warn'],
    ],
  });
  // biome-ignore lint/suspicious/noExplicitAny: what the gateway answers is checked where it is used
  const call = async (path: string, message: object): Promise<any> => {
    const answer = await fetch(`${url}/v3/${path}`, { method: 'POST', body: JSON.stringify(message) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  for (let tries = 0; ; tries++) {
    try {
      await call('kv/put', { key: base64('ready'), value: base64('yes') });
      break;
    } catch (error) {
      if (tries > 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  return {
    server,
    faults: /panic:|fatal error:|"level":"(?:error|fatal|panic)"/,
    load: new Load(async (n) => {
      const lease = String(1_000_000_000_000 + n);
      if (n % 3 === 0) strictEqual((await call('lease/grant', { TTL: 600 + (n % 100), ID: lease })).ID, lease);
      const put = { key: base64(key(n)), value: base64(value(n)), prev_kv: true };
      await call('kv/put', n % 3 === 0 ? { ...put, lease } : put);
      const { kvs } = await call('kv/range', { key: base64(key(n)), limit: n });
      strictEqual(kvs[0].value, base64(value(n)));
      if (n % 3 === 1) {
        const compare = { key: base64(key(n)), target: 'VALUE', result: 'EQUAL', value: base64(value(n)) };
        const success = [{ requestPut: { key: base64(key(n)), value: base64(`${value(n)}!`) } }];
        const failure = [{ requestRange: { key: base64(key(n)) } }];
        strictEqual((await call('kv/txn', { compare: [compare], success, failure })).succeeded, true);
      }
      deepStrictEqual((await call('kv/deleterange', { key: base64(key(n)) })).deleted, '1');
      if (n % 3 === 0) await call('lease/revoke', { ID: lease });
    }),
  };
}
