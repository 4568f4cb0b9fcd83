import { setTimeout as sleep } from 'node:timers/promises';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import { NoAgent } from '../connect/errors.ts';
import { probeSocket } from '../connect/probe.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, UsageError } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';

const goneLimitMs = 5_000;
const pollMs = 20;

/** Exit 3 when none runs. An agent of any version is shown: this is how one finds out. */
export async function agentStatus(context: Context, format: OutputFormat): Promise<ExitCode> {
  const status = await withAgent(context, (agent) => agent.call(sondeMethods.status, {}), {
    start: false,
    anyVersion: true,
  });
  const columns = [
    column('version'),
    column('pid', 'INT64'),
    column('started', 'TIME64NS'),
    column('tracepoints', 'INT64'),
    column('rows', 'INT64'),
    column('resident', 'INT64', 'ST_BYTES'),
    column('asid'),
    column('cluster_id', 'UINT128'),
    column('socket'),
    column('listen'),
    column('ca_file'),
    column('log_file'),
  ];
  const cells = [
    status.version,
    status.pid,
    status.startedNs,
    BigInt(status.tracepoints),
    status.rows,
    status.residentBytes,
    status.asid,
    status.clusterId,
    status.socket,
    orMissing(status.listen && `${status.listen}${status.plaintext ? ' (plaintext)' : ''}`),
    orMissing(status.caFile),
    status.logFile,
  ];
  await printRows(context, format, 'agent', columns, [{ cells }]);
  return exitCodes.ok;
}

export interface StartOptions {
  readonly listen?: { readonly address: string; readonly port: number };
  readonly plaintext?: boolean;
  readonly plaintextOverNetwork?: boolean;
}

export async function agentStart(context: Context, options: StartOptions): Promise<ExitCode> {
  const { listen, plaintext = false, plaintextOverNetwork = false } = options;
  if (listen === undefined && (plaintext || plaintextOverNetwork))
    throw new UsageError('--plaintext says how to listen: add --listen ADDRESS:PORT');
  await withAgent(context, async (agent) => {
    if (listen !== undefined) {
      await agent.call(sondeMethods.listen, {
        ...listen,
        plaintext: plaintext || plaintextOverNetwork,
        plaintextOverNetwork,
      });
    }
    const status = await agent.call(sondeMethods.status, {});
    await context.out.write(`agent ${status.version} runs: pid ${status.pid}, socket ${status.socket}\n`);
    if (status.listen === '') return;
    const how = status.plaintext ? 'plaintext' : `TLS, CA certificate ${status.caFile}`;
    await context.out.write(`it listens on ${status.listen} (${how})\n`);
    const { tokens } = await agent.call(sondeMethods.listTokens, {});
    if (!tokens.some(({ state }) => state === 'valid'))
      tell(context, 'nobody has a token for it yet: `px token create NAME` makes one');
  });
  return exitCodes.ok;
}

/** Says what went with the agent. That none runs is no failure: it is what was asked for. */
export async function agentStop(context: Context): Promise<ExitCode> {
  try {
    const reply = await withAgent(
      context,
      async (agent) => {
        const stopped = await agent.call(sondeMethods.stop, {});
        await socketClosed(agent.endpoint.socket);
        return stopped;
      },
      { start: false, anyVersion: true },
    );
    const gone = `${plural(BigInt(reply.tracepoints), 'tracepoint')} and ${plural(reply.rows, 'row')}`;
    await context.out.write(`agent stopped (pid ${reply.pid}); ${gone} went with it\n`);
  } catch (error) {
    if (!(error instanceof NoAgent)) throw error;
    tell(context, 'no agent was running');
  }
  return exitCodes.ok;
}

/** The next px must not meet the agent that is going. */
async function socketClosed(socket: string): Promise<void> {
  for (let waited = 0; waited < goneLimitMs; waited += pollMs) {
    if ((await probeSocket(socket)) !== 'open') return;
    await sleep(pollMs);
  }
}

function plural(count: bigint, thing: string): string {
  return `${count} ${thing}${count === 1n ? '' : 's'}`;
}
