import { type RealServerName, realServer } from '../../../testing/real-server.ts';

/** Path of a server's program; an error where it cannot be built. */
export async function built(name: RealServerName, stripped = false): Promise<string> {
  const program = await realServer(name, stripped);
  if (program === undefined) throw new Error(`${name} cannot be built: is there a Go module proxy?`);
  return program;
}
