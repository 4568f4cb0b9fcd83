import { readFileSync } from 'node:fs';
import { PixieWire } from './pixie-wire.ts';
import type { PxEnvironment } from './px.ts';

/** An agent that listens on the loopback address, and how to get in. */
export interface TestDoor {
  readonly address: string;
  readonly caFile: string;
  readonly tracer: string;
  readonly viewer: string;
  wire(): PixieWire;
}

/** Starts the agent of `sonde` with a network door on a free port, and makes the tokens `tracer` and `viewer`. */
export async function openDoor(sonde: PxEnvironment, { plaintext = false } = {}): Promise<TestDoor> {
  await sonde.ok(['agent', 'start', '--listen', '127.0.0.1:0', ...(plaintext ? ['--plaintext'] : [])]);
  const [status] = await sonde.rows<{ listen: string; ca_file: string | null }>(['agent', 'status']);
  const address = status!.listen.replace(' (plaintext)', '');
  const caFile = status!.ca_file ?? '';
  const ca = plaintext ? undefined : readFileSync(caFile, 'utf8');
  return {
    address,
    caFile,
    tracer: await createToken(sonde, 'tracer', ['--role', 'tracer']),
    viewer: await createToken(sonde, 'viewer'),
    wire: () => new PixieWire(address, ca),
  };
}

export async function createToken(
  sonde: PxEnvironment,
  name: string,
  options: readonly string[] = [],
): Promise<string> {
  return (await sonde.ok(['token', 'create', name, ...options])).stdout.trim();
}
