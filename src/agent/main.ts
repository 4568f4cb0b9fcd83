import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BadSetting } from '#base';

/**
 * The agent's own process: `node src/agent/main.ts --dir DIR`. Everything that it writes lies in DIR, readable by its owner alone.
 * With `--node NAME` it is the agent of a cluster's node: it goes to the broker of the namespace `--broker`, with the token in the file `--token`, and
 * answers operators on `--health`. `--broker-address HOST:PORT`: where that is not what the Service says.
 */
const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    node: { type: 'string' },
    broker: { type: 'string' },
    'broker-address': { type: 'string' },
    token: { type: 'string', default: '/var/run/secrets/sonde/token' },
    health: { type: 'string' },
  },
});
if (!values.dir) {
  process.stderr.write('usage: main.ts --dir DIR (px starts the agent by itself)\n');
  process.exit(2);
}
const dir = values.dir;
process.umask(0o077);
// A log that cannot be written (the disk is full) is no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
mkdirSync(dir, { recursive: true, mode: 0o700 });
chmodSync(dir, 0o700);

const { Agent } = await import('./agent.ts').catch(badSetting);
const { answers, claim, ownSocketPath, removeStale, socketPath } = await import('./socket.ts');
const { socketAccess } = await import('./access.ts');
const { bind, serve } = await import('./service.ts');

const path = socketPath(dir);
if (await answers(path)) process.exit(0);
removeStale(dir);
const own = ownSocketPath(dir);
const agent = Agent.start(dir, path);
const server = serve(agent, socketAccess, { 'grpc.max_receive_message_length': 16 << 20 });
await bind(server, own);

/** What the environment says wrongly is a line in the log, which px shows: no stack of ours helps. */
function badSetting(error: Error): never {
  if (!(error instanceof BadSetting)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}

let ending = false;
/** Probes first, then rows, then the socket: what is left after a crash, the kernel and the next agent clean up. */
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  try {
    await agent.close();
  } catch (error) {
    process.stderr.write(`the agent did not end in order: ${(error as Error).stack}\n`);
  }
  rmSync(path, { force: true });
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => process.exit(0), 1000).unref();
}

const claimed = await claim(own, path);
rmSync(own, { force: true });
// Another agent was quicker: everybody will talk to that one.
if (!claimed) process.exit(0);
agent.onEnd = end;
agent.prepare();
if (values.node !== undefined) {
  const { joinCluster } = await import('./cluster/join.ts');
  const broker = { namespace: values.broker ?? '', address: values['broker-address'], token: values.token };
  await joinCluster(agent, { node: values.node, broker, healthPort: Number(values.health ?? 50302) });
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
