import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';

/** Below those that the kernel gives to connections (ip_local_port_range begins at 32768), which could have taken one before it is listened on, and below a cluster's node ports. */
const ports = { first: 10_000, last: 29_999 } as const;

/** Names in the abstract namespace say which ports are given away: they go with the process that has them. */
const given: Server[] = [];

/** A TCP port that nobody has, and that no other process of the tests is given while this one lives. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + Math.floor(Math.random() * (ports.last - ports.first + 1));
    const name = await listening({ path: `\0sonde-test-port-${port}` });
    if (name === undefined) continue;
    const trial = await listening({ port });
    if (trial === undefined) {
      name.close();
      continue;
    }
    given.push(name.unref());
    trial.close();
    await once(trial, 'close');
    return port;
  }
}

export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

/** Undefined: somebody has it. */
async function listening(place: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  try {
    server.listen(place);
    await once(server, 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}
