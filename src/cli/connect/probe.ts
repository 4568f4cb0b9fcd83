import { connect } from 'node:net';

/** What a connection to a Unix socket meets: `open`, or the errno's name (`ENOENT`, `ECONNREFUSED`, `EACCES`). */
export function probeSocket(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('open');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy();
      resolve(error.code ?? error.message);
    });
  });
}
