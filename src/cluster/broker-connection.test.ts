import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { BrokerConnection } from './broker-connection.ts';
import type { ClusterClient } from './client.ts';

/** Listens and accepts nobody: when its queue is full, Linux answers no SYN any more. */
const deaf = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

const sockets: Socket[] = [];
let worker: Worker | undefined;
let connection: BrokerConnection | undefined;

afterEach(async () => {
  connection?.close();
  for (const socket of sockets) socket.destroy();
  await worker?.terminate();
  vi.restoreAllMocks();
});

it('does not wait long for an address at which nobody answers', async () => {
  worker = new Worker(deaf, { eval: true });
  const [port] = await once(worker, 'message');
  for (let i = 0; i < 8; i++) sockets.push(connect(port, '127.0.0.1').on('error', () => {}));
  const told: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
  const client = { read: async () => ({ data: { 'ca.pem': rootCertificates[0] } }) } as unknown as ClusterClient;
  connection = new BrokerConnection(client, { namespace: 'sonde', address: `127.0.0.1:${port}`, token: '' }, () => {});
  await vi.waitFor(() => expect(told.join('')).toContain(`127.0.0.1:${port}: nothing answers within 3 s`), {
    timeout: 6_000,
  });
});
