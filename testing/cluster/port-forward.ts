import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Pki } from './pki.ts';
import { WebSocketEnd } from './web-socket.ts';

/** Where a port of a pod is on this machine; undefined: nobody listens there. */
export type PodPorts = (pod: string, port: number) => number | undefined;

/**
 * What a kubelet does for `kubectl port-forward`, for pods that are processes of this machine: the API server sends the streams here (kubelet's
 * `/portForward/NAMESPACE/POD?port=PORT`; k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). Close it.
 */
export async function servePortForward(
  pki: Pki,
  ports: PodPorts,
): Promise<{ server: Server; port: number; cut: () => void }> {
  const open = new Set<Duplex>();
  pki.certificate('kubelet', '/O=system:nodes/CN=system:node:test', 'IP:127.0.0.1');
  const server = createServer({
    key: readFileSync(pki.path('kubelet.key')),
    cert: readFileSync(pki.path('kubelet.crt')),
  });
  server.on('upgrade', (request, socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://kubelet');
    const pod = pathname.split('/')[3] ?? '';
    forward(new WebSocketEnd(request, socket, 'v4.channel.k8s.io'), pod, Number(searchParams.get('port')), ports);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return { server, port: (server.address() as AddressInfo).port, cut };
}

/** Channel 0 is the connection's bytes, channel 1 what went wrong; both begin with the port's number. */
const [data, complaint] = [Buffer.from([0]), Buffer.from([1])];

function forward(client: WebSocketEnd, pod: string, port: number, ports: PodPorts): void {
  const head = Buffer.alloc(2);
  head.writeUInt16LE(port);
  client.send(data, head);
  client.send(complaint, head);
  const local = ports(pod, port);
  if (local === undefined) {
    client.send(complaint, Buffer.from(`nobody listens on port ${port} of pod ${pod}`));
    client.close();
    return;
  }
  const connection = connect({ host: '127.0.0.1', port: local, noDelay: true });
  connection.on('data', (bytes: Buffer) => {
    if (client.send(data, bytes)) return;
    connection.pause();
    client.drained(() => connection.resume());
  });
  connection.on('error', (error) => client.send(complaint, Buffer.from(error.message)));
  connection.on('close', () => client.close());
  client.onMessage = (bytes) => {
    if (bytes[0] === 0) connection.write(bytes.subarray(1));
  };
  client.onClose = () => connection.destroy();
}
