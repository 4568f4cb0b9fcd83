import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Pki } from './pki.ts';

/** Where a port of a pod is on this machine; undefined: nobody listens there. */
export type PodPorts = (pod: string, port: number) => number | undefined;

const protocol = 'v4.channel.k8s.io';

/**
 * What a kubelet does for `kubectl port-forward`, for pods that are processes of this machine: the API server sends the streams here (kubelet's
 * pkg/kubelet/server `/portForward/NAMESPACE/POD?port=PORT`; staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). Close it.
 */
export async function servePortForward(pki: Pki, ports: PodPorts): Promise<{ server: Server; port: number }> {
  pki.certificate('kubelet', '/O=system:nodes/CN=system:node:test', 'IP:127.0.0.1');
  const server = createServer({
    key: readFileSync(pki.path('kubelet.key')),
    cert: readFileSync(pki.path('kubelet.crt')),
  });
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(protocol) && protocol,
  });
  sockets.on('connection', (socket, { url = '' }) => {
    const { pathname, searchParams } = new URL(url, 'https://kubelet');
    const pod = pathname.split('/')[3] ?? '';
    forward(socket, pod, Number(searchParams.get('port')), ports);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Channel 0 is the connection's bytes, channel 1 what went wrong; both begin with the port's number. */
function forward(socket: WebSocket, pod: string, port: number, ports: PodPorts): void {
  const send = (channel: number, bytes: Buffer) => {
    if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.from([channel]), bytes]));
  };
  const head = Buffer.alloc(2);
  head.writeUInt16LE(port);
  send(0, head);
  send(1, head);
  const local = ports(pod, port);
  if (local === undefined) {
    send(1, Buffer.from(`nobody listens on port ${port} of pod ${pod}`));
    socket.close();
    return;
  }
  const connection = connect({ host: '127.0.0.1', port: local, noDelay: true });
  connection.on('data', (bytes: Buffer) => {
    send(0, bytes);
    // The reader's pace is the writer's.
    if (socket.bufferedAmount > 4 << 20) {
      connection.pause();
      const look = setInterval(() => {
        if (socket.bufferedAmount > 1 << 20 && socket.readyState === socket.OPEN) return;
        clearInterval(look);
        connection.resume();
      }, 5);
    }
  });
  connection.on('error', (error) => send(1, Buffer.from(error.message)));
  connection.on('close', () => socket.close());
  socket.on('message', (message: RawData) => {
    const bytes = message as Buffer;
    if (bytes[0] === 0) connection.write(bytes.subarray(1));
  });
  socket.on('close', () => connection.destroy());
  socket.on('error', () => connection.destroy());
}
